"""Connections: which addresses are read, with which limits, and what the server must be set to."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
import uvloop
from redis.asyncio.sentinel import SentinelConnectionPool

from engine.connect import CONNECT_TIMEOUT, READ_TIMEOUT, connect, connect_arq, durability_problems
from engine.errors import Refused, Transient

if TYPE_CHECKING:
    from redis.asyncio import Redis


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        pytest.param("", "begin with redis://", id="nothing"),
        pytest.param("127.0.0.1:6379", "begin with redis://", id="an address without a scheme"),
        pytest.param("http://:geheim@host", "begin with redis://", id="another protocol"),
        pytest.param("redis://:geheim@host:x", "cannot be read", id="a port that is no number"),
        pytest.param("redis://:geheim@host:65536", "cannot be read", id="a port too high"),
        pytest.param("redis://:gehe/im@host", "cannot be read", id="a password with a slash that is not escaped"),
        pytest.param("redis://[::1", "cannot be read", id="half an address of the new kind"),
        pytest.param("redis://host?db=geheim", "cannot be read", id="a database that is no number"),
        pytest.param("redis://host?geheim=1", "cannot be read", id="an unknown option"),
        pytest.param("rediss://host?ssl_cert_reqs=geheim", "cannot be read", id="an unknown way to check certificates"),
        pytest.param("redis+sentinel://host:1", r"write redis\+sentinel://", id="sentinels without a name"),
        pytest.param("redis+sentinel://host/main", r"write redis\+sentinel://", id="a sentinel without a port"),
        pytest.param("redis+sentinel://a:1,b/main", r"write redis\+sentinel://", id="one of two without a port"),
        pytest.param("redis+sentinel://:1/main", r"write redis\+sentinel://", id="a sentinel without a host"),
        pytest.param("redis+sentinel:///main", r"write redis\+sentinel://", id="no sentinels"),
    ],
)
def test_an_address_that_cannot_be_read_is_not_shown(url: str, sentence: str) -> None:
    with pytest.raises(Refused, match=f"^REDIS_URL: {sentence}") as refused:
        connect(url)
    assert "geheim" not in str(refused.value)
    assert refused.value.__suppress_context__ or refused.value.__context__ is None


@pytest.mark.parametrize(
    ("url", "place"),
    [
        pytest.param("redis://host:7000/3", {"host": "host", "port": 7000, "db": 3}, id="a port and a database"),
        pytest.param("redis://u:p%2Fw@host", {"username": "u", "password": "p/w"}, id="a user and a password"),
        pytest.param("rediss://host", {"host": "host"}, id="encrypted"),
        pytest.param("redis://[::1]:7000", {"host": "::1", "port": 7000}, id="an address of the new kind"),
    ],
)
def test_a_server_on_the_network(url: str, place: dict[str, object]) -> None:
    options = connect(url).connection_pool.connection_kwargs
    assert {name: options[name] for name in place} == place
    assert options["socket_timeout"] == READ_TIMEOUT
    assert options["socket_connect_timeout"] == CONNECT_TIMEOUT
    assert options["decode_responses"] is True


def test_a_server_on_a_socket() -> None:
    options = connect("unix:///run/valkey.sock").connection_pool.connection_kwargs
    assert options["path"] == "/run/valkey.sock"
    assert "socket_connect_timeout" not in options


def test_sentinels_and_the_name_they_know() -> None:
    pool = connect("redis+sentinel://u:p%40w@a:26379,[::1]:26380/main").connection_pool
    assert isinstance(pool, SentinelConnectionPool)
    assert pool.service_name == "main"
    hosts = [sentinel.connection_pool.connection_kwargs for sentinel in pool.sentinel_manager.sentinels]
    assert [(host["host"], host["port"]) for host in hosts] == [("a", 26379), ("::1", 26380)]
    assert (pool.connection_kwargs["username"], pool.connection_kwargs["password"]) == ("u", "p@w")


def test_sentinels_without_a_password() -> None:
    options = connect("redis+sentinel://a:26379/main").connection_pool.connection_kwargs
    assert options["username"] is options["password"] is None


async def test_our_client_gives_text(real_redis: Redis) -> None:
    await real_redis.set("a", "青木")
    assert await real_redis.get("a") == "青木"


async def test_arqs_client_gives_bytes_and_writes_json(valkey_url: str, real_redis: Redis) -> None:
    arq = connect_arq(valkey_url, "queue")
    job = await arq.enqueue_job("run", "deliver", "青木")
    assert job is not None
    stored = await arq.get(f"arq:job:{job.job_id}")
    assert isinstance(stored, bytes)
    assert json.loads(stored)["a"] == ["deliver", "青木"]
    assert await arq.zcard("queue") == 1
    await arq.aclose()


def test_a_connection_that_was_reset_a_moment_ago_is_opened_again(valkey_url: str) -> None:
    """uvloop says `RuntimeError` then, which redis-py passes on; a worker ended by it in the chaos bench."""

    async def reset_between_two_commands() -> None:
        client = connect(valkey_url)
        await client.ping()
        [connection] = client.connection_pool._available_connections  # noqa: SLF001
        assert connection._writer is not None  # noqa: SLF001
        connection._writer.transport.abort()  # noqa: SLF001
        assert await client.ping()
        await client.aclose()

    uvloop.run(reset_between_two_commands())


async def test_a_bug_while_sending_stays_a_bug(valkey_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def breaks(*_: object, **__: object) -> None:
        raise RuntimeError("a bug")

    client = connect(valkey_url)
    await client.ping()
    monkeypatch.setattr("redis.asyncio.connection.AbstractConnection._send_packed_command", breaks)
    with pytest.raises(RuntimeError, match="a bug"):
        await client.ping()
    await client.aclose()


class TestDurability:
    async def test_the_embedded_server_keeps_what_it_accepts(self, real_redis: Redis) -> None:
        assert await durability_problems(real_redis) == []

    @pytest.mark.parametrize(
        ("name", "value", "wanted"),
        [
            pytest.param("appendonly", "no", "yes", id="no file"),
            pytest.param("appendfsync", "everysec", "always", id="a second late"),
            pytest.param("maxmemory-policy", "allkeys-lru", "noeviction", id="forgets when it is full"),
        ],
    )
    async def test_what_would_lose_events_is_named(self, real_redis: Redis, name: str, value: str, wanted: str) -> None:
        await real_redis.config_set(name, value)
        try:
            found = await durability_problems(real_redis)
        finally:
            await real_redis.config_set(name, wanted)
        assert found == [f"{name} is {value}; set it to {wanted} in the server's configuration"]

    async def test_a_server_that_does_not_know_a_setting(
        self, real_redis: Redis, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("engine.connect.WANTED", {"appendmagic": "yes"})
        assert await durability_problems(real_redis) == [
            "appendmagic is unknown; set it to yes in the server's configuration"
        ]

    async def test_a_server_that_is_away_is_no_problem_of_its_settings(self) -> None:
        with pytest.raises(Transient):
            await durability_problems(connect("unix:///nowhere/valkey.sock"))
