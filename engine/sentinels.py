"""Behind sentinels: how many replicas must have received a commit before it counts; which primary may be used.

Replication is asynchronous: what a primary answered may be lost with it. So a commit counts once a replica has it
(`WAIT`), unless a majority of the sentinels says that there is none that they could promote: then what is on the
primary's disk cannot be overtaken by anybody who lacks it. A primary cut off from the others never sees a majority, so
nothing counts there. A server that was promoted is asked for its settings like one found at the start.
`ops/decisions/0006-failover.md` says what can be lost all the same.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from redis.exceptions import RedisError

from engine.away import redis_errors
from engine.connect import PrimaryPool, refuse_forgetful
from engine.errors import Refused, Transient
from engine.log import get_logger
from engine.replicas import Replicas

if TYPE_CHECKING:
    from redis.asyncio import Redis

log = get_logger()

LOOK_EVERY = 1.0
"""Seconds between two looks at the sentinels."""

LOOK_SECONDS = 0.5
"""Time that the sentinels get to answer; a majority is enough, the others are not waited for."""


@dataclass(frozen=True, slots=True)
class View:
    """What a sentinel sees: who the primary is, and whether no replica could take its place."""

    primary: tuple[str, int]
    alone: bool


def replicas_of(redis: Redis) -> Replicas:
    """What a client's commits have to wait for."""
    pool = redis.connection_pool
    return Sentinels(redis, pool) if isinstance(pool, PrimaryPool) else Replicas()


class Sentinels(Replicas):
    """Looks at the servers through the eyes of the sentinels, at most once a second."""

    def __init__(self, redis: Redis, pool: PrimaryPool) -> None:
        self._redis = redis
        self._pool = pool
        self._turn = asyncio.Lock()
        self._look_at = 0.0
        self._alone: tuple[str, int] | None = None
        self._trusted: tuple[str, int] | None = None
        self._refusal = ""

    async def wanted(self) -> int:
        """Replicas that must have a commit. Raises `Transient` while the primary would lose what it accepts."""
        async with self._turn:
            if time.monotonic() >= self._look_at:
                await self._look()
                self._look_at = time.monotonic() + LOOK_EVERY
        return 0 if self._alone is not None and self._alone == self._pool.master_address else 1

    async def _look(self) -> None:
        agreed = await self._agreed()
        primary = self._pool.master_address
        if primary is None or (agreed is not None and agreed.primary != primary):
            with redis_errors():  # leaves the connections to another one
                primary = await self._pool.get_master_address()  # type: ignore[no-untyped-call]
        if primary != self._trusted:
            await self._examine()
            self._trusted = primary
        self._alone = agreed.primary if agreed is not None and agreed.alone else None

    async def _examine(self) -> None:
        """Raise `Transient` for a server that would lose accepted events, until somebody has set it right."""
        try:
            await refuse_forgetful(self._redis)
        except Refused as refusal:
            if str(refusal) != self._refusal:
                log.error("database_forgetful", reason=str(refusal))  # noqa: TRY400 - a setting, no bug to trace
            self._refusal = str(refusal)
            raise Transient(self._refusal) from None
        self._refusal = ""

    async def _agreed(self) -> View | None:
        """What a majority of the sentinels sees, None if there is none."""
        asked = [asyncio.create_task(self._ask(sentinel)) for sentinel in self._pool.sentinel_manager.sentinels]
        views: Counter[View | None] = Counter()
        try:
            for answer in asyncio.as_completed(asked, timeout=LOOK_SECONDS):
                view = await answer
                views[view] += 1
                if views[view] * 2 > len(asked):
                    return view
        except TimeoutError:
            return None
        finally:
            for task in asked:
                task.cancel()
            await asyncio.gather(*asked, return_exceptions=True)
        return None

    async def _ask(self, sentinel: Redis) -> View | None:
        try:
            primary = await sentinel.sentinel_master(self._pool.service_name)  # type: ignore[no-untyped-call]
            replicas = await sentinel.sentinel_slaves(self._pool.service_name)  # type: ignore[no-untyped-call]
        except (RedisError, OSError):
            return None
        # the sentinels' own reasons not to promote one
        lost = [state["is_sdown"] or state["is_odown"] or state["is_disconnected"] for state in replicas]
        return View((primary["ip"], primary["port"]), alone=all(lost))
