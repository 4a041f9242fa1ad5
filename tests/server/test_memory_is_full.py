"""A database that is full refuses instead of forgetting; webhooks go to the file, readiness goes red, work goes on."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from engine.commit import Database
from engine.connect import connect
from engine.embedded import EmbeddedValkey
from engine.errors import Transient
from engine.events import envelope
from engine.keys import Keys
from engine.stream import Publisher
from tests.fakes import FakeClock, NoWakes
from tests.ingress.test_webhook_door import open_house
from tests.workers.test_runtime import Bench, message

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

pytestmark = pytest.mark.redis


@pytest.fixture
async def small_db(tmp_path: Path) -> AsyncIterator[Database]:
    """A server of its own, so that filling it harms nobody."""
    with tempfile.TemporaryDirectory() as folder, EmbeddedValkey(Path(folder)) as server:
        redis = connect(server.url)
        yield Database(redis, Keys("main"), NoWakes())
        await redis.aclose()


async def fill(db: Database) -> None:
    await db.redis.config_set("maxmemory", "1")


async def make_room(db: Database) -> None:
    await db.redis.config_set("maxmemory", "0")


def webhook(clock: FakeClock, number: int) -> bytes:
    now = int(clock.now())
    event = {
        "message_id": str(1_789_012_345_678_901_249 + number), "room_id": 567890123, "account_id": 101,
        "body": "こんにちは", "send_time": now, "update_time": 0,
    }  # fmt: skip
    payload = {
        "webhook_setting_id": "12345", "webhook_event_type": "message_created", "webhook_event_time": now,
        "webhook_event": event,
    }  # fmt: skip
    return json.dumps(payload).encode()


async def test_nothing_is_evicted_and_nothing_half_written(small_db: Database, clock: FakeClock) -> None:
    publisher = Publisher(small_db, clock)
    await publisher.publish_all([envelope(message(1), now=clock.now())])
    before = sorted(await small_db.redis.keys("*"))
    await fill(small_db)
    with pytest.raises(Transient, match="redis_away: OutOfMemoryError"):
        await publisher.publish_all([envelope(message(2), now=clock.now())])
    assert sorted(await small_db.redis.keys("*")) == before
    await make_room(small_db)
    assert await publisher.publish_all([envelope(message(2), now=clock.now())]) == [True]


async def test_webhooks_are_answered_200_and_kept_in_the_file_until_there_is_room(
    small_db: Database, clock: FakeClock, tmp_path: Path
) -> None:
    async with open_house(small_db, clock, tmp_path) as house:
        assert await house.post(webhook(clock, 1)) == 200
        await fill(small_db)
        assert [await house.post(webhook(clock, number)) for number in (2, 3)] == [200, 200]
        async with house.client.get("/readyz") as answer:
            assert answer.status == 503
            assert "2 events wait in the spool" in (await answer.json())["problems"]
        assert len(await house.events()) == 1
        await make_room(small_db)
        await house.journal.drain()
        assert [event["message_id"][-1] for event in await house.events()] == ["0", "1", "2"]


async def test_workers_go_on_meanwhile_whole_commits_or_none(small_db: Database, clock: FakeClock) -> None:
    """A script whose first write frees something may finish, so that what is full can empty itself."""
    bench = Bench(small_db, clock)
    delivery = await bench.hear(message(1))
    await fill(small_db)
    assert await bench.runtime.handle(delivery) == "counted: 1"
    assert (await bench.counted(), await bench.pending()) == (1, 0)
    assert await bench.runtime.handle(delivery) == "done by somebody else"
