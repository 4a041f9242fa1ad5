"""A worker that buries one entry after the other stops, keeps everything, and says so."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from engine.dead import list_dead
from engine.errors import Permanent
from engine.events import envelope
from engine.stream import Publisher
from tests.workers.test_runtime import Bench, message
from workers.consuming import ConsumerLoop
from workers.fuse import MOST, REST, WITHIN, Fuse

if TYPE_CHECKING:
    from engine.commit import Database
    from tests.fakes import FakeClock


class Ticks:
    """A clock that only goes forward."""

    def __init__(self) -> None:
        self.at = 1000.0

    def __call__(self) -> float:
        return self.at


def burials(fuse: Fuse, ticks: Ticks, count: int, *, apart: float) -> list[str | None]:
    changes = []
    for _ in range(count):
        changes.append(fuse.note(buried=True))
        ticks.at += apart
    return changes


@pytest.mark.parametrize(
    ("count", "apart", "blown"),
    [
        pytest.param(MOST, 0.0, False, id="as many as may be"),
        pytest.param(MOST + 1, 0.0, True, id="one more at once"),
        pytest.param(MOST + 1, WITHIN / MOST, True, id="one more within a minute"),
        pytest.param(MOST + 1, WITHIN / MOST + 0.1, False, id="one more in a little over a minute"),
        pytest.param(500, 10.0, False, id="many, but one every ten seconds"),
    ],
)
def test_blown(count: int, apart: float, *, blown: bool) -> None:
    ticks = Ticks()
    fuse = Fuse(ticks)
    assert ("blown" in burials(fuse, ticks, count, apart=apart)) is blown
    assert fuse.is_blown is blown


def test_it_says_so_once_and_a_good_ending_mends_it() -> None:
    ticks = Ticks()
    fuse = Fuse(ticks)
    assert burials(fuse, ticks, 100, apart=0.0).count("blown") == 1
    assert fuse.note(buried=False) == "whole"
    assert fuse.note(buried=False) is None
    assert burials(fuse, ticks, MOST, apart=0.0) == [None] * MOST


def test_a_probe_is_allowed_once_in_a_while() -> None:
    ticks = Ticks()
    fuse = Fuse(ticks)
    assert not fuse.may_probe()
    burials(fuse, ticks, MOST + 1, apart=0.0)
    assert not fuse.may_probe()
    ticks.at += REST
    assert fuse.may_probe()
    assert not fuse.may_probe()


async def test_a_flood_of_dead_letters_stops_the_worker_and_keeps_the_rest(db: Database, clock: FakeClock) -> None:
    bench, ticks, stop = Bench(db, clock), Ticks(), asyncio.Event()
    loop = ConsumerLoop(bench.runtime, ticks)
    await bench.consumer.ensure_group()
    told = [envelope(message(number), now=clock.now()) for number in range(60)]
    await Publisher(db, clock).publish_all(told)
    bench.endings = [Permanent("the world is wrong")] * 60
    assert await loop.turn(stop, None) == MOST + 1
    assert len(await list_dead(db)) == MOST + 1
    assert await db.ranked(db.keys.wakes("keeper")) == ["tell_stopped|nudge"]
    stop.set()
    assert await loop.turn(stop, None) == 0
    ticks.at += REST
    await Publisher(db, clock).publish_all([envelope(message(99), now=clock.now())])
    assert await loop.turn(stop, None) == 1
    assert len(await list_dead(db)) == MOST + 2
    bench.endings = []
    await Publisher(db, clock).publish_all([envelope(message(100), now=clock.now())])
    ticks.at += REST
    assert await loop.turn(stop, None) == 1
    assert await bench.counted() == 1
    assert await bench.pending() == 60 - MOST - 1
    assert len(await list_dead(db)) == MOST + 2
