"""A worker's due times: the truth about what is to be run when, of which arq's jobs are only the wake-ups.

{c}:wakes:<worker>  zset  due times; members `job|argument`
{c}:tries:<worker>  hash  attempts of jobs that have not ended
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.away import redis_errors

if TYPE_CHECKING:
    from collections.abc import Mapping

    from engine.clock import Clock, Epoch
    from engine.commit import Commit, Database

OVERDUE = 10.0
"""Seconds after its due time at which a periodic job counts as forgotten."""

EARLY = 0.05
"""Seconds by which arq's clock may be ahead of the due time, which it rounds."""


class DueTimes:
    """Looks at one worker's due times and mends them. `periodic` gives the period of jobs that repeat, seconds."""

    def __init__(self, worker: str, periodic: Mapping[str, float], db: Database, clock: Clock) -> None:
        self._worker = worker
        self._periodic = periodic
        self._db = db
        self._clock = clock

    async def wind_up(self) -> None:
        """Start periodic jobs whose due time cannot be right.

        There is none (an empty database), it is over (a lost wake), or it is further ahead than the job's period (the
        clock was set back).
        """
        commit = self._db.commit(self._clock.now())
        wakes = self._db.keys.wakes(self._worker)
        for job, period in self._periodic.items():
            near = await self._db.ranked(wakes, low=commit.now - OVERDUE, high=commit.now + period + OVERDUE)
            if f"{job}|" not in near:
                commit.wake(self._worker, job, "", commit.now)
        if commit.wakes:
            await self._db.apply(commit)

    async def after_step(self, step: float) -> None:
        """The clock was set back by `-step` seconds: what was to be sent by the old time would wait that much longer.

        Looking at it now is safe, because its guard is asked in any case. A step forward needs nothing: what is due is
        due, and guards keep it from coming all at once or at night.
        """
        if step >= 0:
            return
        commit = self._db.commit(self._clock.now())
        wakes = self._db.keys.wakes(self._worker)
        for member in await self._db.ranked(wakes, low=commit.now, high=commit.now - step + OVERDUE):
            job, _, argument = member.partition("|")
            if job == "deliver":
                commit.wake(self._worker, job, argument, commit.now)
        await self._db.apply(commit)

    async def due_at(self, job: str, argument: str) -> float | None:
        """When the job was due, None if by the database it is not: a wake may be older than a changed due time."""
        with redis_errors():
            at = await self._db.redis.zscore(self._db.keys.wakes(self._worker), f"{job}|{argument}")
        return at if at is not None and at <= self._clock.now() + EARLY else None

    async def due(self, until: Epoch) -> list[tuple[str, str]]:
        """Jobs and arguments whose time came at `until` or before, earliest first."""
        found = await self._db.ranked(self._db.keys.wakes(self._worker), high=until)
        return [(job, argument) for job, _, argument in (member.partition("|") for member in found)]

    @property
    def _tries(self) -> str:
        return self._db.keys("tries", self._worker)

    async def tries(self, job: str, argument: str) -> int:
        """How often the job was attempted and not ended."""
        with redis_errors():
            counted = await self._db.redis.hget(self._tries, f"{job}|{argument}")  # type: ignore[misc]  # both clients' type
        return int(counted or 0)

    async def count_try(self, job: str, argument: str) -> int:
        """Count one more attempt; returns how many there were."""
        with redis_errors():
            counted = await self._db.redis.hincrby(self._tries, f"{job}|{argument}", 1)  # type: ignore[misc]  # as above
        return int(counted)

    async def forget_tries(self, job: str, argument: str) -> None:
        """The job ended in commits of its own."""
        with redis_errors():
            await self._db.redis.hdel(self._tries, f"{job}|{argument}")  # type: ignore[misc]  # as above

    def end_tries(self, commit: Commit, job: str, argument: str) -> None:
        """The job ends with this commit, and with it what was counted of its attempts."""
        commit.writes.append(("HDEL", self._tries, f"{job}|{argument}"))
