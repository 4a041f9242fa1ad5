"""Real sentinels: who must have a commit, and what becomes of connections, when a server dies, hangs or comes back."""

from __future__ import annotations

import asyncio
import signal
from typing import TYPE_CHECKING

import pytest
from structlog.testing import capture_logs

from engine.commit import Database
from engine.connect import connect
from engine.errors import Transient, Unconfirmed
from engine.events import MessageCreated, envelope
from engine.keys import Keys
from engine.sentinels import replicas_of
from engine.stream import Publisher
from tests.failover import servers, wait_until
from tests.fakes import FakeClock, NoWakes

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from engine.events import Envelope
    from tests.failover import Servers

__all__ = ["servers"]
pytestmark = [pytest.mark.redis, pytest.mark.timeout(120)]


@pytest.fixture
async def db(servers: Servers) -> AsyncIterator[Database]:
    """A database behind sentinels, used once."""
    await servers.start()
    await servers.watch()
    redis = connect(servers.url)
    yield await used(Database(redis, Keys("main"), NoWakes(), replicas_of(redis)))
    await redis.aclose()


async def used(db: Database) -> Database:
    """The same, with several connections and an event in it."""
    await asyncio.gather(*(db.told_of([room]) for room in range(5)))
    assert await publish(db, 0)
    return db


def told(number: int) -> Envelope:
    return envelope(MessageCreated(room_id=1, message_id=str(number), account_id=2, body="はい", sent_at=3), now=1.0)


async def publish(db: Database, number: int) -> bool:
    return await Publisher(db, FakeClock()).publish(told(number))


async def counts(db: Database, number: int) -> bool:
    """Whether a published event counts now."""
    try:
        await publish(db, number)
    except Transient:
        return False
    return True


async def wants(db: Database, replicas: int) -> bool:
    return await db.replicas.wanted() == replicas


async def test_a_replica_that_nobody_can_promote_is_not_waited_for(servers: Servers, db: Database) -> None:
    assert await wants(db, 1)
    servers.replica.signal(signal.SIGKILL)
    await wait_until(lambda: wants(db, 0), "the sentinels call the primary alone", 10)
    assert await publish(db, 1)
    servers.replica.start("--replicaof", f"127.0.0.1 {servers.primary.port}")
    await wait_until(lambda: wants(db, 1), "the replica is back", 20)
    await wait_until(lambda: counts(db, 2), "it has what it missed", 10)


async def test_one_sentinel_of_three_cannot_call_the_primary_alone(servers: Servers, db: Database) -> None:
    """So it is for a primary that is cut off from the others together with one sentinel and us."""
    for sentinel in servers.sentinels[1:]:
        sentinel.signal(signal.SIGKILL)
    assert await counts(db, 1)
    servers.replica.signal(signal.SIGKILL)
    for number in range(2, 5):
        with pytest.raises(Unconfirmed):
            await publish(db, number)


async def test_a_sentinel_that_hangs_is_not_waited_for(servers: Servers, db: Database) -> None:
    servers.sentinels[0].signal(signal.SIGSTOP)
    servers.replica.signal(signal.SIGKILL)
    await wait_until(lambda: wants(db, 0), "two of three are a majority", 10)


async def test_a_primary_that_hangs_is_left_and_its_connections_are_not_used_again(
    servers: Servers, db: Database
) -> None:
    in_use = await db.redis.connection_pool.get_connection()  # as by a blocking read
    servers.primary.signal(signal.SIGSTOP)
    await wait_until(lambda: counts(db, 1), "it counts at the new primary", 30)
    servers.primary.signal(signal.SIGCONT)
    await db.redis.connection_pool.release(in_use)
    assert [await publish(db, number) for number in range(3)] == [False, False, True]
    await wait_until(servers.primary.replicates, "the former primary is a replica", 30)
    await wait_until(lambda: counts(db, 3), "it counts at both", 10)
    assert await servers.replica.ask("XLEN", db.keys.stream) == 4
    assert await servers.primary.ask("XLEN", db.keys.stream) == 4


class TestForgetful:
    @pytest.fixture
    async def db(self, servers: Servers) -> AsyncIterator[Database]:
        """The replica keeps nothing on its disk, and the sentinels have just promoted it."""
        await servers.start("--appendonly", "no")
        await servers.watch()
        redis = connect(servers.url)
        db = await used(Database(redis, Keys("main"), NoWakes(), replicas_of(redis)))
        servers.primary.signal(signal.SIGKILL)
        await wait_until(servers.replica.is_primary, "the replica is promoted", 30)
        yield db
        await redis.aclose()

    async def test_it_is_told_and_not_used_until_it_is_set_right(self, servers: Servers, db: Database) -> None:
        with capture_logs() as logs:
            await wait_until(lambda: refused(db), "the new primary's settings are seen", 20)
            assert await refused(db)
        (line,) = [line for line in logs if line["event"] == "database_forgetful"]
        assert line["log_level"] == "error"
        assert "appendonly is no; set it to yes" in line["reason"]
        await servers.replica.ask("CONFIG", "SET", "appendonly", "yes")
        await wait_until(lambda: counts(db, 1), "it goes on by itself", 20)


async def refused(db: Database) -> bool:
    """Whether publishing says what is wrong with the settings."""
    try:
        await publish(db, 1)
    except Transient as away:
        return "appendonly is no" in away.reason
    return False
