"""The simulator as a process of its own: one line when it listens, and an end at once."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from typing import Any

import aiohttp
import pytest

from engine.chatwork.simulator import server
from engine.chatwork.simulator.sample import BOARD, ENGINE_TOKEN

PROGRAM = "import asyncio; from engine.chatwork.simulator.server import serve; asyncio.run(serve(play=True))"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_it_announces_itself_in_one_line_and_ends_on_a_signal(number: signal.Signals) -> None:
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", PROGRAM, stdout=pipe, stderr=pipe)
    assert process.stdout
    ready = json.loads(await process.stdout.readline())
    assert ready.keys() == {"url", "accounts", "rooms"}
    assert {room["role"] for room in ready["rooms"]} == {"board", "admin", "vendor"}
    async with aiohttp.ClientSession() as session:
        for account in ready["accounts"][:3]:
            headers = {"x-chatworktoken": account["token"]}
            async with session.get(ready["url"] + "/me", headers=headers) as response:
                assert (await response.json())["account_id"] == account["account_id"]
    process.send_signal(number)
    async with asyncio.timeout(10):
        rest, errors = await process.communicate()
    assert (process.returncode, rest, errors) == (0, b"", b"")


@pytest.mark.parametrize("sample", [True, False])
async def test_it_may_be_empty(*, sample: bool) -> None:
    announced: list[dict[str, Any]] = []

    def announce(ready: dict[str, object]) -> None:
        announced.append(dict(ready))
        signal.raise_signal(signal.SIGTERM)

    await server.serve(sample=sample, on_ready=announce)
    (ready,) = announced
    assert bool(ready["accounts"]) is bool(ready["rooms"]) is sample
    if sample:
        assert ready["accounts"][0]["token"] == ENGINE_TOKEN
        assert ready["rooms"][0] == {"room_id": BOARD, "name": "ユルユル投稿板", "role": "board"}


async def test_a_performance_ends_with_the_simulator(capsys: pytest.CaptureFixture[str]) -> None:
    async def soon() -> None:
        signal.raise_signal(signal.SIGINT)

    def announce(ready: dict[str, object]) -> None:
        server.print_line(ready)
        asyncio.get_running_loop().call_soon(lambda: asyncio.ensure_future(soon()))

    await server.serve(play=True, engine_url="http://127.0.0.1:1", on_ready=announce)
    assert len(capsys.readouterr().out.splitlines()) == 1
