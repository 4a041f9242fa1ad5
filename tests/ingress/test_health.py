"""What the operator sees: alive, ready, and how much, in every state of what it depends on."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp.test_utils import TestClient, TestServer
from fakeredis import FakeAsyncRedis, FakeServer
from prometheus_client.parser import text_string_to_metric_families

from engine import heartbeat
from engine.commit import Database
from engine.dead import DeadLetter, bury
from engine.events import MessageCreated, envelope
from engine.ingress.app import create_app
from engine.ingress.console.session import Sessions
from engine.ingress.journal import Journal
from engine.ingress.signature import sign
from engine.ingress.spool import Spool
from engine.ingress.webhook import Door
from engine.keys import Keys
from engine.routes import WORKERS
from engine.settings import Community
from engine.stream import Consumer, Publisher
from tests.fakes import FakeClock, NoWakes

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

TOKEN = "a2V5"


class House:
    """An ingress whose surroundings can be put into any state."""

    def __init__(self, client: TestClient[Any, Any], server: FakeServer, db: Database, journal: Journal) -> None:
        self.client = client
        self.server = server
        self.db = db
        self.journal = journal
        self.clock = FakeClock()

    async def beat(self, *workers: str) -> None:
        for worker in workers:
            await heartbeat.beat(self.db, worker, heartbeat.Beat(at=self.clock.now()))

    async def get(self, path: str) -> tuple[int, Any]:
        async with self.client.get(path) as answer:
            return answer.status, await answer.json()

    async def problems(self) -> list[str]:
        status, told = await self.get("/readyz")
        assert status == (503 if told["problems"] else 200)
        assert told["status"] == ("not ready" if told["problems"] else "ready")
        found: list[str] = told["problems"]
        return found

    async def metrics(self) -> dict[str, float]:
        """Samples as Prometheus's own parser reads them."""
        async with self.client.get("/metrics") as answer:
            assert answer.status == 200
            assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
            families = text_string_to_metric_families(await answer.text())
            return {
                name_of(sample.name, sample.labels): sample.value for family in families for sample in family.samples
            }

    async def webhook(self, body: bytes, token: str = TOKEN) -> int:
        headers = {"x-chatworkwebhooksignature": sign(token, body)}
        async with self.client.post("/webhooks/chatwork", data=body, headers=headers) as answer:
            return answer.status

    def told(self, number: int) -> Any:
        message = MessageCreated(room_id=1, message_id=str(number), account_id=2, body="はい", sent_at=3)
        return envelope(message, now=self.clock.now())


def name_of(name: str, labels: dict[str, str]) -> str:
    """`name{value}`."""
    return name + "".join(f"{{{value}}}" for value in labels.values())


@asynccontextmanager
async def open_house(folder: Path) -> AsyncIterator[House]:
    server, clock = FakeServer(), FakeClock()
    redis = FakeAsyncRedis(server=server, decode_responses=True)
    db = Database(redis, Keys("main"), NoWakes())
    with Spool(folder / "spool", 1 << 20) as spool:
        journal = Journal(db, Publisher(db, clock), spool, clock)
        door = Door({"*": (TOKEN,)}, journal, clock)
        app = create_app(db, clock, journal, door, Community(), sessions=Sessions("-"))
        async with TestClient(TestServer(app)) as client:
            house = House(client, server, db, journal)
            house.clock = clock
            yield house
    server.connected = True
    await redis.aclose()


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with open_house(tmp_path) as opened:
        await opened.beat(*WORKERS)
        yield opened


async def test_it_is_ready_when_everything_works(house: House) -> None:
    assert await house.get("/readyz") == (
        200,
        {"status": "ready", "problems": [], "spooled": 0, "webhook_silence_seconds": None},
    )


@pytest.mark.parametrize("worker", WORKERS)
async def test_a_silent_worker_is_a_problem(house: House, worker: str) -> None:
    house.clock.move(seconds=heartbeat.STALE)
    await house.beat(*(other for other in WORKERS if other != worker))
    assert await house.problems() == [f"worker {worker} is silent"]


async def test_a_worker_that_never_spoke_is_a_problem(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        assert await house.problems() == [f"worker {worker} is silent" for worker in WORKERS]


async def test_one_of_two_replicas_is_enough(house: House) -> None:
    old = heartbeat.Beat(at=house.clock.now() - 600)
    for worker in WORKERS:
        elsewhere = {f"{worker}@elsewhere:1": old.model_dump_json()}
        await house.db.redis.hset(house.db.keys("beats"), mapping=elsewhere)  # type: ignore[misc]  # types of both clients
    assert await house.problems() == []


async def test_a_moment_before_it_counts_as_silent_it_is_well(house: House) -> None:
    house.clock.move(seconds=heartbeat.STALE - 0.1)
    assert await house.problems() == []


async def test_redis_away_is_a_problem_and_the_process_is_alive_all_the_same(house: House) -> None:
    house.server.connected = False
    [problem] = await house.problems()
    assert problem.startswith("Redis is away")
    assert await house.get("/healthz") == (200, {"status": "alive"})


async def test_events_in_the_spool_are_a_problem_and_counted(house: House) -> None:
    house.server.connected = False
    await house.journal.keep(house.told(1))
    await house.journal.keep(house.told(2))
    assert len(await house.problems()) == 2
    house.server.connected = True
    assert await house.problems() == ["2 events wait in the spool"]
    assert (await house.get("/readyz"))[1]["spooled"] == 2
    await house.journal.drain()
    assert await house.problems() == []


async def test_the_silence_since_the_last_genuine_webhook_is_told(house: House) -> None:
    await house.webhook(b'{"webhook_setting_id": "1", "webhook_event_type": "other"}')
    house.clock.move(seconds=12)
    await house.webhook(b"forged", token="b3RoZXI=")
    _, told = await house.get("/readyz")
    assert told["webhook_silence_seconds"] == 12
    assert told["problems"] == []


async def test_metrics_of_an_idle_engine(house: House) -> None:
    metrics = await house.metrics()
    assert metrics["yuruyuru_spooled_events"] == 0
    assert metrics["yuruyuru_dead_letters"] == 0
    for worker in WORKERS:
        assert metrics[f"yuruyuru_worker_alive{{{worker}}}"] == 1
        assert metrics[f"yuruyuru_due_jobs{{{worker}}}"] == 0


async def test_webhooks_are_counted_by_status_and_timed(house: House) -> None:
    unknown = b'{"webhook_setting_id": "1", "webhook_event_type": "other"}'
    for _ in range(3):
        await house.webhook(unknown)
    await house.webhook(unknown, token="b3RoZXI=")
    async with house.client.get("/webhooks/chatwork"):
        pass
    metrics = await house.metrics()
    assert metrics["yuruyuru_webhooks_total{200}"] == 3
    assert metrics["yuruyuru_webhooks_total{401}"] == 1
    assert metrics["yuruyuru_webhook_seconds_count"] == 4
    assert metrics["yuruyuru_webhook_seconds_bucket{+Inf}"] == 4


async def test_what_waits_is_measured(house: House) -> None:
    nudge = Consumer(house.db, "nudge", "one")
    await nudge.ensure_group()
    for number in range(5):
        await house.journal.keep(house.told(number))
    await nudge.read(2, None)
    commit = house.db.commit(house.clock.now())
    await bury(commit, DeadLetter(id="d", source="job", worker="nudge", subject="a|b", reason="x", died_at=1))
    for seconds in (-1, 0, 60):
        commit.rank(house.db.keys.wakes("score"), f"sweep|{seconds}", house.clock.now() + seconds)
    await house.db.apply(commit)
    house.clock.move(seconds=31)
    await house.beat("nudge")
    metrics = await house.metrics()
    assert metrics["yuruyuru_stream_lag{nudge}"] == 5, "read or not, they are not finished"
    assert metrics["yuruyuru_dead_letters"] == 1
    assert metrics["yuruyuru_due_jobs{score}"] == 2
    assert (metrics["yuruyuru_worker_alive{nudge}"], metrics["yuruyuru_worker_alive{score}"]) == (1, 0)


async def test_while_redis_is_away_metrics_keep_what_they_knew_and_tell_the_spool(house: House) -> None:
    assert (await house.metrics())["yuruyuru_worker_alive{nudge}"] == 1
    house.server.connected = False
    await house.journal.keep(house.told(1))
    metrics = await house.metrics()
    assert metrics["yuruyuru_spooled_events"] == 1
    assert metrics["yuruyuru_worker_alive{nudge}"] == 1


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics"])
async def test_nobody_changes_anything_by_asking(house: House, path: str) -> None:
    async with house.client.post(path) as answer:
        assert answer.status == 405
