"""The ingress as a process: what it refuses to start with, and that it starts, serves and ends on a real server."""

from __future__ import annotations

import asyncio
import base64
import json
import signal
import socket
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
from structlog.testing import capture_logs

from engine import heartbeat
from engine.errors import Refused
from engine.ingress import app as app_module
from engine.ingress.app import run_ingress
from engine.ingress.signature import sign
from engine.ingress.spool import HEADER, Spool
from engine.routes import WORKERS
from engine.settings import Community, load_environment

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping, Sequence
    from pathlib import Path

    from redis.asyncio import Redis

    from engine.commit import Database

TOKEN = base64.b64encode(b"k" * 32).decode()
NOBODY = "redis://127.0.0.1:1"


def settings(folder: Path, **more: str) -> Mapping[str, str]:
    return {"DATA_DIR": str(folder), "PORT": "0", "CHATWORK_WEBHOOK_TOKENS": f"12345={TOKEN}"} | more


async def run(environ: Mapping[str, str], redis_url: str = NOBODY) -> None:
    await run_ingress(load_environment(environ), Community(), redis_url)


@asynccontextmanager
async def running(environ: Mapping[str, str], redis_url: str) -> AsyncIterator[tuple[str, list[Any]]]:
    """The ingress at work: its address and the lines it logs; ended by SIGTERM."""
    with capture_logs() as lines:
        task = asyncio.create_task(run(environ, redis_url))
        await until(lambda: task.done() or "ingress_listening" in names(lines), "listening")
        if task.done():
            task.result()
        port = next(line["port"] for line in lines if line["event"] == "ingress_listening")
        yield f"http://127.0.0.1:{port}", lines
        signal.raise_signal(signal.SIGTERM)
        async with asyncio.timeout(10):
            await task
    assert names(lines)[-1] == "ingress_stopped"


def names(lines: Sequence[Mapping[str, Any]]) -> list[str]:
    return [line["event"] for line in lines]


async def until(condition: Callable[[], bool], description: str) -> None:
    end = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < end, f"never came: {description}"
        await asyncio.sleep(0.005)


async def everybody_beats(db: Database) -> None:
    for worker in WORKERS:
        await heartbeat.beat(db, worker, heartbeat.Beat(at=time.time()))


# -- what it refuses --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tokens", "remedy"),
    [
        pytest.param("", "is not set", id="none"),
        pytest.param(",", "no token", id="a comma"),
        pytest.param("12345=", "no token", id="an empty one, with which anybody could sign"),
        pytest.param(f"12345={TOKEN},12346=", "no token", id="an empty one beside a good one"),
        pytest.param("12345=not base64!", "not base64", id="signs that base64 does not have"),
        pytest.param(f"12345={TOKEN[:-1]}", "not base64", id="one letter too few"),
        pytest.param("トークン", "not base64", id="letters beyond ASCII"),
    ],
)
async def test_it_does_not_start_with_these_tokens(tmp_path: Path, tokens: str, remedy: str) -> None:
    with pytest.raises(Refused, match=remedy) as refused:
        await run(settings(tmp_path, CHATWORK_WEBHOOK_TOKENS=tokens))
    assert "CHATWORK_WEBHOOK_TOKENS" in str(refused.value)
    assert TOKEN[:-1] not in str(refused.value)
    assert "not base64!" not in str(refused.value)


async def test_a_port_that_is_taken_is_named_with_the_remedy(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(Refused, match=rf"127\.0\.0\.1:{port} cannot be used: .*set PORT or HOST"):
            await run(settings(tmp_path, PORT=str(port)))


async def test_a_host_that_is_not_ours_is_named_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(Refused, match=r"192\.0\.2\.1:0 cannot be used"):
        await run(settings(tmp_path, HOST="192.0.2.1"))


async def test_a_spool_in_use_by_another_process_is_named_with_its_folder(tmp_path: Path) -> None:
    with Spool(tmp_path / "spool", 1 << 20), pytest.raises(Refused, match=r"DATA_DIR .* in use by another process"):
        await run(settings(tmp_path))


async def test_a_data_dir_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(Refused, match=r"DATA_DIR .*file"):
        await run(settings(tmp_path / "file"))


async def test_an_address_of_redis_that_nobody_can_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="REDIS_URL"):
        await run(settings(tmp_path), "http://127.0.0.1")


async def test_what_was_refused_holds_nothing(tmp_path: Path) -> None:
    """The next try finds spool and port free."""
    with pytest.raises(Refused):
        await run(settings(tmp_path, HOST="192.0.2.1"))
    with Spool(tmp_path / "spool", 1 << 20) as spool:
        assert spool.pending == 0


# -- what it does -----------------------------------------------------------------------------------------------------


@pytest.mark.redis
async def test_it_takes_webhooks_beats_and_announces_once_that_it_is_ready(
    real_redis: Redis, real_db: Database, valkey_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app_module, "READY_PAUSE", 0.01)
    monkeypatch.setattr(app_module, "READY_REMINDER", 0.0)
    async with running(settings(tmp_path), valkey_url) as (url, lines):
        await until(lambda: "engine_waits" in names(lines), "waiting")
        waits = next(line for line in lines if line["event"] == "engine_waits")
        assert waits["problems"] == [f"worker {worker} is silent" for worker in WORKERS]
        await everybody_beats(real_db)
        await until(lambda: "engine_ready" in names(lines), "ready")
        assert await webhook(url) == 200
        assert await real_redis.xlen(real_db.keys.stream) == 1
        assert heartbeat.is_alive(await heartbeat.beats(real_db, time.time()), "ingress", time.time())
    assert names(lines).count("engine_ready") == 1


async def test_without_redis_it_starts_takes_webhooks_and_says_what_it_waits_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app_module, "READY_PAUSE", 0.01)
    monkeypatch.setattr(app_module, "READY_REMINDER", 0.0)
    async with running(settings(tmp_path), NOBODY) as (url, lines):
        await until(lambda: "engine_waits" in names(lines), "waiting")
        assert await webhook(url) == 200
        async with aiohttp.ClientSession() as session, session.get(f"{url}/readyz") as answer:
            assert answer.status == 503
    waits = next(line for line in lines if line["event"] == "engine_waits")
    assert any("Redis is away" in problem for problem in waits["problems"])
    with Spool(tmp_path / "spool", 1 << 20) as spool:
        assert spool.pending == 1


@pytest.mark.redis
async def test_what_waited_in_the_spool_is_published_after_the_next_start(
    real_redis: Redis, real_db: Database, valkey_url: str, tmp_path: Path
) -> None:
    async with running(settings(tmp_path), NOBODY) as (url, _):
        assert await webhook(url) == 200
    async with running(settings(tmp_path), valkey_url) as (_, lines):
        await until(lambda: "spool_emptied" in names(lines), "emptied")
        assert await real_redis.xlen(real_db.keys.stream) == 1


async def test_a_damaged_spool_is_told_and_does_not_keep_it_from_starting(tmp_path: Path) -> None:
    with Spool(tmp_path / "spool", 1 << 20) as spool:
        spool.append([b"Ex"])
    with (tmp_path / "spool").open("ab") as file:
        file.write(b"torn")
    async with running(settings(tmp_path), NOBODY) as (_, lines):
        [line] = [line for line in lines if line["event"] == "spool_damaged"]
    assert (line["log_level"], line["lost_bytes"], line["cut_bytes"]) == ("error", 0, 4)
    assert (tmp_path / "spool").stat().st_size > HEADER.size


async def webhook(url: str) -> int:
    """One genuine webhook."""
    now = int(time.time())
    event = {
        "message_id": "1789012345678901249",
        "room_id": 1,
        "account_id": 101,
        "body": "こんにちは",
        "send_time": now,
        "update_time": 0,
    }
    raw = json.dumps(
        {
            "webhook_setting_id": "12345",
            "webhook_event_type": "message_created",
            "webhook_event_time": now,
            "webhook_event": event,
        }
    ).encode()
    headers = {"x-chatworkwebhooksignature": sign(TOKEN, raw)}
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{url}/webhooks/chatwork", data=raw, headers=headers) as answer,
    ):
        return answer.status
