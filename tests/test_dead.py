"""Dead letters: kept with their reason, oldest first, until somebody redrives or drops them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from engine.dead import DeadLetter, bury, dead_key, list_dead, unbury

if TYPE_CHECKING:
    from engine.commit import Database
    from tests.fakes import FakeClock


def letter(letter_id: str = "d1", **fields: Any) -> DeadLetter:
    default = {"source": "event", "worker": "score", "subject": "{}", "reason": "KeyError", "died_at": 1.0}
    return DeadLetter.model_validate({"id": letter_id} | default | fields)


async def buried(db: Database, clock: FakeClock, *letters: DeadLetter) -> None:
    for each in letters:
        commit = db.commit(clock.now())
        await bury(commit, each)
        assert [fact.name for fact in commit.facts] == ["dead_lettered"]
        await db.apply(commit)


async def test_letters_come_oldest_first(db: Database, clock: FakeClock) -> None:
    await buried(db, clock, letter("d2", died_at=2.0), letter("d1", died_at=1.0))
    assert [found.id for found in await list_dead(db)] == ["d1", "d2"]


async def test_who_dies_again_is_listed_once_with_the_newest_reason(db: Database, clock: FakeClock) -> None:
    await buried(db, clock, letter(), letter(reason="ValueError", died_at=3.0))
    assert [(found.id, found.reason) for found in await list_dead(db)] == [("d1", "ValueError")]


async def test_what_is_taken_away_leaves_nothing(db: Database, clock: FakeClock) -> None:
    await buried(db, clock, letter(), letter("d2"))
    commit = db.commit(clock.now())
    unbury(commit, "d1")
    await db.apply(commit)
    assert [found.id for found in await list_dead(db)] == ["d2"]
    assert not await db.redis.exists(dead_key(db.keys, "d1"))


async def test_an_entry_without_its_letter_is_left_out(db: Database, clock: FakeClock) -> None:
    await buried(db, clock, letter(), letter("d2"))
    await db.redis.delete(dead_key(db.keys, "d1"))
    assert [found.id for found in await list_dead(db)] == ["d2"]
