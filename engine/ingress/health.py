"""What the operator asks: alive? ready? how much? `/healthz`, `/readyz`, `/metrics`.

Ready means: Redis answers, every worker's loop turned lately, nothing waits in the spool.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aiohttp import web
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

from engine import heartbeat
from engine.away import redis_errors
from engine.errors import Transient
from engine.ingress.journal import soon
from engine.routes import WORKERS

if TYPE_CHECKING:
    from engine.clock import Clock
    from engine.commit import Database
    from engine.ingress.journal import Journal
    from engine.ingress.webhook import Door

WEBHOOK_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 10.0)


@dataclass(frozen=True, slots=True)
class Readiness:
    """`problems` is empty when all is well; `webhook_silence` in seconds since the last genuine webhook."""

    problems: tuple[str, ...]
    spooled: int
    webhook_silence: float | None


class Metrics:
    """Counters of this process and gauges of the whole, as Prometheus reads them."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.webhooks = Counter(
            "yuruyuru_webhooks_total", "Webhooks by HTTP status", ["status"], registry=self.registry
        )
        self.seconds = Histogram(
            "yuruyuru_webhook_seconds", "Time to answer a webhook", registry=self.registry, buckets=WEBHOOK_SECONDS
        )
        self.spooled = Gauge("yuruyuru_spooled_events", "Events that wait for Redis", registry=self.registry)
        self.lag = Gauge("yuruyuru_stream_lag", "Entries a worker has not finished", ["worker"], registry=self.registry)
        self.wakes = Gauge("yuruyuru_due_jobs", "Jobs past their due time", ["worker"], registry=self.registry)
        self.dead = Gauge("yuruyuru_dead_letters", "Dead letters", registry=self.registry)
        self.alive = Gauge("yuruyuru_worker_alive", "1 if the worker's loop turns", ["worker"], registry=self.registry)


class Health:
    """The three answers."""

    def __init__(self, db: Database, clock: Clock, journal: Journal, door: Door) -> None:
        self._db = db
        self._clock = clock
        self._journal = journal
        self._door = door
        self.metrics = Metrics()

    async def healthz(self, _: web.Request) -> web.Response:
        """This process answers."""
        return web.json_response({"status": "alive"})

    async def readyz(self, _: web.Request) -> web.Response:
        """200 when everything works, else 503 with the reasons."""
        ready = await self.readiness()
        answer = {
            "status": "not ready" if ready.problems else "ready",
            "problems": list(ready.problems),
            "spooled": ready.spooled,
            "webhook_silence_seconds": ready.webhook_silence,
        }
        return web.json_response(answer, status=503 if ready.problems else 200)

    async def readiness(self) -> Readiness:
        """Look at everything that must work."""
        now = self._clock.now()
        silence = None if self._door.last_genuine is None else round(now - self._door.last_genuine, 1)
        problems = []
        try:
            await soon(self._db.replicas.wanted())
            known = await soon(heartbeat.beats(self._db, now))
            problems += [f"worker {part} is silent" for part in WORKERS if not heartbeat.is_alive(known, part, now)]
        except Transient as away:
            problems.append(f"Redis is away ({away.reason})")
        if self._journal.spooled:
            problems.append(f"{self._journal.spooled} events wait in the spool")
        return Readiness(tuple(problems), self._journal.spooled, silence)

    async def serve_metrics(self, _: web.Request) -> web.Response:
        """Prometheus text; gauges from Redis are left as they were while it is away."""
        self.metrics.spooled.set(self._journal.spooled)
        with suppress(Transient):  # readiness tells it; old gauges do no harm
            await soon(self._measure())
        body = generate_latest(self.metrics.registry)
        return web.Response(body=body, headers={"content-type": CONTENT_TYPE_PLAIN_0_0_4})

    async def _measure(self) -> None:
        now = self._clock.now()
        known = await heartbeat.beats(self._db, now)
        with redis_errors():
            exists = await self._db.redis.exists(self._db.keys.stream)
            groups = await self._db.redis.xinfo_groups(self._db.keys.stream) if exists else []
            self.metrics.dead.set(await self._db.redis.zcard(self._db.keys.dead_letters))
            for worker in WORKERS:
                due = await self._db.redis.zcount(self._db.keys.wakes(worker), "-inf", now)
                self.metrics.wakes.labels(worker).set(due)
                self.metrics.alive.labels(worker).set(heartbeat.is_alive(known, worker, now))
        for group in groups:
            self.metrics.lag.labels(group["name"]).set((group["lag"] or 0) + group["pending"])
