"""The one atomic write, on the real server: checked, acknowledged once, all or nothing."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
from typing import TYPE_CHECKING

import pytest

from engine.commit import Applied, Commit, Database, Record
from engine.events import MessageCreated, envelope
from engine.stream import Consumer, Publisher, forget_consumers, trim
from tests.fakes import NoWakes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from redis.asyncio import Redis

    from engine.stream import Delivery
    from tests.fakes import FakeClock

pytestmark = pytest.mark.redis


class Count(Record):
    """How often something was counted."""

    n: int = 0


def message(number: int) -> MessageCreated:
    return MessageCreated(room_id=1, message_id=str(number), account_id=2, body="はい", sent_at=3)


async def publish(db: Database, clock: FakeClock, *numbers: int) -> list[bool]:
    return await Publisher(db, clock).publish_all([envelope(message(n), now=clock.now()) for n in numbers])


async def count_once(db: Database, clock: FakeClock, delivery: Delivery) -> Applied:
    """A handler: read, add one, commit; again while somebody else was faster."""
    while True:
        commit = db.commit(clock.now())
        seen = await commit.read(db.keys("count"), Count) or Count()
        await asyncio.sleep(0)
        commit.write(db.keys("count"), Count(n=seen.n + 1))
        applied, _ = await db.apply(commit, delivery.entry)
        if applied is not Applied.CONFLICT:
            return applied


async def total(db: Database) -> int:
    found, _ = await db.read(db.keys("count"), Count)
    return found.n if found else 0


async def test_an_id_is_published_once_however_often_it_is_told(real_db: Database, clock: FakeClock) -> None:
    assert await publish(real_db, clock, 1, 2, 1) == [True, True, False]
    assert await publish(real_db, clock, 2, 3) == [False, True]
    assert await real_db.redis.xlen(real_db.keys.stream) == 3


async def test_one_message_told_by_two_webhooks_and_a_gap_fill_at_once_is_one_event(
    real_redis: Redis, real_db: Database, clock: FakeClock
) -> None:
    """Several processes, each with its own connection, in any order."""
    told = envelope(message(1), now=clock.now())
    publishers = [Publisher(Database(real_redis, real_db.keys, NoWakes()), clock) for _ in range(20)]
    commit = real_db.commit(clock.now())
    commit.publish(message(1))
    filling = asyncio.create_task(real_db.apply(commit))
    added = await asyncio.gather(*[publisher.publish(told) for publisher in publishers])
    _, filled = await filling
    assert [*added, *filled].count(True) == 1
    assert await real_redis.xlen(real_db.keys.stream) == 1
    assert await real_db.told_of([1, 2]) == {1: 1, 2: 0}
    assert await real_db.told_of([]) == {}


async def test_concurrent_publishers_share_one_round_trip(real_db: Database, clock: FakeClock) -> None:
    publisher = Publisher(real_db, clock)
    await publisher.publish(envelope(message(0), now=clock.now()))
    before = (await real_db.redis.info("commandstats"))["cmdstat_evalsha"]["calls"]
    added = await asyncio.gather(*[publisher.publish(envelope(message(n), now=clock.now())) for n in range(1, 101)])
    after = (await real_db.redis.info("commandstats"))["cmdstat_evalsha"]["calls"]
    assert all(added)
    assert after - before <= 2


async def test_an_entry_handled_by_two_consumers_at_once_counts_once(real_db: Database, clock: FakeClock) -> None:
    await publish(real_db, clock, *range(50))
    first, second = Consumer(real_db, "score", "a"), Consumer(real_db, "score", "b")
    await first.ensure_group()
    deliveries = await first.read(50, None)
    claimed = await second.claim(0, 50)
    assert [d.entry for d in claimed] == [d.entry for d in deliveries]
    outcomes = await asyncio.gather(*[count_once(real_db, clock, d) for d in [*deliveries, *claimed]])
    assert sorted(outcomes) == ["acknowledged"] * 50 + ["done"] * 50
    assert await total(real_db) == 50


async def test_a_changed_version_writes_nothing_and_leaves_the_entry_pending(
    real_db: Database, clock: FakeClock
) -> None:
    await publish(real_db, clock, 1)
    consumer = Consumer(real_db, "score", "a")
    await consumer.ensure_group()
    [delivery] = await consumer.read(1, None)
    late = real_db.commit(clock.now())
    await late.read(real_db.keys("count"), Count)
    late.write(real_db.keys("count"), Count(n=100))
    late.rank(real_db.keys("ranking"), "x", 1)
    late.publish(message(2))
    early = real_db.commit(clock.now())
    await early.read(real_db.keys("count"), Count)
    early.write(real_db.keys("count"), Count(n=1))
    assert (await real_db.apply(early))[0] is Applied.DONE
    assert (await real_db.apply(late, delivery.entry))[0] is Applied.CONFLICT
    assert await total(real_db) == 1
    assert await real_db.ranked(real_db.keys("ranking")) == []
    assert await real_db.redis.xlen(real_db.keys.stream) == 1
    assert len(await Consumer(real_db, "score", "b").claim(0, 10)) == 1


async def test_an_acknowledged_entry_writes_nothing_again(real_db: Database, clock: FakeClock) -> None:
    await publish(real_db, clock, 1)
    consumer = Consumer(real_db, "score", "a")
    await consumer.ensure_group()
    [delivery] = await consumer.read(1, None)
    assert await count_once(real_db, clock, delivery) is Applied.DONE
    assert await count_once(real_db, clock, delivery) is Applied.ACKNOWLEDGED
    assert await total(real_db) == 1


async def test_the_group_comes_back_after_the_database_was_emptied(real_db: Database, clock: FakeClock) -> None:
    consumer = Consumer(real_db, "score", "a")
    await consumer.ensure_group()
    await real_db.redis.flushall()
    assert await consumer.read(10, None) == []
    await publish(real_db, clock, 1)
    assert len(await consumer.read(10, None)) == 1
    await real_db.redis.flushall()
    assert await consumer.claim(0, 10) == []


async def test_a_blocking_read_wakes_when_something_comes(real_db: Database, clock: FakeClock) -> None:
    consumer = Consumer(real_db, "score", "a")
    await consumer.ensure_group()
    reading = asyncio.create_task(consumer.read(10, 5000))
    await asyncio.sleep(0)
    await publish(real_db, clock, 1)
    assert len(await asyncio.wait_for(reading, 5)) == 1


async def test_trimming_never_drops_what_a_group_still_needs(real_db: Database, clock: FakeClock) -> None:
    await publish(real_db, clock, *range(20))
    fast, slow = Consumer(real_db, "score", "a"), Consumer(real_db, "nudge", "a")
    for consumer in (fast, slow):
        await consumer.ensure_group()
    for delivery in await fast.read(20, None):
        await real_db.apply(Commit(real_db, clock.now()), delivery.entry)
    assert await trim(real_db, ["score", "nudge"], keep=1) == 0
    [first, *_] = await slow.read(10, None)
    assert await trim(real_db, ["score", "nudge"], keep=1) == 0
    await real_db.apply(Commit(real_db, clock.now()), first.entry)
    assert await trim(real_db, ["score", "nudge"], keep=1) == 1
    assert await trim(real_db, ["score", "nudge", "keeper"], keep=1) == 0


async def test_readers_of_long_ago_are_forgotten_unless_they_hold_something(
    real_db: Database, clock: FakeClock
) -> None:
    await publish(real_db, clock, 1, 2)
    done, holding = Consumer(real_db, "score", "done"), Consumer(real_db, "score", "holding")
    await done.ensure_group()
    [first] = await done.read(1, None)
    await real_db.apply(Commit(real_db, clock.now()), first.entry)
    await holding.read(1, None)
    assert await forget_consumers(real_db, ["score"], idle_ms=60_000) == 0
    assert await forget_consumers(real_db, ["score"], idle_ms=-1) == 1
    [left] = await real_db.redis.xinfo_consumers(real_db.keys.stream, "score")
    assert left["name"] == "holding"


DYING_WORKER = """
    import asyncio, os, signal, sys
    from engine.commit import Database
    from engine.connect import connect
    from engine.keys import Keys
    from engine.stream import Consumer
    from tests.fakes import NoWakes

    async def main():
        db = Database(connect(sys.argv[1]), Keys("main"), NoWakes())
        consumer = Consumer(db, "score", "doomed")
        await consumer.ensure_group()
        deliveries = await consumer.read(10, None)
        assert len(deliveries) == 3
        os.kill(os.getpid(), signal.SIGKILL)

    asyncio.run(main())
"""


def run_to_its_death(program: str, *arguments: str) -> None:
    """Run a program in a process of its own that kills itself."""
    code = textwrap.dedent(program)
    ended = subprocess.run([sys.executable, "-c", code, *arguments], check=False, capture_output=True, timeout=60)
    assert ended.returncode == -signal.SIGKILL, ended.stderr.decode()


async def test_a_worker_killed_between_reading_and_committing_loses_nothing(
    real_db: Database, clock: FakeClock, valkey_url: str
) -> None:
    await publish(real_db, clock, 1, 2, 3)
    await asyncio.to_thread(run_to_its_death, DYING_WORKER, valkey_url)
    survivor = Consumer(real_db, "score", f"survivor-{os.getpid()}")
    assert await survivor.read(10, None) == []
    outcomes: Sequence[Applied] = [await count_once(real_db, clock, d) for d in await survivor.claim(0, 10)]
    assert outcomes == [Applied.DONE] * 3
    assert await total(real_db) == 3


async def test_while_a_new_engine_starts_there_is_nothing_to_tidy_and_nothing_breaks(real_db: Database) -> None:
    """The keeper may look before the stream is there, or before every worker has its group."""
    groups = ("keeper", "nudge")
    assert (await trim(real_db, groups, 10), await forget_consumers(real_db, groups, idle_ms=-1)) == (0, 0)
    await Consumer(real_db, "keeper", "k").ensure_group()
    assert (await trim(real_db, groups, 10), await forget_consumers(real_db, groups, idle_ms=-1)) == (0, 0)
