"""The chaos bench's proxy does what it is told: a bench whose faults do not happen finds nothing."""

from __future__ import annotations

import asyncio
import random
import time
from typing import TYPE_CHECKING

import pytest

from ops.chaos.proxy import Proxy

if TYPE_CHECKING:
    from asyncio import StreamReader, StreamWriter
    from collections.abc import AsyncIterator

HEARD: list[bytes] = []


async def echo(reader: StreamReader, writer: StreamWriter) -> None:
    while chunk := await reader.read(100):
        HEARD.append(chunk)
        writer.write(chunk)
        await writer.drain()
    writer.close()


@pytest.fixture
async def proxy(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Proxy]:
    monkeypatch.setattr("ops.chaos.proxy.SENT_AGAIN_WITHIN", 0.01)
    HEARD.clear()
    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    between = Proxy(lambda: asyncio.open_connection("127.0.0.1", port), random.Random(1))
    await between.start()
    yield between
    await between.stop()
    server.close()
    await server.wait_closed()


async def ask(proxy: Proxy, words: bytes, seconds: float = 5) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
    try:
        writer.write(words)
        return await asyncio.wait_for(reader.read(100), seconds)
    finally:
        writer.close()


async def test_all_passes(proxy: Proxy) -> None:
    assert await ask(proxy, b"hello") == b"hello"


async def test_nothing_passes_a_cut_and_what_was_sent_into_it_arrives_after_it(proxy: Proxy) -> None:
    proxy.cut(0.4)
    with pytest.raises(TimeoutError):
        await ask(proxy, b"late", seconds=0.1)
    assert HEARD == []
    assert await ask(proxy, b"hello") == b"hello"
    assert sorted(HEARD) == [b"hello", b"late"]


async def test_a_delay_takes_its_time(proxy: Proxy) -> None:
    proxy.delay(0.1, 5)
    began = time.monotonic()
    assert await ask(proxy, b"hello") == b"hello"
    assert time.monotonic() - began >= 0.2, "both ways"


async def test_a_reset_ends_what_is_open(proxy: Proxy) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
    writer.write(b"hello")
    assert await reader.read(100) == b"hello"
    proxy.reset()
    with pytest.raises(ConnectionResetError):
        await reader.read(100)
    writer.close()


async def test_a_swallowed_answer_was_asked_for(proxy: Proxy) -> None:
    proxy.arm("swallow")
    with pytest.raises(ConnectionResetError):
        await ask(proxy, b"hello")
    assert HEARD == [b"hello"]
    assert await ask(proxy, b"again") == b"again"


async def test_half_an_answer(proxy: Proxy) -> None:
    proxy.arm("halve")
    assert await ask(proxy, b"hello") == b"he"


async def test_nobody_behind_it_is_a_reset(proxy: Proxy) -> None:
    async def nobody() -> tuple[StreamReader, StreamWriter]:
        raise ConnectionRefusedError

    lonely = Proxy(nobody, random.Random(1))
    await lonely.start()
    with pytest.raises(ConnectionResetError):
        await ask(lonely, b"hello")
    await lonely.stop()
