"""arq's traps, on the real server: each is closed (`ops/decisions/0002-arq.md` lists them)."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from functools import partial
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest

from engine import heartbeat
from engine.calendar import build_hours
from engine.clock import DAY, SystemClock
from engine.commit import Database
from engine.connect import connect_arq
from engine.events import envelope
from engine.jobs import ArqWakes
from engine.keys import Keys
from engine.ports import Wake
from engine.settings import Community
from engine.stream import Publisher
from tests.fakes import FakeChat, FakeClock
from tests.workers.test_runtime import Count, message
from workers import consuming, process
from workers.consuming import ConsumerLoop
from workers.runtime import Deps, Runtime

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from redis.asyncio import Redis

    from engine.commit import Commit

pytestmark = [
    pytest.mark.redis,
    pytest.mark.timeout(60),
    pytest.mark.filterwarnings("ignore:Call to deprecated close:DeprecationWarning"),  # arq 0.28 says it the old way
]


class Works:
    """One worker on the real server, its arq and its consumer loop running in this process."""

    def __init__(self, redis: Redis, url: str, arq: Any) -> None:
        self.redis = redis
        self.url = url
        self.keys = Keys("main")
        self.db = Database(redis, self.keys, ArqWakes(arq, self.keys))
        self.clock = SystemClock()
        self.begun = 0
        self.ran: list[str] = []
        self.heard = 0
        self.hold: asyncio.Event | None = None
        module: Any = ModuleType("workers.nudge")
        module.JOBS = {"remind": self.remind}
        module.PERIODIC = {}
        module.on_message = self.hear
        settings = Community()
        deps = Deps(self.db, self.clock, settings, FakeChat(FakeClock()), build_hours(settings), 900)
        self.runtime = Runtime("nudge", module, deps, {})

    async def remind(self, argument: str, commit: Commit, _: Deps) -> str:
        self.begun += 1
        if self.hold is not None:
            await self.hold.wait()
        self.ran.append(argument)
        key = self.keys("count")
        before = await commit.read(key, Count) or Count()
        commit.write(key, Count(n=before.n + 1))
        return "reminded"

    async def hear(self, *_: object) -> str:
        self.heard += 1
        return "heard"

    async def plan(self, argument: str, *, in_seconds: float = 0) -> None:
        commit = self.db.commit(self.clock.now())
        commit.wake("nudge", "remind", argument, type(commit.now)(commit.now + in_seconds))
        await self.db.apply(commit)

    async def due(self) -> list[str]:
        return await self.db.ranked(self.keys.wakes("nudge"))

    @asynccontextmanager
    async def working(self) -> AsyncIterator[None]:
        """The worker runs; leaving is its SIGTERM."""
        stop = asyncio.Event()
        tasks = [
            asyncio.create_task(process._run_arq(self.runtime, self.url, stop)),  # noqa: SLF001 - what a process runs
            asyncio.create_task(ConsumerLoop(self.runtime).run(stop)),
        ]
        try:
            yield
            assert not [task for task in tasks if task.done()], "the worker ended by itself"
        finally:
            stop.set()
            await asyncio.gather(*tasks)


@pytest.fixture
async def works(real_redis: Redis, valkey_url: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Works]:
    monkeypatch.setattr(process, "GRACE", 1.05)
    monkeypatch.setattr(consuming, "BLOCK_MS", 100)
    monkeypatch.setattr(heartbeat, "EVERY", 0.1)
    arq = connect_arq(valkey_url, Keys("main").arq_queue("test"))
    yield Works(real_redis, valkey_url, arq)
    await arq.aclose()


async def wait_until(condition: Callable[[], bool], description: str) -> None:
    for _ in range(2000):
        if condition():
            return
        await asyncio.sleep(0.01)
    raise AssertionError(f"never: {description}")


async def test_a_job_that_is_due_runs_once(works: Works) -> None:
    await works.plan("q1")
    await works.plan("q1")
    async with works.working():
        await wait_until(lambda: "q1" in works.ran, "the job ran")
        await works.plan("q2")
        await wait_until(lambda: "q2" in works.ran, "and the next one")
    assert await works.due() == []
    counted, _ = await works.db.read(works.keys("count"), Count)
    assert counted == Count(n=2)


async def test_a_job_due_in_three_days_waits_so_long(works: Works) -> None:
    await works.plan("q1", in_seconds=3 * DAY)
    await works.plan("q2")
    async with works.working():
        await wait_until(lambda: works.ran == ["q2"], "what is due runs")
    assert await works.due() == ["remind|q1"]
    [job_key] = await works.redis.keys("arq:job:*")
    assert await works.redis.pttl(job_key) > 3 * DAY * 1000


async def test_six_sigterms_during_one_job_do_not_use_it_up(works: Works) -> None:
    await works.plan("q1")
    works.hold = asyncio.Event()
    for begun in range(6):
        await works.db.start([wake("q1", works)])
        async with works.working():
            await wait_until(partial(has_begun, works, begun), "the job began")
    assert await works.due() == ["remind|q1"]
    works.hold.set()
    await works.db.start([wake("q1", works)])
    async with works.working():
        await wait_until(lambda: "q1" in works.ran, "the seventh start ends it")
    assert await works.due() == []


def has_begun(works: Works, before: int) -> bool:
    return works.begun > before


def wake(argument: str, works: Works) -> Wake:
    """What the keeper's sweep does."""
    return Wake("nudge", "remind", argument, works.clock.now())


async def test_a_wake_that_was_lost_is_made_up_for_by_the_sweep(works: Works) -> None:
    await works.plan("q1")
    for key in await works.redis.keys("arq:*"):
        await works.redis.delete(key)
    await works.redis.delete(works.keys.arq_queue("nudge"))
    await works.db.start([wake("q1", works)])
    async with works.working():
        await wait_until(lambda: "q1" in works.ran, "the sweep's wake ran it")


async def test_a_wake_that_is_older_than_a_changed_due_time_runs_nothing(works: Works) -> None:
    await works.plan("q1")
    await works.plan("q1", in_seconds=3600)
    await works.plan("q2")
    async with works.working():
        await wait_until(lambda: works.ran == ["q2"], "only what is due by the database")
    assert await works.due() == ["remind|q1"]


async def test_a_function_that_this_version_does_not_know_stops_nobody(works: Works) -> None:
    arq = connect_arq(works.url, works.keys.arq_queue("nudge"))
    await arq.enqueue_job("celebrate", "q1", _queue_name=works.keys.arq_queue("nudge"))
    await arq.aclose()
    await works.plan("q2")
    async with works.working():
        await wait_until(lambda: works.ran == ["q2"], "the next job runs")


async def test_rubbish_in_the_queue_stops_nobody(works: Works) -> None:
    await works.redis.zadd(works.keys.arq_queue("nudge"), {"rubbish": 1})
    await works.redis.set("arq:job:rubbish", "\x80\x04 no json")
    await works.plan("q2")
    async with works.working():
        await wait_until(lambda: works.ran == ["q2"], "the next job runs")


async def test_an_emptied_database_goes_on_by_itself_and_never_in_silence(
    works: Works, capsys: pytest.CaptureFixture[str]
) -> None:
    async with works.working():
        await publish(works, 1)
        await wait_until(lambda: works.heard == 1, "an event before")
        await works.redis.flushall()
        await publish(works, 2)
        await works.plan("q1")
        await wait_until(lambda: works.heard == 2 and works.ran == ["q1"], "an event and a job after")
        await wait_until(lambda: "database_emptied" in capsys.readouterr().out, "it is told")
    assert await works.db.ranked(works.keys.wakes("keeper")) == ["tell_emptied|"]


async def publish(works: Works, number: int) -> None:
    await Publisher(works.db, works.clock).publish_all([envelope(message(number), now=works.clock.now())])
