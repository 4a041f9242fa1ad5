"""arq's jobs are wake-ups: `run(job, argument)` for one worker. The truth is the due time in the database.

A job's id names job, argument and due time, so that a wake repeated by the sweep is the same job, and a later due time
is another one.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from engine.away import redis_errors

if TYPE_CHECKING:
    from arq.connections import ArqRedis

    from engine.keys import Keys
    from engine.ports import Wake

RUN = "run"
"""The one function that every worker registers with arq."""


def dump_job(job: dict[str, Any]) -> bytes:
    """Arq's job as JSON; an exception in a result becomes its text."""
    return json.dumps(job, default=str).encode()


def load_job(data: bytes) -> dict[str, Any]:
    """Read what `dump_job` wrote."""
    job: dict[str, Any] = json.loads(data)
    return job


class ArqWakes:
    """Enqueues wakes with arq. Implements `engine.ports.Wakes`."""

    def __init__(self, arq: ArqRedis, keys: Keys) -> None:
        self._arq = arq
        self._keys = keys

    async def wake(self, wake: Wake) -> None:
        """Enqueue; a wake that is queued already is not queued twice."""
        due = round(wake.at * 1000)
        with redis_errors():
            await self._arq.enqueue_job(
                RUN,
                wake.job,
                wake.argument,
                _job_id=self._keys("job", wake.worker, wake.job, wake.argument, due),
                _queue_name=self._keys.arq_queue(wake.worker),
                _defer_until=datetime.fromtimestamp(wake.at, UTC),
            )
