"""The journal: what was answered 200 is written down once, in order, whatever Redis does meanwhile."""

from __future__ import annotations

import asyncio
import base64
import json
import time
from typing import TYPE_CHECKING

import pytest
from fakeredis import FakeAsyncRedis, FakeServer
from structlog.testing import capture_logs

from engine.commit import Database
from engine.dead import DeadLetter, list_dead
from engine.errors import Transient
from engine.events import MessageCreated, envelope
from engine.ingress import journal as journal_module
from engine.ingress.journal import DRAIN_BATCH, Journal
from engine.ingress.spool import Spool, SpoolFailed
from engine.keys import Keys
from engine.stream import Publisher
from tests.fakes import FakeClock, NoWakes

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from engine.events import Envelope


class Desk:
    """A journal that may be closed and opened again, as by a restart, over a Redis that may be away."""

    def __init__(self, folder: Path, spool_bytes: int = 1 << 20) -> None:
        self.server = FakeServer()
        self.clock = FakeClock()
        self.db = Database(FakeAsyncRedis(server=self.server, decode_responses=True), Keys("main"), NoWakes())
        self.publisher = Publisher(self.db, self.clock)
        self._path, self._bytes = folder / "spool", spool_bytes
        self.open()

    def open(self) -> None:
        self.spool = Spool(self._path, self._bytes)
        self.journal = Journal(self.db, self.publisher, self.spool, self.clock)

    def restart(self) -> None:
        self.spool.close()
        self.open()

    def away(self, *, away: bool = True) -> None:
        self.server.connected = not away

    def told(self, number: int) -> Envelope:
        message = MessageCreated(room_id=1, message_id=str(number), account_id=2, body="はい", sent_at=3)
        return envelope(message, now=self.clock.now())

    def letter(self, number: int) -> DeadLetter:
        return DeadLetter(
            id=f"webhook-{number}", source="webhook", worker="ingress", subject="", reason="x", died_at=number
        )

    async def published(self) -> list[int]:
        found = await self.db.redis.xrange(self.db.keys.stream)
        return [int(json.loads(fields["e"])["event"]["message_id"]) for _, fields in found]

    async def buried(self) -> list[str]:
        return [letter.id for letter in await list_dead(self.db)]


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    desk = Desk(tmp_path)
    yield desk
    desk.spool.close()
    desk.away(away=False)
    await desk.db.redis.aclose()


async def test_with_redis_there_nothing_touches_the_spool(desk: Desk) -> None:
    assert await desk.journal.keep(desk.told(1)) is True
    await desk.journal.keep_unreadable(desk.letter(1))
    assert desk.journal.spooled == 0
    assert (await desk.published(), await desk.buried()) == ([1], ["webhook-1"])


async def test_an_event_seen_before_is_not_published_again(desk: Desk) -> None:
    await desk.journal.keep(desk.told(1))
    assert await desk.journal.keep(desk.told(1)) is False
    assert await desk.published() == [1]


async def test_events_kept_at_once_share_a_round_trip_and_lose_nothing(desk: Desk) -> None:
    kept = await asyncio.gather(*[desk.journal.keep(desk.told(number)) for number in range(300)])
    assert kept == [True] * 300
    assert sorted(await desk.published()) == list(range(300))


async def test_while_redis_is_away_everything_waits_in_the_spool(desk: Desk) -> None:
    desk.away()
    assert await desk.journal.keep(desk.told(1)) is None
    await desk.journal.keep_unreadable(desk.letter(1))
    assert desk.journal.spooled == 2


async def test_what_comes_after_it_queues_behind_it(desk: Desk) -> None:
    desk.away()
    await desk.journal.keep(desk.told(1))
    desk.away(away=False)
    assert await desk.journal.keep(desk.told(2)) is None
    await desk.journal.keep_unreadable(desk.letter(2))
    assert (await desk.published(), await desk.buried()) == ([], [])
    assert await desk.journal.drain() == 3
    assert (await desk.published(), await desk.buried()) == ([1, 2], ["webhook-2"])
    assert await desk.journal.keep(desk.told(3)) is True


async def test_more_than_a_batch_is_drained_in_order(desk: Desk) -> None:
    desk.away()
    numbers = list(range(2 * DRAIN_BATCH + 3))
    for number in numbers:
        await desk.journal.keep(desk.told(number))
    desk.away(away=False)
    assert await desk.journal.drain() == len(numbers)
    assert await desk.published() == numbers
    assert desk.journal.spooled == 0


async def test_a_drain_that_redis_interrupts_goes_on_where_it_was(desk: Desk) -> None:
    desk.away()
    for number in range(3):
        await desk.journal.keep(desk.told(number))
    with pytest.raises(Transient):
        await desk.journal.drain()
    assert desk.journal.spooled == 3
    desk.away(away=False)
    assert await desk.journal.drain() == 3
    assert await desk.published() == [0, 1, 2]


async def test_a_restart_finds_what_waited(desk: Desk) -> None:
    desk.away()
    await desk.journal.keep(desk.told(1))
    await desk.journal.keep_unreadable(desk.letter(1))
    desk.restart()
    assert desk.journal.spooled == 2
    desk.away(away=False)
    assert await desk.journal.keep(desk.told(2)) is None, "behind what waited"
    await desk.journal.drain()
    assert (await desk.published(), await desk.buried()) == ([1, 2], ["webhook-1"])


async def test_a_crash_between_publishing_and_forgetting_publishes_nothing_twice(desk: Desk) -> None:
    desk.away()
    for number in range(3):
        await desk.journal.keep(desk.told(number))
    desk.away(away=False)
    await desk.publisher.publish_all([desk.told(number) for number in range(2)])
    desk.restart()
    await desk.journal.drain()
    assert await desk.published() == [0, 1, 2]


async def test_an_event_that_was_published_although_nobody_said_so_counts_once(desk: Desk) -> None:
    """The answer of Redis was lost, so it went into the spool as well."""
    await desk.publisher.publish(desk.told(1))
    desk.away()
    await desk.journal.keep(desk.told(1))
    desk.away(away=False)
    await desk.journal.drain()
    assert await desk.published() == [1]


async def test_when_neither_can_keep_it_that_is_said(tmp_path: Path) -> None:
    desk = Desk(tmp_path, spool_bytes=64)
    desk.away()
    with pytest.raises(SpoolFailed):
        await desk.journal.keep(desk.told(1))
    with pytest.raises(SpoolFailed):
        await desk.journal.keep_unreadable(desk.letter(1))
    assert desk.journal.spooled == 0
    desk.spool.close()


async def test_a_redis_that_refuses_for_another_reason_is_asked_again(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(journal_module, "DRAIN_PAUSE", 0.0)
    desk.away()
    await desk.journal.keep(desk.told(1))
    desk.away(away=False)
    await desk.db.redis.set(desk.db.keys.stream, "not a stream")
    task = asyncio.create_task(desk.journal.keep_draining())
    while "spool_stuck" not in capsys.readouterr().out:  # noqa: ASYNC110 - a background task, which tells nobody
        await asyncio.sleep(0)
    assert desk.journal.spooled == 1
    await desk.db.redis.delete(desk.db.keys.stream)
    while desk.journal.spooled:  # noqa: ASYNC110 - the same
        await asyncio.sleep(0)
    task.cancel()
    assert await desk.published() == [1]


# -- a Redis that says nothing ----------------------------------------------------------------------------------------


class Silent(Publisher):
    """A publisher whose Redis neither answers nor refuses."""

    async def publish(self, envelope: Envelope) -> bool:
        never: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        return await never


async def test_who_says_nothing_is_not_waited_for(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Chatwork's patience is unknown; a connection that hangs takes Redis's own time-out to fail."""
    monkeypatch.setattr(journal_module, "PATIENCE", 0.01)
    journal = Journal(desk.db, Silent(desk.db, desk.clock), desk.spool, desk.clock)
    with capture_logs() as lines:
        assert await journal.keep(desk.told(1)) is None
    assert [line["event"] for line in lines] == ["redis_away"]
    assert journal.spooled == 1


async def test_nor_is_a_dead_letter_held_up_by_it(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal_module, "PATIENCE", 0.01)

    async def hang(*_: object) -> None:
        await asyncio.get_running_loop().create_future()

    monkeypatch.setattr(Database, "apply", hang)
    await desk.journal.keep_unreadable(desk.letter(1))
    assert desk.journal.spooled == 1


# -- what cannot be read holds up nobody ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "record",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"X{}", id="an unknown kind"),
        pytest.param(b"E", id="an empty event"),
        pytest.param(b"Enot json", id="an event that is no JSON"),
        pytest.param(b'E{"version": 1}', id="an event without its fields"),
        pytest.param(b'E{"version": 999, "event": {}}', id="an event of a newer version"),
        pytest.param(b"D{}", id="a dead letter without its fields"),
        pytest.param(b"D\xff", id="a dead letter that is no text"),
    ],
)
async def test_an_unreadable_record_becomes_a_dead_letter_and_the_next_is_published(desk: Desk, record: bytes) -> None:
    desk.away()
    await desk.journal.keep(desk.told(1))
    desk.spool.append([record])
    await desk.journal.keep(desk.told(2))
    desk.away(away=False)
    assert await desk.journal.drain() == 3
    assert await desk.published() == [1, 2]
    [letter] = await list_dead(desk.db)
    assert base64.b64decode(letter.subject) == record
    assert letter.reason.startswith("unreadable record in the spool: ")


# -- in the background ------------------------------------------------------------------------------------------------


async def test_the_background_empties_the_spool_as_soon_as_redis_is_back(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal_module, "DRAIN_PAUSE", 0)
    desk.away()
    await desk.journal.keep(desk.told(1))
    with capture_logs() as lines:
        task = asyncio.create_task(desk.journal.keep_draining())
        await until(lambda: bool(lines))
        for number in (2, 3):
            desk.away(away=False)
            await until(lambda: [line["event"] for line in lines].count("spool_emptied") == number - 1)  # noqa: B023 - awaited at once
            desk.away()
            await desk.journal.keep(desk.told(number))
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert lines[0]["event"] == "spool_waits"
    desk.away(away=False)
    assert await desk.published() == [1, 2]


async def until(condition: Callable[[], bool]) -> None:
    """Give the background its turns."""
    end = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < end
        await asyncio.sleep(0)
