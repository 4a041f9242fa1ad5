"""Takes an intent of the outbox through its states, so that it is sent exactly once.

pending ──commit──▶ sending ──send──▶ sent
▲  guard: Later      │ certainly not sent: pending again, later
│  guard: Drop ▶ dropped
└────────────────────┘ perhaps sent: stays in sending; whoever comes when its lease is over looks for it first

After a restore `pending` means less than it says: see `engine/backups/lost.py`.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from engine.backups.lost import LISTENING, lost_time
from engine.clock import Clock, Epoch, after
from engine.commit import Applied, Commit, Database
from engine.dead import DeadLetter, bury
from engine.errors import Ignored, Permanent, Transient
from engine.outbox import (
    FACTS,
    KEPT,
    TOO_LATE,
    Brake,
    ChatContent,
    Drop,
    Go,
    Intent,
    Later,
    State,
    Verdict,
    brake_key,
    intent_key,
)
from engine.ports import Lane

if TYPE_CHECKING:
    from collections.abc import Mapping

    from engine.backups.lost import LostTime
    from engine.outbox import Channel, Guard, Kind

SENDING_LEASE = 24.0
"""Seconds after which an intent in `sending` counts as left by a dead process; longer than any channel may take."""

BRAKE_LOOK = 60.0
"""Seconds between two looks at a pulled brake."""

CONFLICT_WAIT = 0.2
"""Seconds to wait when somebody else changed what we had read."""


class Sender:
    """Delivers intents. Safe to run twice at once: only one of two runs can commit `sending`."""

    def __init__(
        self, db: Database, clock: Clock, channels: Mapping[str, Channel], guards: Mapping[Kind, Guard]
    ) -> None:
        self._db = db
        self._clock = clock
        self._channels = channels
        self._guards = guards

    async def deliver(self, intent_id: str) -> str:
        """Send one intent if it is due and wanted; returns the outcome. Raises `Ignored` if it ended before."""
        commit = self._db.commit(self._clock.now())
        intent = await commit.read(intent_key(self._db.keys, intent_id), Intent)
        if intent is None:
            raise Ignored("no such intent")
        if intent.state in (State.SENT, State.DROPPED, State.DEAD):
            commit.sleep(intent.worker, "deliver", intent_id)
            await self._db.apply(commit)
            raise Ignored(f"already {intent.state}")
        commit.trace = intent.trace
        if intent.state is State.SENDING:
            return await self._resume(commit, intent)
        return await self._begin(commit, intent)

    async def _resume(self, commit: Commit, intent: Intent) -> str:
        """Somebody was at it before: look whether it arrived."""
        lease_until = Epoch(intent.lease_until or 0.0)
        if lease_until > commit.now:
            return await self._postpone(commit, intent, Later(after(lease_until, 1), "being sent elsewhere"))
        try:
            receipt = await self._channels[intent.content.channel].find(intent)
        except Permanent as unknowable:
            return await self._bury(commit, intent, unknowable.reason)
        if receipt is not None:
            return await self._record_sent(commit, intent, receipt)
        return await self._begin(commit, intent)

    async def _begin(self, commit: Commit, intent: Intent) -> str:
        """Look for it if it may stand there since a time that is forgotten; ask whether it is still wanted; try."""
        lost = await lost_time(commit)
        if lost is not None and lost.holds_up(intent):
            return await self._postpone(
                commit, intent, Later(after(commit.now, LISTENING), "its room was not read again")
            )
        if lost is not None and lost.may_hold(intent):
            return await self._look_back(commit, intent, lost)
        return await self._ask(commit, intent)

    async def _look_back(self, commit: Commit, intent: Intent, lost: LostTime) -> str:
        """What can no longer be known keeps back only what was there to be sent before the restore."""
        try:
            channel = self._channels[intent.content.channel]
            receipt = await channel.find(intent.model_copy(update={"attempted_at": lost.taken_at}))
        except Permanent as unknowable:
            if intent.created_at <= lost.restored_at:
                return await self._bury(commit, intent, unknowable.reason)
            receipt = None
        if receipt is not None:
            return await self._record_sent(commit, intent, receipt)
        return await self._ask(commit, intent.model_copy(update={"attempted_at": None}))

    async def _ask(self, commit: Commit, intent: Intent) -> str:
        """Ask whether it is still wanted, then try."""
        match await self._verdict(commit, intent):
            case Drop(reason):
                return await self._drop(commit, intent, reason)
            case Later() as later:
                return await self._wait(commit, intent, later)
            case Go():
                return await self._attempt(commit, intent)

    async def _verdict(self, commit: Commit, intent: Intent) -> Verdict:
        braked = await commit.read(brake_key(self._db.keys), Brake) is not None
        if braked and intent.lane is not Lane.REPLY:
            return Later(after(commit.now, BRAKE_LOOK), "brake")
        if commit.now - intent.created_at > TOO_LATE.get(intent.kind, math.inf):
            return Drop("too late")
        guard = self._guards.get(intent.kind)
        return Go() if guard is None else await guard(intent, commit)

    async def _attempt(self, commit: Commit, intent: Intent) -> str:
        """Commit `sending`, send, commit the ending."""
        lease_until = after(commit.now, SENDING_LEASE)
        sending = intent.model_copy(
            update={
                "state": State.SENDING,
                "attempts": intent.attempts + 1,
                "attempted_at": intent.attempted_at or commit.now,
                "lease_until": lease_until,
            }
        )
        commit.write(intent_key(self._db.keys, intent.id), sending)
        commit.wake(intent.worker, "deliver", intent.id, after(lease_until, 1))
        await self._apply(commit)
        if self._clock.now() >= lease_until:  # stopped meanwhile, for so long that another process may be at it
            raise Transient("the lease ran out before sending", retry_after=CONFLICT_WAIT)
        channel = self._channels[intent.content.channel]
        try:
            receipt = await channel.send(sending)
        except Transient as failure:
            if failure.untried:
                return await self._give_way(await self._reopen(sending), intent, failure)
            return await self._failed(await self._reopen(sending), sending, failure, channel)
        except Permanent as failure:
            return await self._bury(await self._reopen(sending), sending, failure.reason)
        return await self._record_sent(await self._reopen(sending, arrived=True), sending, receipt)

    async def _reopen(self, attempt: Intent, *, arrived: bool = False) -> Commit:
        """Begin the commit that ends an attempt.

        Raises `Transient` if another process took over because this one outlived its lease: then the other's ending
        counts, and of ours only that it arrived, unless that is known.
        """
        commit = self._db.commit(self._clock.now(), attempt.trace)
        found = await commit.read(intent_key(self._db.keys, attempt.id), Intent)
        ours = found is not None and (found.state, found.lease_until) == (State.SENDING, attempt.lease_until)
        if not ours and not (arrived and found is not None and found.state is not State.SENT):
            raise Transient("somebody else took it over meanwhile", retry_after=CONFLICT_WAIT)
        return commit

    async def _give_way(self, commit: Commit, intent: Intent, failure: Transient) -> str:
        """It was not its turn: nothing was attempted, so the intent is again as it was before, however often."""
        again_at = after(commit.now, failure.retry_after or CONFLICT_WAIT)
        commit.write(intent_key(self._db.keys, intent.id), intent.model_copy(update={"state": State.PENDING}))
        return await self._postpone(commit, intent, Later(again_at, failure.reason))

    async def _failed(self, commit: Commit, intent: Intent, failure: Transient, channel: Channel) -> str:
        """Try again by the channel's schedule; what may have been done stays in `sending`, its lease over."""
        again_at = channel.retry_at(intent.attempts, commit.now, failure.retry_after)
        if again_at is None:
            return await self._bury(commit, intent, f"given up after {intent.attempts} attempts: {failure.reason}")
        update: dict[str, object] = {"state": State.PENDING, "lease_until": commit.now, "reason": failure.reason}
        if failure.maybe_done:  # the request may still be on its way, so it is not looked for before its lease is over
            again_at = after(max(again_at, Epoch(intent.lease_until or 0.0)), 1)
            update = {"reason": failure.reason}
        wait = again_at - commit.now
        commit.write(intent_key(self._db.keys, intent.id), intent.model_copy(update=update))
        commit.wake(intent.worker, "deliver", intent.id, again_at)
        commit.fact("attempt_failed", intent=intent.id, reason=failure.reason, retry_in=round(wait))
        await self._apply(commit)
        return f"again in {wait:.0f} s: {failure.reason}"

    async def _record_sent(self, commit: Commit, intent: Intent, receipt: str) -> str:
        self._end(commit, intent, State.SENT, receipt=receipt)
        for event in intent.then:
            commit.publish(event)
        if isinstance(intent.content, ChatContent):
            room_id, _, message_id = receipt.partition("-")  # a private word is not in the room it is about
            commit.fact("message_posted", room_id=int(room_id), message_id=message_id, intent=intent.id)
        commit.fact(FACTS[intent.kind][0], subject=intent.subject, intent=intent.id, attempts=intent.attempts)
        await self._apply(commit)
        return "sent"

    async def _drop(self, commit: Commit, intent: Intent, reason: str) -> str:
        self._end(commit, intent, State.DROPPED, reason=reason)
        commit.fact(FACTS[intent.kind][1], subject=intent.subject, intent=intent.id, reason=reason)
        await self._apply(commit)
        return f"dropped: {reason}"

    async def _wait(self, commit: Commit, intent: Intent, later: Later) -> str:
        """It does not stand there, so it waits like one that was never tried: nothing is in doubt meanwhile."""
        waiting = intent.model_copy(update={"state": State.PENDING, "lease_until": None, "reason": None})
        if waiting != intent:
            commit.write(intent_key(self._db.keys, intent.id), waiting)
        return await self._postpone(commit, waiting, later)

    async def _postpone(self, commit: Commit, intent: Intent, later: Later) -> str:
        commit.wake(intent.worker, "deliver", intent.id, later.at)
        await self._apply(commit)
        return f"later: {later.reason}"

    async def _bury(self, commit: Commit, intent: Intent, reason: str) -> str:
        self._end(commit, intent, State.DEAD, reason=reason)
        letter = DeadLetter(
            id=f"intent-{intent.id}",
            source="intent",
            worker=intent.worker,
            subject=intent.id,
            reason=reason,
            died_at=commit.now,
            trace=intent.trace,
        )
        await bury(commit, letter)
        await self._apply(commit)
        return f"dead: {reason}"

    def _end(self, commit: Commit, intent: Intent, state: State, **update: str) -> None:
        ended = intent.model_copy(update={"state": state, "lease_until": None, "reason": None, **update})
        commit.write(intent_key(self._db.keys, intent.id), ended, ttl=None if state is State.DEAD else KEPT)
        commit.sleep(intent.worker, "deliver", intent.id)

    async def _apply(self, commit: Commit) -> None:
        applied, _ = await self._db.apply(commit)
        if applied is not Applied.DONE:
            raise Transient("somebody else changed it meanwhile", retry_after=CONFLICT_WAIT)
