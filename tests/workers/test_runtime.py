"""How handlers and jobs end: done, ignored, again (when?), given up. Nothing ends silently or stops the others."""

from __future__ import annotations

from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest

from engine.calendar import build_hours
from engine.commit import Commit, Database, Record
from engine.dead import DeadLetter, list_dead
from engine.errors import EngineError, Ignored, Permanent, Transient
from engine.events import Envelope, MessageCreated, MessageUpdated, ThanksGiven, envelope
from engine.settings import Community
from engine.stream import Consumer, Delivery, Publisher
from tests.fakes import FakeChat, FakeClock
from workers.runtime import CONFLICTS, HAND_OVERS, JOB_DELAYS, JOB_TRIES, POISON_DELIVERIES, Deps, Runtime

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

ENGINE = 900


class Count(Record):
    """How often something was done."""

    n: int = 0


def message(number: int = 1, author: int = 101) -> MessageCreated:
    return MessageCreated(room_id=1, message_id=str(number), account_id=author, body="はい", sent_at=3)


class Bench:
    """A runtime with a worker made for the test; `endings` are raised by the next runs, in order."""

    def __init__(self, db: Database, clock: FakeClock) -> None:
        self.db = db
        self.clock = clock
        self.endings: list[Exception] = []
        self.meanwhile: Callable[[], Awaitable[object]] | None = None
        module: Any = ModuleType("workers.nudge")
        module.on_message = self.count
        module.on_own_message = self.recall
        module.JOBS = {"remind": self.remind, "round": self.remind}
        module.PERIODIC = {"round": 60.0}
        settings = Community()
        chat = FakeChat(clock)
        deps = Deps(db, clock, settings, chat, build_hours(settings), ENGINE)
        self.runtime = Runtime("nudge", module, deps, {})
        self.consumer = Consumer(db, "nudge", "bench")

    async def count(self, _: MessageCreated, commit: Commit, __: Deps) -> str:
        return await self._count(commit)

    async def recall(self, _: MessageCreated, __: Commit, ___: Deps) -> str:
        return "recalled"

    async def remind(self, _: str, commit: Commit, __: Deps) -> str:
        return await self._count(commit)

    async def _count(self, commit: Commit) -> str:
        key = self.db.keys("count")
        seen = await commit.read(key, Count) or Count()
        if self.meanwhile is not None:
            await self.meanwhile()
        if self.endings:
            raise self.endings.pop(0)
        commit.write(key, Count(n=seen.n + 1))
        return f"counted: {seen.n + 1}"

    async def counted(self) -> int:
        found, _ = await self.db.read(self.db.keys("count"), Count)
        return found.n if found else 0

    async def somebody_else_counts(self) -> None:
        commit = self.db.commit(self.clock.now())
        seen = await commit.read(self.db.keys("count"), Count) or Count()
        commit.write(self.db.keys("count"), Count(n=seen.n + 100))
        await self.db.apply(commit)

    # -- events -------------------------------------------------------------------------------------------------------

    async def publish(self, *told: Envelope) -> list[Delivery]:
        await self.consumer.ensure_group()
        await Publisher(self.db, self.clock).publish_all(told)
        return await self.consumer.read(100, None)

    async def hear(self, event: MessageCreated | MessageUpdated | ThanksGiven) -> Delivery:
        [delivery] = await self.publish(envelope(event, now=self.clock.now()))
        return delivery

    async def raw(self, data: str) -> Delivery:
        await self.consumer.ensure_group()
        await self.db.redis.xadd(self.db.keys.stream, {"e": data})
        [delivery] = await self.consumer.read(10, None)
        return delivery

    async def pending(self) -> int:
        found = await self.db.redis.xpending(self.db.keys.stream, "nudge")
        return int(found["pending"])

    async def dead(self) -> list[DeadLetter]:
        return await list_dead(self.db)

    # -- jobs ---------------------------------------------------------------------------------------------------------

    async def plan(self, job: str, argument: str = "q1") -> None:
        commit = self.db.commit(self.clock.now())
        commit.wake("nudge", job, argument, self.clock.now())
        await self.db.apply(commit)

    async def due_in(self, job: str, argument: str = "q1") -> float | None:
        at = await self.db.redis.zscore(self.db.keys.wakes("nudge"), f"{job}|{argument}")
        return None if at is None else round(at - self.clock.now(), 3)


@pytest.fixture
def bench(db: Database, clock: FakeClock) -> Bench:
    return Bench(db, clock)


def again(delivery: Delivery, times: int) -> Delivery:
    """The same entry, handed over once more."""
    return Delivery(delivery.entry, delivery.data, times)


# -- events -----------------------------------------------------------------------------------------------------------


async def test_a_handled_entry_is_acknowledged_and_counted_once(bench: Bench) -> None:
    delivery = await bench.hear(message())
    assert await bench.runtime.handle(delivery) == "counted: 1"
    assert await bench.runtime.handle(again(delivery, 2)) == "done by somebody else"
    assert (await bench.counted(), await bench.pending()) == (1, 0)


async def test_nothing_to_do_after_all_ends_the_entry(bench: Bench) -> None:
    bench.endings = [Ignored("not a board")]
    assert await bench.runtime.handle(await bench.hear(message())) == "ignored: not a board"
    assert (await bench.counted(), await bench.pending(), await bench.dead()) == (0, 0, [])


@pytest.mark.parametrize(
    "event",
    [
        pytest.param(
            MessageUpdated(**message(author=ENGINE).model_dump(exclude={"kind"}), updated_at=4),
            id="what the engine itself wrote",
        ),
        pytest.param(
            ThanksGiven(question_id="q1", account_id=1, helpers=(), thanked_at=1), id="an event routed elsewhere"
        ),
    ],
)
async def test_not_every_event_reaches_a_handler(bench: Bench, event: MessageUpdated | ThanksGiven) -> None:
    assert await bench.runtime.handle(await bench.hear(event)) == "not for us"
    assert (await bench.counted(), await bench.pending()) == (0, 0)


async def test_the_engines_own_words_reach_only_who_asks_for_them(bench: Bench) -> None:
    assert await bench.runtime.handle(await bench.hear(message(author=ENGINE))) == "recalled"
    assert (await bench.counted(), await bench.pending()) == (0, 0)


async def test_while_something_is_away_the_entry_waits(bench: Bench) -> None:
    bench.endings = [Transient("redis_away")]
    delivery = await bench.hear(message())
    with pytest.raises(Transient):
        await bench.runtime.handle(delivery)
    assert (await bench.counted(), await bench.pending()) == (0, 1)
    assert await bench.runtime.handle(again(delivery, 2)) == "counted: 1"


async def test_what_will_never_work_is_a_dead_letter_at_once(bench: Bench) -> None:
    bench.endings = [Permanent("the room is gone")]
    delivery = await bench.hear(message())
    assert await bench.runtime.handle(delivery) == "dead: the room is gone"
    [letter] = await bench.dead()
    assert (letter.source, letter.worker, letter.reason, letter.traceback) == (
        "event", "nudge", "the room is gone", None,
    )  # fmt: skip
    assert letter.subject == delivery.data
    assert await bench.pending() == 0


async def test_a_bug_is_tried_a_few_times_then_buried_with_its_traceback_and_the_next_entry_goes_on(
    bench: Bench,
) -> None:
    poison, healthy = await bench.publish(
        envelope(message(1), now=bench.clock.now()), envelope(message(2), now=bench.clock.now())
    )
    for times in range(1, POISON_DELIVERIES):
        bench.endings = [ZeroDivisionError("division by zero")]
        assert await bench.runtime.handle(again(poison, times)) == "left to try again"
        assert await bench.dead() == []
    bench.endings = [ZeroDivisionError("division by zero")]
    assert await bench.runtime.handle(again(poison, POISON_DELIVERIES)) == "dead: ZeroDivisionError"
    [letter] = await bench.dead()
    assert letter.traceback is not None
    assert "division by zero" in letter.traceback
    assert await bench.runtime.handle(healthy) == "counted: 1"
    assert await bench.pending() == 0


@pytest.mark.parametrize("data", ["", "{}", "null", "[]", '{"event_id": 1}', "\x00", "はい"])
async def test_what_no_version_of_ours_wrote_is_a_dead_letter(bench: Bench, data: str) -> None:
    assert await bench.runtime.handle(await bench.raw(data)) == "dead: unreadable entry"
    [letter] = await bench.dead()
    assert letter.subject == data
    assert await bench.pending() == 0


async def test_what_newer_code_wrote_is_left_for_it_however_often_it_comes(bench: Bench) -> None:
    delivery = await bench.raw('{"version": 99, "event_id": "x:1", "anything": true}')
    for times in (1, POISON_DELIVERIES, HAND_OVERS + 1):
        assert await bench.runtime.handle(again(delivery, times)) == "left for newer code"
    assert (await bench.pending(), await bench.dead()) == (1, [])


async def test_an_entry_whose_readers_died_is_innocent_for_long(bench: Bench) -> None:
    delivery = await bench.hear(message())
    assert await bench.runtime.handle(again(delivery, HAND_OVERS)) == "counted: 1"


async def test_an_entry_that_every_reader_died_of_is_taken_away(bench: Bench) -> None:
    delivery = await bench.hear(message())
    assert await bench.runtime.handle(again(delivery, HAND_OVERS + 1)) == "dead: handed over too often without an end"
    assert (await bench.counted(), await bench.pending()) == (0, 0)


async def test_a_handler_runs_again_when_somebody_else_changed_what_it_read(bench: Bench) -> None:
    interruptions = iter([bench.somebody_else_counts])

    async def once() -> None:
        for interrupt in interruptions:
            await interrupt()

    bench.meanwhile = once
    assert await bench.runtime.handle(await bench.hear(message())) == "counted: 101"


async def test_endless_conflicts_leave_the_entry_for_later(bench: Bench) -> None:
    bench.meanwhile = bench.somebody_else_counts
    with pytest.raises(Transient, match="conflicts"):
        await bench.runtime.handle(await bench.hear(message()))
    assert await bench.counted() == 100 * CONFLICTS
    assert await bench.pending() == 1


# -- a second chance --------------------------------------------------------------------------------------------------


async def buried(bench: Bench) -> str:
    """A dead letter of an event; its id."""
    bench.endings = [Permanent("the room is gone")]
    await bench.runtime.handle(await bench.hear(message()))
    [letter] = await bench.dead()
    await bench.plan("redrive", letter.id)
    return letter.id


async def test_a_redriven_event_is_handled_and_its_letter_goes(bench: Bench) -> None:
    letter_id = await buried(bench)
    assert await bench.runtime.run_job("redrive", letter_id) == "counted: 1"
    assert await bench.dead() == []
    assert await bench.due_in("redrive", letter_id) is None


@pytest.mark.parametrize("ending", [ZeroDivisionError("again"), Permanent("still gone")], ids=["a bug", "a refusal"])
async def test_what_fails_again_stays_the_letter_it_was(bench: Bench, ending: Exception) -> None:
    letter_id = await buried(bench)
    bench.endings = [ending]
    assert (await bench.runtime.run_job("redrive", letter_id)).startswith("failed again")
    assert [letter.id for letter in await bench.dead()] == [letter_id]
    assert await bench.due_in("redrive", letter_id) is None


async def test_a_redriven_event_that_no_longer_matters_goes(bench: Bench) -> None:
    letter_id = await buried(bench)
    bench.endings = [Ignored("known already")]
    assert await bench.runtime.run_job("redrive", letter_id) == "ignored: known already"
    assert await bench.dead() == []


async def test_a_letter_that_is_gone_is_nothing_to_redrive(bench: Bench) -> None:
    await bench.plan("redrive", "nudge-1-0")
    assert await bench.runtime.run_job("redrive", "nudge-1-0") == "ignored: no such dead letter"


# -- jobs -------------------------------------------------------------------------------------------------------------


async def test_a_job_that_is_done_is_due_no_more(bench: Bench) -> None:
    await bench.plan("remind")
    assert await bench.runtime.run_job("remind", "q1") == "counted: 1"
    assert await bench.due_in("remind") is None


async def test_nothing_to_do_after_all_ends_the_job(bench: Bench) -> None:
    await bench.plan("remind")
    bench.endings = [Ignored("answered")]
    assert await bench.runtime.run_job("remind", "q1") == "ignored: answered"
    assert (await bench.counted(), await bench.due_in("remind")) == (0, None)


@pytest.mark.parametrize(
    ("ending", "wait"),
    [
        pytest.param(Transient("busy", retry_after=7.0), 7.0, id="the other side says when"),
        pytest.param(Transient("busy"), JOB_DELAYS[0], id="else the schedule does"),
    ],
)
async def test_what_failed_for_now_is_due_again(bench: Bench, ending: EngineError, wait: float) -> None:
    await bench.plan("remind")
    bench.endings = [ending]
    assert "busy" in await bench.runtime.run_job("remind", "q1")
    assert await bench.due_in("remind") == wait


async def test_the_waits_grow_and_a_success_forgets_the_tries(bench: Bench) -> None:
    waits = []
    for _ in range(len(JOB_DELAYS) + 2):
        bench.endings = [Transient("busy")]
        await bench.runtime.run_job("remind", "q1")
        waits.append(await bench.due_in("remind"))
    assert waits == [*JOB_DELAYS, JOB_DELAYS[-1], JOB_DELAYS[-1]]
    await bench.runtime.run_job("remind", "q1")
    bench.endings = [Transient("busy")]
    await bench.runtime.run_job("remind", "q1")
    assert await bench.due_in("remind") == JOB_DELAYS[0]


async def test_a_bug_in_a_job_is_tried_a_few_times_then_buried(bench: Bench) -> None:
    for _ in range(JOB_TRIES - 1):
        bench.endings = [KeyError("q1")]
        assert "again" in await bench.runtime.run_job("remind", "q1")
        assert await bench.dead() == []
    bench.endings = [KeyError("q1")]
    assert await bench.runtime.run_job("remind", "q1") == "dead: KeyError"
    [letter] = await bench.dead()
    assert (letter.source, letter.subject) == ("job", "remind|q1")
    assert letter.traceback is not None
    assert await bench.due_in("remind") is None


async def test_a_periodic_job_goes_on_whatever_one_round_met(bench: Bench) -> None:
    await bench.plan("round", "")
    assert await bench.runtime.run_job("round", "") == "counted: 1"
    assert await bench.due_in("round", "") == 60.0
    bench.endings = [Permanent("never")]
    assert await bench.runtime.run_job("round", "") == "dead: never"
    assert await bench.due_in("round", "") == 60.0


async def test_a_job_of_newer_code_is_left_for_it(bench: Bench) -> None:
    await bench.plan("celebrate")
    for _ in range(JOB_TRIES + 1):
        assert "newer code" in await bench.runtime.run_job("celebrate", "q1")
        assert await bench.due_in("celebrate") == 60.0
    assert await bench.dead() == []


async def test_a_job_runs_again_when_somebody_else_changed_what_it_read(bench: Bench) -> None:
    bench.meanwhile = bench.somebody_else_counts
    await bench.plan("remind")
    assert "conflicts" in await bench.runtime.run_job("remind", "q1")
    assert await bench.due_in("remind") == JOB_DELAYS[0]


async def test_of_two_runs_for_one_due_time_one_counts(bench: Bench) -> None:
    await bench.plan("remind")
    due_at = bench.clock.now()
    second: list[str] = []

    async def somebody_else_runs_it() -> None:
        bench.meanwhile = None
        second.append(await bench.runtime.run_job("remind", "q1", due_at))

    bench.meanwhile = somebody_else_runs_it
    assert await bench.runtime.run_job("remind", "q1", due_at) == "done by somebody else"
    assert second == ["counted: 1"]
    assert await bench.runtime.run_job("remind", "q1", due_at) == "done by somebody else"
    assert await bench.counted() == 1


async def test_an_intent_that_is_gone_is_nothing_to_deliver(bench: Bench) -> None:
    await bench.plan("deliver", "ask-q9-102")
    assert await bench.runtime.run_job("deliver", "ask-q9-102") == "ignored: no such intent"
    assert await bench.due_in("deliver", "ask-q9-102") is None


# -- due times --------------------------------------------------------------------------------------------------------


async def test_winding_up_starts_every_periodic_job_once(bench: Bench) -> None:
    await bench.runtime.due_times.wind_up()
    assert await bench.due_in("round", "") == 0.0
    bench.clock.move(seconds=5)
    await bench.runtime.due_times.wind_up()
    assert await bench.due_in("round", "") == -5.0


async def test_a_periodic_job_that_slept_through_its_time_is_started_again(bench: Bench) -> None:
    await bench.runtime.due_times.wind_up()
    bench.clock.move(minutes=5)
    await bench.runtime.due_times.wind_up()
    assert await bench.due_in("round", "") == 0.0


@pytest.mark.parametrize(
    ("seconds", "due"),
    [
        pytest.param(-1.0, False, id="a second before its time a job is not due"),
        pytest.param(-0.01, True, id="arq rounds: a hundredth before counts as on time"),
        pytest.param(0.0, True, id="at its time it is due"),
        pytest.param(3600.0, True, id="late is due"),
    ],
)
async def test_the_database_says_what_is_due(bench: Bench, seconds: float, due: bool) -> None:  # noqa: FBT001 - a table
    await bench.plan("remind")
    bench.clock.move(seconds=seconds)
    assert (await bench.runtime.due_times.due_at("remind", "q1") is not None) == due
    assert await bench.runtime.due_times.due_at("remind", "q2") is None
    assert await bench.runtime.due_times.due(bench.clock.now()) == ([] if seconds < 0 else [("remind", "q1")])
