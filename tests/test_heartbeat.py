"""Signs of life: who gave one lately, on which host, and what becomes of old and broken ones."""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING, Any

import pytest
from redis.asyncio.client import Pipeline

from engine.heartbeat import FORGET, STALE, Beat, beat, beats, is_alive, own_name

if TYPE_CHECKING:
    from engine.commit import Database

NOW = 1_700_000_000.0


async def put(db: Database, name: str, data: str) -> None:
    await db.redis.hset(db.keys("beats"), name, data)  # type: ignore[misc]  # redis-py types both of its clients at once


def test_a_process_signs_with_part_host_and_number() -> None:
    assert own_name("nudge") == f"nudge@{socket.gethostname()}:{os.getpid()}"


async def test_a_sign_is_read_as_it_was_given(db: Database) -> None:
    await beat(db, "ingress", Beat(at=NOW, last_webhook=NOW - 5))
    assert await beats(db, NOW) == {own_name("ingress"): Beat(at=NOW, last_webhook=NOW - 5)}


async def test_a_later_sign_replaces_the_earlier(db: Database) -> None:
    for at in (NOW, NOW + 5):
        await beat(db, "nudge", Beat(at=at))
    assert await beats(db, NOW) == {own_name("nudge"): Beat(at=NOW + 5)}


@pytest.mark.parametrize(
    "data",
    [
        pytest.param("", id="nothing"),
        pytest.param("{", id="no JSON"),
        pytest.param("{}", id="no time"),
        pytest.param('{"at": 1.0, "mood": "good"}', id="a shape of another version"),
    ],
)
async def test_what_cannot_be_read_is_no_sign(db: Database, data: str) -> None:
    await put(db, "nudge@a:1", data)
    assert await beats(db, NOW) == {}


async def test_who_is_dead_for_an_hour_is_forgotten(db: Database) -> None:
    await put(db, "nudge@a:1", Beat(at=NOW - FORGET - 1).model_dump_json())
    await put(db, "nudge@a:2", Beat(at=NOW - FORGET).model_dump_json())
    assert list(await beats(db, NOW)) == ["nudge@a:2"]
    assert await db.redis.hkeys(db.keys("beats")) == ["nudge@a:2"]  # type: ignore[misc]  # as above


@pytest.mark.parametrize("before", ["hmget", "execute"])
async def test_who_wakes_up_while_the_dead_are_removed_is_not(
    db: Database, monkeypatch: pytest.MonkeyPatch, before: str
) -> None:
    """A machine slept for hours; one process looks for the dead while the other gives its first sign."""
    await put(db, "nudge@a:1", Beat(at=NOW - FORGET - 1).model_dump_json())
    plain = getattr(Pipeline, before)

    async def late(*arguments: Any) -> Any:
        await put(db, "nudge@a:1", Beat(at=NOW).model_dump_json())
        return await plain(*arguments)

    monkeypatch.setattr(Pipeline, before, late)
    await beats(db, NOW)
    assert await beats(db, NOW) == {"nudge@a:1": Beat(at=NOW)}


KNOWN = {
    "nudge@a:1": Beat(at=NOW - 50),
    "nudge@a:2": Beat(at=NOW - 40),
    "nudge@b:1": Beat(at=NOW - 10),
    "score@a:1": Beat(at=NOW - 20),
}


@pytest.mark.parametrize(
    ("part", "host", "alive"),
    [
        pytest.param("nudge", None, True, id="one of several, wherever it runs"),
        pytest.param("nudge", "a", False, id="only old signs from this host"),
        pytest.param("score", None, True, id="another part"),
        pytest.param("nudge", "c", False, id="a host where it does not run"),
        pytest.param("nud", None, False, id="half a name is nobody's"),
        pytest.param("keeper", None, False, id="a part that never spoke"),
    ],
)
def test_whose_sign_counts(part: str, host: str | None, *, alive: bool) -> None:
    assert is_alive(KNOWN, part, NOW, host) is alive


@pytest.mark.parametrize(
    ("age", "alive"),
    [
        pytest.param(0, True, id="a sign now"),
        pytest.param(STALE - 1, True, id="a sign just in time"),
        pytest.param(STALE, False, id="a sign too old"),
        pytest.param(-5, True, id="a sign from a clock a little ahead of ours"),
        pytest.param(-3600, False, id="a sign given before our clock was set back"),
    ],
)
def test_is_alive(age: float, *, alive: bool) -> None:
    assert is_alive({"nudge@a:1": Beat(at=NOW - age)}, "nudge", NOW) is alive


def test_who_never_spoke_is_not_alive() -> None:
    assert not is_alive({}, "nudge", NOW)
    assert not is_alive(KNOWN, "nudge", NOW, "a")
