"""How every worker runs its handlers and jobs: the one place that answers "done, ignore, again (when?), give up".

A handler or job gets a `Commit`, returns its outcome in words, and has written nothing before `Database.apply`. Running
one twice is therefore safe: the second run finds the entry acknowledged, or the versions changed, or nothing to do.
"""

from __future__ import annotations

import traceback
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import structlog
from pydantic import ValidationError

from engine.clock import MINUTE, Clock, after
from engine.commit import Applied, Commit, Database, Entry
from engine.dead import DeadLetter, bury, dead_key, unbury
from engine.errors import Ignored, Permanent, Transient, Unconfirmed
from engine.events import Envelope, MessageCreated, MessageUpdated, NewerVersion, parse_envelope
from engine.log import get_logger
from engine.outbox import Channel, Intent, Kind, Verdict
from engine.outbox import Guard as BoundGuard
from engine.routes import handler_for
from engine.sender import Sender
from engine.stream import read_entry
from workers.duetimes import DueTimes

if TYPE_CHECKING:
    from pathlib import Path
    from types import ModuleType

    from engine.ports import Chat
    from engine.questions.active_hours import ActiveHours
    from engine.settings import Community
    from engine.stream import Delivery

log = get_logger()

POISON_DELIVERIES = 3
"""An entry whose handler raises a bug is handed over this often, then it is a dead letter."""

HAND_OVERS = 30
"""An entry that its readers did not live to finish this often is taken for what kills them. Far more than the poison's
number: a reader that dies leaves a whole batch behind, nearly all of it innocent."""

JOB_TRIES = 5
"""Attempts of a job that raises a bug."""

JOB_DELAYS = (2.0, 10.0, MINUTE, 5 * MINUTE, 15 * MINUTE)
"""Waits between attempts of a job, seconds; the last one repeats."""

CONFLICTS = 20
"""Runs of a handler in a row whose reads were changed by somebody else; far above what contention gives."""

RERUNS = ("redrive", "replay")
"""Jobs in which a person has an event handled again; when they fail, that person looks again."""

UNKNOWN_JOB_WAIT = MINUTE
"""A job whose name this code does not know belongs to newer code: look again."""


@dataclass(frozen=True, slots=True)
class Deps:
    """What handlers and jobs may use."""

    db: Database
    clock: Clock
    community: Community
    chat: Chat
    hours: ActiveHours
    own_account_id: int
    backups: Path | None = None  # where copies are put; None: none are made


Handler = Callable[[Any, Commit, Deps], Awaitable[str]]
"""`(event, commit, deps) -> outcome`; `Any` because each handler names its own event class."""

Guard = Callable[[Intent, Commit, Deps], Awaitable[Verdict]]
"""`(intent, commit, deps) -> verdict`, in the moment of sending."""

Job = Callable[[str, Commit, Deps], Awaitable[str]]
"""`(argument, commit, deps) -> outcome`."""


def _bind(guard: Guard, deps: Deps) -> BoundGuard:
    return lambda intent, commit: guard(intent, commit, deps)


class Runtime:
    """Runs one worker's handlers and jobs."""

    def __init__(self, worker: str, module: ModuleType, deps: Deps, channels: Mapping[str, Channel]) -> None:
        self.worker = worker
        self.deps = deps
        self._module = module
        guards: Mapping[Kind, Guard] = getattr(module, "GUARDS", {})
        bound = {kind: _bind(guard, deps) for kind, guard in guards.items()}
        self._sender = Sender(deps.db, deps.clock, channels, bound)
        self._jobs: Mapping[str, Job] = module.JOBS
        self.periodic: Mapping[str, float] = getattr(module, "PERIODIC", {})
        self.due_times = DueTimes(worker, self.periodic, deps.db, deps.clock)

    # -- events -------------------------------------------------------------------------------------------------------

    async def handle(self, delivery: Delivery) -> str:
        """Handle one entry; returns the outcome. Raises `Transient` while Redis is away: the entry stays pending."""
        try:
            told = parse_envelope(delivery.data)
        except NewerVersion:
            return self._say("event_left", "left for newer code", entry=delivery.entry.entry_id)
        except ValidationError as error:
            return await self._bury_event(delivery, None, "unreadable entry", str(error))
        with structlog.contextvars.bound_contextvars(event_id=told.event_id, trace=told.trace):
            return await self._handle_known(delivery, told)

    async def _handle_known(self, delivery: Delivery, told: Envelope) -> str:
        if delivery.times > HAND_OVERS:
            return await self._bury_event(delivery, told, "handed over too often without an end", None)
        try:
            return await self._run_handler(told, delivery.entry)
        except Ignored as ignored:
            return await self._acknowledge(told, delivery.entry, f"ignored: {ignored.reason}")
        except Permanent as failure:
            return await self._bury_event(delivery, told, failure.reason, None)
        except Transient:
            raise
        except Exception as bug:  # the consumer must go on, whatever a handler does
            log.exception("handler_failed", delivery=delivery.times)
            if delivery.times < POISON_DELIVERIES:
                return "left to try again"
            return await self._bury_event(delivery, told, type(bug).__name__, traceback.format_exc())

    async def _run_handler(self, told: Envelope, entry: Entry | None) -> str:
        """Run and commit, again while somebody else changes what was read."""
        name = handler_for(self.worker, told.event, own=self._is_own(told))
        if name is None:
            return await self._acknowledge(told, entry, "not for us")
        handler: Handler = getattr(self._module, name)
        for _ in range(CONFLICTS):
            commit = self.deps.db.commit(self.deps.clock.now(), told.trace)
            outcome = await handler(told.event, commit, self.deps)
            applied, _ = await self.deps.db.apply(commit, entry)
            if applied is Applied.DONE:
                return self._say("handled", outcome, handler=name)
            if applied is Applied.ACKNOWLEDGED:
                return self._say("handled", "done by somebody else", handler=name)
        raise Transient("too many conflicts")

    def _is_own(self, told: Envelope) -> bool:
        """The engine's own posts come back as webhooks."""
        match told.event:
            case MessageCreated(account_id=author) | MessageUpdated(account_id=author):
                return author == self.deps.own_account_id
        return False

    async def _acknowledge(self, told: Envelope, entry: Entry | None, outcome: str) -> str:
        await self.deps.db.apply(self.deps.db.commit(self.deps.clock.now(), told.trace), entry)
        return self._say("handled", outcome)

    async def _bury_event(self, delivery: Delivery, told: Envelope | None, reason: str, trace: str | None) -> str:
        commit = self.deps.db.commit(self.deps.clock.now(), told.trace if told else None)
        letter = DeadLetter(
            id=f"{self.worker}-{delivery.entry.entry_id}",
            source="event",
            worker=self.worker,
            subject=delivery.data,
            reason=reason,
            traceback=trace,
            died_at=commit.now,
            trace=commit.trace,
        )
        await bury(commit, letter)
        await self.deps.db.apply(commit, delivery.entry)
        return f"dead: {reason}"

    # -- jobs ---------------------------------------------------------------------------------------------------------

    async def run_job(self, job: str, argument: str, due_at: float | None = None) -> str:
        """Run `job(argument)`; it wakes itself again where that is its outcome. Raises `Transient` without Redis.

        `due_at` is the due time that it is run for: a second run for the same one counts nothing.
        """
        with structlog.contextvars.bound_contextvars(job=job, argument=argument):
            try:
                outcome = await self._run_known_job(job, argument, due_at)
            except Ignored as ignored:
                outcome = await self._end_job(job, argument, f"ignored: {ignored.reason}")
            except Permanent as failure:
                outcome = await self._bury_job(job, argument, failure.reason, None)
            except Unconfirmed:
                raise  # done, or undone as a whole with the server: the due time in the database tells which
            except Transient as failure:
                outcome = await self._again(job, argument, failure.reason, failure.retry_after)
            except Exception as bug:  # a job must never stop the worker
                log.exception("job_failed")
                if job not in RERUNS and await self.due_times.tries(job, argument) + 1 < JOB_TRIES:
                    outcome = await self._again(job, argument, type(bug).__name__, None)
                else:
                    outcome = await self._bury_job(job, argument, type(bug).__name__, traceback.format_exc())
            return self._say("job_ended", outcome)

    async def _run_known_job(self, job: str, argument: str, due_at: float | None) -> str:
        if job == "deliver":
            outcome = await self._sender.deliver(argument)
            await self.due_times.forget_tries(job, argument)  # the sender ends its job in commits of its own
            return outcome
        if job == "redrive":
            return await self._redrive(argument)
        if job == "replay":
            return await self._replay(argument)
        run = self._jobs.get(job)
        if run is None:
            return await self._again(job, argument, "unknown job, left for newer code", UNKNOWN_JOB_WAIT)
        for _ in range(CONFLICTS):
            if due_at is not None and await self.due_times.due_at(job, argument) != due_at:
                return "done by somebody else"
            commit = self._ending(job, argument)
            if due_at is not None:
                commit.expect_due(self.worker, job, argument, due_at)
            outcome = await run(argument, commit, self.deps)
            if job in self.periodic:
                commit.wake(self.worker, job, argument, after(self.deps.clock.now(), self.periodic[job]))
            if (await self.deps.db.apply(commit))[0] is Applied.DONE:
                return outcome
        raise Transient("too many conflicts")

    def _ending(self, job: str, argument: str) -> Commit:
        """A commit in which the job's due time is over; the job may set a new one."""
        commit = self.deps.db.commit(self.deps.clock.now())
        commit.sleep(self.worker, job, argument)
        self.due_times.end_tries(commit, job, argument)
        return commit

    async def _end_job(self, job: str, argument: str, outcome: str) -> str:
        await self.deps.db.apply(self._ending(job, argument))
        return outcome

    async def _again(self, job: str, argument: str, reason: str, retry_after: float | None) -> str:
        tries = await self.due_times.count_try(job, argument)
        wait = JOB_DELAYS[min(tries, len(JOB_DELAYS)) - 1] if retry_after is None else retry_after
        commit = self.deps.db.commit(self.deps.clock.now())
        commit.wake(self.worker, job, argument, after(commit.now, wait))
        await self.deps.db.apply(commit)
        return f"again in {wait:.1f} s: {reason}"

    async def _bury_job(self, job: str, argument: str, reason: str, trace: str | None) -> str:
        if job in RERUNS:  # what failed again is still the dead letter, or the entry, that it was
            return await self._end_job(job, argument, f"failed again: {reason}")
        commit = self._ending(job, argument)
        letter = DeadLetter(
            id=f"job-{self.worker}-{job}-{argument}",
            source="job",
            worker=self.worker,
            subject=f"{job}|{argument}",
            reason=reason,
            traceback=trace,
            died_at=commit.now,
        )
        await bury(commit, letter)
        if job in self.periodic:
            commit.wake(self.worker, job, argument, after(commit.now, self.periodic[job]))
        await self.deps.db.apply(commit)
        return f"dead: {reason}"

    async def _redrive(self, letter_id: str) -> str:
        """Give the event of a dead letter to this worker again, outside the stream."""
        letter, _ = await self.deps.db.read(dead_key(self.deps.db.keys, letter_id), DeadLetter)
        if letter is None or letter.source != "event":
            raise Ignored("no such dead letter")
        outcome = await self._run_outside(parse_envelope(letter.subject))
        commit = self._ending("redrive", letter_id)
        unbury(commit, letter_id)
        await self.deps.db.apply(commit)
        return outcome

    async def _replay(self, entry_id: str) -> str:
        """Give an entry of the stream to this worker again; what it counted before it does not count again."""
        told = await read_entry(self.deps.db, entry_id)
        if told is None:
            raise Ignored("no such entry any more")
        outcome = await self._run_outside(told)
        commit = self._ending("replay", entry_id)
        commit.fact("event_replayed", event_id=told.event_id, outcome=outcome)
        await self.deps.db.apply(commit)
        return outcome

    async def _run_outside(self, told: Envelope) -> str:
        """Have an event handled that no group holds."""
        try:
            return await self._run_handler(told, None)
        except Ignored as ignored:
            return f"ignored: {ignored.reason}"

    def _say(self, what: str, outcome: str, **fields: object) -> str:
        log.debug(what, outcome=outcome, **fields)
        return outcome
