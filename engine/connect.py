"""Connections to Redis, made in one place: time-outs, retries, Sentinel, and what the server must be set to."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from arq.connections import ArqRedis
from redis.asyncio import ConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import Sentinel, SentinelConnectionPool, SentinelManagedConnection
from redis.backoff import ExponentialBackoff
from redis.exceptions import BusyLoadingError, RedisError
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from engine.away import redis_errors
from engine.errors import Refused
from engine.jobs import dump_job, load_job
from engine.log import get_logger

if TYPE_CHECKING:
    from typing import Any
    from urllib.parse import SplitResult

log = get_logger()

READ_TIMEOUT = 15.0
"""Seconds a reply may take, so that a silent connection does not hang for ever; longer than any blocking read."""

CONNECT_TIMEOUT = 3.0
SENTINEL_SCHEME = "redis+sentinel"

WANTED = {"appendonly": "yes", "appendfsync": "always", "maxmemory-policy": "noeviction"}
"""What the server must be set to, so that an accepted event is kept."""


class _Translating:
    """Mixed into a connection: a write to a socket that was reset a moment ago is a lost connection.

    uvloop calls it a RuntimeError, which redis-py passes on as it is, so that nobody connected again.
    """

    async def send_packed_command(self, *arguments: Any, **options: Any) -> None:
        """Send. Raises redis-py's `ConnectionError` also for what uvloop says."""
        try:
            await super().send_packed_command(*arguments, **options)  # type: ignore[misc]  # the connection's
        except RuntimeError as closed:
            if "the handler is closed" not in str(closed):
                raise
            raise RedisConnectionError("the connection was reset") from closed


def _options() -> dict[str, Any]:
    return {
        "socket_timeout": READ_TIMEOUT,
        "retry": Retry(ExponentialBackoff(cap=1.0, base=0.05), 3),
        # a refused connection is an OSError, which the usual lists of Redis errors leave out
        "retry_on_error": [RedisConnectionError, RedisTimeoutError, BusyLoadingError, OSError],
    }


def _pool(url: str, *, decode: bool) -> ConnectionPool:
    """A pool for an address; what cannot be read may hold a password, so that no message shows any of it."""
    try:
        pool = _pool_of(url, decode=decode)
        pool.connection_class(**pool.connection_kwargs)  # connects nowhere, but complains of options it does not know
    except (ValueError, TypeError, RedisError):
        raise Refused("REDIS_URL: cannot be read; write it like redis://:password@host:6379/0") from None
    plain = pool.connection_class
    pool.connection_class = type(plain.__name__, (_Translating, plain), {})
    return pool


class PrimaryPool(SentinelConnectionPool):
    """Connections to the server that the sentinels call the primary; one to a former primary is never used again."""

    async def ensure_connection(self, connection: SentinelManagedConnection) -> None:  # type: ignore[override]
        """Connect, again if it is another server's."""
        if (connection.host, connection.port) != self.master_address:
            await connection.disconnect()
        await super().ensure_connection(connection)

    async def disconnect(self, inuse_connections: bool = True) -> None:  # noqa: FBT001, FBT002 - as the base class
        """Close connections; with all of them also those to the sentinels."""
        await super().disconnect(inuse_connections)
        if inuse_connections:
            await asyncio.gather(*(sentinel.aclose() for sentinel in self.sentinel_manager.sentinels))


def _sentinel_pool(parts: SplitResult, *, decode: bool) -> ConnectionPool:
    login, _, hosts = parts.netloc.rpartition("@")
    user, _, password = login.partition(":")
    places = [(host.strip("[]"), port) for host, _, port in (place.rpartition(":") for place in hosts.split(","))]
    if not parts.path.strip("/") or not all(host and port.isdecimal() for host, port in places):
        raise Refused("REDIS_URL: write redis+sentinel://host:port,host:port/name")
    options = {
        **_options(),
        "socket_connect_timeout": CONNECT_TIMEOUT,
        "decode_responses": decode,
        "username": unquote(user) or None,
        "password": unquote(password) or None,
    }
    sentinels = Sentinel([(host, int(port)) for host, port in places], socket_timeout=CONNECT_TIMEOUT)  # type: ignore[no-untyped-call]
    return PrimaryPool(parts.path.strip("/"), sentinels, **options)  # type: ignore[no-untyped-call]


def _pool_of(url: str, *, decode: bool) -> ConnectionPool:
    parts = urlsplit(url)
    if parts.scheme == SENTINEL_SCHEME:
        return _sentinel_pool(parts, decode=decode)
    options = {**_options(), "decode_responses": decode, "health_check_interval": 30}
    if parts.scheme in ("redis", "rediss"):
        options["socket_connect_timeout"] = CONNECT_TIMEOUT
    elif parts.scheme != "unix":
        raise Refused("REDIS_URL: begin with redis://, rediss://, unix:// or redis+sentinel://")
    return ConnectionPool.from_url(url, **options)


def connect(url: str) -> Redis:
    """A client that gives text. Raises `Refused` for an address it cannot read; connects at the first command."""
    return Redis.from_pool(_pool(url, decode=True))


def connect_arq(url: str, queue: str) -> ArqRedis:
    """A client for arq, which wants bytes; jobs are JSON, never pickles."""
    pool = _pool(url, decode=False)
    arq = ArqRedis(pool, job_serializer=dump_job, job_deserializer=load_job, default_queue_name=queue)
    arq.auto_close_connection_pool = True  # closing the client closes the pool, which nobody else has
    return arq


CANNOT_SAY = "CONFIG GET is not permitted; check by hand"


async def durability_problems(redis: Redis) -> list[str]:
    """Settings of the server that would lose accepted events, each with its remedy; empty if all is well."""
    problems = []
    for name, wanted in WANTED.items():
        try:
            with redis_errors():
                found = (await redis.config_get(name)).get(name, "")
        except RedisError:
            return [f"{CANNOT_SAY}: {WANTED}"]
        if found != wanted:
            problems.append(f"{name} is {found or 'unknown'}; set it to {wanted} in the server's configuration")
    return problems


async def refuse_forgetful(redis: Redis) -> None:
    """Raise `Refused` for a server that would lose accepted events; one that may not be asked is believed, aloud.

    Raises `Transient` while it is away.
    """
    problems = await durability_problems(redis)
    if problems and problems[0].startswith(CANNOT_SAY):
        log.warning("durability_unknown", reason=CANNOT_SAY)
    elif problems:
        raise Refused(f"the database would lose accepted events: {'; '.join(problems)}")
