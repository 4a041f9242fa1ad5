"""A worker's loop over the stream: sign of life, what others left, what is new; it pauses, probes, and goes on."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from engine import heartbeat
from engine.clock import Drift
from engine.errors import Transient
from engine.log import get_logger
from engine.stream import Consumer
from workers import fuse

if TYPE_CHECKING:
    from collections.abc import Callable

    from engine.stream import Delivery
    from workers.runtime import Runtime

log = get_logger()

BATCH = 64
BLOCK_MS = 5000
CLAIM_EVERY = 5.0
CLAIM_IDLE_MS = 15_000
"""An entry that its reader has not finished in this time is taken over."""

STEP = 30.0
"""Seconds by which the wall clock may drift between two looks without being called set."""

PAUSES = (0.2, 0.5, 1.0, 2.0, 5.0)
"""Waits while Redis or Chatwork is away, seconds; the last one repeats."""


async def until(stop: asyncio.Event, work: Any) -> Any:
    """The result of `work`, None if `stop` came first."""
    task, stopped = asyncio.ensure_future(work), asyncio.ensure_future(stop.wait())
    await asyncio.wait({task, stopped}, return_when=asyncio.FIRST_COMPLETED)
    stopped.cancel()
    if task.done():
        return task.result()
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    return None


class ConsumerLoop:
    """Reads the worker's group and handles entries, one after the other; tells that it is alive."""

    def __init__(self, runtime: Runtime, forward: Callable[[], float] = time.monotonic) -> None:
        self._runtime = runtime
        self._db = runtime.deps.db
        self._clock = runtime.deps.clock
        self._forward = forward
        self._drift = Drift(self._clock, forward)
        self._consumer = Consumer(self._db, runtime.worker, heartbeat.own_name(runtime.worker))
        self._claims_at = forward()
        self._beats_at = forward()
        self._born: str | None = None
        self._fuse = fuse.Fuse(forward)

    async def run(self, stop: asyncio.Event) -> None:
        """Turn until `stop`; pause and go on while Redis is away."""
        failures = 0
        while not stop.is_set():
            try:
                if not failures:
                    await self._consumer.ensure_group()
                await self.turn(stop, BLOCK_MS)
                failures = 0
            except Transient as away:
                log.warning("redis_away", reason=away.reason)
                with suppress(TimeoutError):
                    await asyncio.wait_for(stop.wait(), PAUSES[min(failures, len(PAUSES) - 1)])
                failures += 1

    async def turn(self, stop: asyncio.Event, block_ms: int | None) -> int:
        """One round: sign of life, what others left, what is new. Returns how many entries were handled."""
        await self._beat()
        if self._fuse.is_blown:
            return await self._probe(stop)
        deliveries = await self._claim()
        # Giving the read up may leave entries handed over but not seen; they are claimed like a dead consumer's.
        read = self._consumer.read(BATCH, None if deliveries else block_ms)
        deliveries += await until(stop, read) or []
        for handled, delivery in enumerate(deliveries):
            if stop.is_set() or self._fuse.is_blown:
                return handled
            await self._handle(delivery)
            await self._beat()
        return len(deliveries)

    async def _probe(self, stop: asyncio.Event) -> int:
        """Too much went wrong: try one entry now and then, and leave the others where they are."""
        if not self._fuse.may_probe():
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), 1.0)
            return 0
        deliveries = await self._consumer.claim(CLAIM_IDLE_MS, 1) or await self._consumer.read(1, None)
        for delivery in deliveries:
            await self._handle(delivery)
        return len(deliveries)

    async def _handle(self, delivery: Delivery) -> None:
        outcome = await self._runtime.handle(delivery)
        change = self._fuse.note(buried=outcome.startswith("dead"))
        if change == "blown":
            log.error("consuming_stopped", dead_letters=fuse.MOST, within=fuse.WITHIN)
            commit = self._db.commit(self._clock.now())
            commit.wake("keeper", "tell_stopped", self._runtime.worker, commit.now)
            await self._db.apply(commit)
        elif change == "whole":
            log.info("consuming_resumed")

    async def _claim(self) -> list[Delivery]:
        if self._forward() < self._claims_at:
            return []
        self._claims_at = self._forward() + CLAIM_EVERY
        return await self._consumer.claim(CLAIM_IDLE_MS, BATCH)

    async def _beat(self) -> None:
        if self._forward() < self._beats_at:
            return
        self._beats_at = self._forward() + heartbeat.EVERY
        step = self._drift.step()
        if abs(step) > STEP:
            log.warning("clock_stepped", seconds=round(step))
            await self._runtime.due_times.after_step(step)
        await self._look_at_birth()
        await heartbeat.beat(self._db, self._runtime.worker, heartbeat.Beat(at=self._clock.now()))
        await self._runtime.due_times.wind_up()

    async def _look_at_birth(self) -> None:
        """A database that lost everything goes on by itself (groups, due times, member lists), but never in silence."""
        born = await heartbeat.born(self._db, self._clock.now())
        if self._born not in (None, born):
            log.error("database_emptied", born=born, before=self._born)
            commit = self._db.commit(self._clock.now())
            commit.wake("keeper", "tell_emptied", "", commit.now)
            await self._db.apply(commit)
        self._born = born
