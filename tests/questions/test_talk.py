"""What was said lately in a room: bounded in number and time, and never heard anew without its context."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from engine.clock import DAY
from engine.questions.rules import Heard
from engine.questions.talk import KEPT, LATELY, Talk, listen, unhear

if TYPE_CHECKING:
    from engine.commit import Database
    from tests.fakes import FakeClock

ROOM = 5


async def hears(db: Database, clock: FakeClock, *messages: Heard) -> list[str]:
    """The ids of what is returned for the last of the messages."""
    found: list[str] = []
    for message in messages:
        commit = db.commit(clock.now())
        found = [each.message_id for each in await listen(commit, ROOM, message)]
        await db.apply(commit)
    return found


def message(number: int, clock: FakeClock, *, ago: float = 0.0, nouns: tuple[str, ...] = ()) -> Heard:
    return Heard(str(number), 101, int(clock.now() - ago), nouns=frozenset(nouns))


async def kept(db: Database) -> list[str]:
    found, _ = await db.read(db.keys("talk", ROOM), Talk)
    return [each.message_id for each in found.said] if found else []


async def test_messages_stand_in_the_order_in_which_they_were_said(db: Database, clock: FakeClock) -> None:
    said = await hears(db, clock, message(1, clock, ago=60), message(3, clock), message(2, clock, ago=30))
    assert said == await kept(db) == ["1", "2", "3"]


async def test_a_newer_text_takes_the_place_of_the_older(db: Database, clock: FakeClock) -> None:
    await hears(db, clock, message(1, clock), message(1, clock, nouns=("床材",)))
    found, _ = await db.read(db.keys("talk", ROOM), Talk)
    assert found is not None
    assert [each.nouns for each in found.said] == [frozenset({"床材"})]


async def test_no_more_than_the_newest_are_kept(db: Database, clock: FakeClock) -> None:
    await hears(db, clock, *(message(number, clock, ago=500 - number) for number in range(1, KEPT + 11)))
    assert await kept(db) == [str(number) for number in range(11, KEPT + 11)]


@pytest.mark.parametrize("ago", [LATELY, 9 * DAY])
async def test_what_was_said_before_lately_is_returned_alone(db: Database, clock: FakeClock, ago: float) -> None:
    assert await hears(db, clock, message(5, clock), message(1, clock, ago=ago)) == ["1"]
    assert await kept(db) == ["5"]


async def test_a_deleted_message_is_gone(db: Database, clock: FakeClock) -> None:
    await hears(db, clock, message(1, clock), message(2, clock))
    commit = db.commit(clock.now())
    assert [each.message_id for each in await unhear(commit, ROOM, "1")] == ["2"]
    await db.apply(commit)
    assert await kept(db) == ["2"]
