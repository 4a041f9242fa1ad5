"""A primary and its replica: what is promised is at the replica, or in the ingress's file."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest

from engine.commit import Database
from engine.connect import connect
from engine.errors import Transient, Unconfirmed
from engine.events import MessageCreated, envelope
from engine.ingress.journal import Journal
from engine.ingress.spool import Spool
from engine.keys import Keys
from engine.replicas import Replicas
from engine.stream import Consumer, Publisher
from tests.failover import servers, wait_until
from tests.fakes import FakeClock, NoWakes

if TYPE_CHECKING:
    from pathlib import Path

    from engine.events import Envelope
    from tests.failover import Server, Servers

__all__ = ["servers"]
pytestmark = [pytest.mark.redis, pytest.mark.timeout(60)]


class OneReplica(Replicas):
    """What the sentinels say as long as a replica is there."""

    async def wanted(self) -> int:
        return 1


def database(server: Server, replicas: Replicas) -> Database:
    return Database(connect(f"redis://127.0.0.1:{server.port}"), Keys("main"), NoWakes(), replicas)


def told(number: int) -> Envelope:
    return envelope(MessageCreated(room_id=1, message_id=str(number), account_id=2, body="はい", sent_at=3), now=1.0)


async def known(db: Database) -> int:
    return int(await db.redis.xlen(db.keys.stream))


async def test_what_no_replica_has_is_done_but_not_confirmed(servers: Servers) -> None:
    await servers.start()
    db = database(servers.primary, OneReplica())
    publisher = Publisher(db, FakeClock())
    assert await publisher.publish(told(1))
    servers.replica.signal(signal.SIGSTOP)
    with pytest.raises(Unconfirmed):
        await publisher.publish(told(2))
    assert await known(db) == 2
    again = database(servers.primary, OneReplica())  # other connections, which have written nothing yet
    with pytest.raises(Unconfirmed):  # nothing is added, but what it found may still be lost
        await Publisher(again, FakeClock()).publish(told(2))
    servers.replica.signal(signal.SIGCONT)
    assert await publisher.publish(told(2)) is False
    assert await known(db) == 2
    await db.redis.aclose()
    await again.redis.aclose()


@pytest.mark.parametrize(
    ("replicas", "outcome", "kept"),
    [
        pytest.param(Replicas(), True, 1, id="without waiting for the replica the second is lost"),
        pytest.param(OneReplica(), None, 2, id="with it the second is in the file, and published later"),
    ],
)
async def test_the_primary_dies_before_the_replica_has_it(
    servers: Servers, tmp_path: Path, replicas: Replicas, outcome: object, kept: int
) -> None:
    await servers.start()
    db, clock = database(servers.primary, replicas), FakeClock()
    spool = Spool(tmp_path / "spool", 1 << 20)
    journal = Journal(db, Publisher(db, clock), spool, clock)
    assert await journal.keep(told(1))
    await wait_until(lambda: has_one(servers.replica, db), "the replica has the first")
    servers.replica.signal(signal.SIGTERM)  # it restarts just now
    assert await journal.keep(told(2)) is outcome
    servers.primary.signal(signal.SIGKILL)
    servers.replica.start()  # and is all there is: the new primary
    await wait_until(servers.replica.is_primary, "the replica is the primary")
    new = database(servers.replica, Replicas())
    await Journal(new, Publisher(new, clock), spool, clock).drain()
    assert await known(new) == kept
    spool.close()
    await db.redis.aclose()
    await new.redis.aclose()


async def test_a_primary_that_must_have_a_replica_refuses_without_one(servers: Servers) -> None:
    """`min-replicas-to-write 1`: nothing is written at all, which is as good as being away."""
    await servers.start()
    db = database(servers.primary, OneReplica())
    await Consumer(db, "score", "a").ensure_group()
    await db.redis.config_set("min-replicas-to-write", 1)
    servers.replica.signal(signal.SIGKILL)
    await wait_until(lambda: without_replica(db), "the primary knows that it has none")
    with pytest.raises(Transient, match="redis_cannot_write"):
        await Publisher(db, FakeClock()).publish(told(1))
    assert await known(db) == 0
    await db.redis.aclose()


async def has_one(server: Server, db: Database) -> bool:
    return await server.ask("XLEN", db.keys.stream) == 1


async def without_replica(db: Database) -> bool:
    return bool((await db.redis.info("replication"))["connected_slaves"] == 0)
