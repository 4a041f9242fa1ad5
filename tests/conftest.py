"""Fixtures for all tests: an injected clock, Redis in memory, the whole engine in one process, a real Valkey."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from fakeredis import FakeAsyncRedis, FakeServer

from engine.commit import Database
from engine.connect import connect
from engine.embedded import EmbeddedValkey
from engine.keys import Keys
from tests.fakes import FakeClock, NoWakes
from tests.lasting import assert_that_nothing_else_lasts
from tests.stories.community import Community
from tests.terminal import Terminal

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from redis.asyncio import Redis


@pytest.fixture
def clock() -> FakeClock:
    """Time that only moves when a test moves it."""
    return FakeClock()


@pytest.fixture
def keys() -> Keys:
    """Keys of the community `main`."""
    return Keys("main")


@pytest.fixture
async def redis() -> AsyncIterator[Redis]:
    """Redis in memory."""
    client = FakeAsyncRedis(server=FakeServer(), decode_responses=True)
    yield client
    await client.aclose()


@pytest.fixture
def db(redis: Redis, keys: Keys) -> Database:
    """A database in memory; wakes go nowhere, the due times are what counts."""
    return Database(redis, keys, NoWakes())


@pytest.fixture(scope="session")
def valkey_url() -> Iterator[str]:
    """The embedded server, for real; one for the whole session."""
    with tempfile.TemporaryDirectory() as folder, EmbeddedValkey(Path(folder)) as server:
        yield server.url


@pytest.fixture
async def real_redis(valkey_url: str) -> AsyncIterator[Redis]:
    """An empty real server."""
    client = connect(valkey_url)
    await client.flushall()
    yield client
    await client.aclose()


@pytest.fixture
def real_db(real_redis: Redis, keys: Keys) -> Database:
    """A database on the real server."""
    return Database(real_redis, keys, NoWakes())


@pytest.fixture
async def community(redis: Redis, tmp_path: Path) -> AsyncIterator[Community]:
    """A board, an admin room, a vendor's room, and people in them; everything already known to the engine."""
    async with Community.opened(redis, tmp_path) as opened:
        yield opened
        await assert_that_nothing_else_lasts(redis)


@pytest.fixture
def terminal(valkey_url: str, tmp_path: Path) -> Terminal:
    """A shell whose commands find an empty community on the real server."""
    return Terminal.at(valkey_url, tmp_path)
