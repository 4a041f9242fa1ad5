"""`yuruyuru check`: against the simulated Chatwork and a real database, each thing wrong in its turn."""

from __future__ import annotations

import asyncio
import threading
from contextlib import contextmanager
from email.utils import formatdate
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web
from redis import Redis

from engine.chatwork.simulator.model import Role
from engine.chatwork.simulator.sample import BOARD, ENGINE_TOKEN, populate
from engine.chatwork.simulator.sample.people import ENGINE
from engine.chatwork.simulator.sample.rooms import ADMIN_ROOM, WEBHOOK_TOKENS
from engine.chatwork.simulator.server import create_app
from engine.chatwork.simulator.world import World

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.terminal import Terminal


@contextmanager
def simulated(world: World, *, date: str | None = None) -> Iterator[str]:
    """A Chatwork in a thread of its own, as far away as the real one; `date` is what its clock says."""
    app = create_app(world)

    async def tell_time(_: web.Request, response: web.StreamResponse) -> None:
        if date is not None:
            response.headers["date"] = date

    app.on_response_prepare.append(tell_time)
    loop, runner = asyncio.new_event_loop(), web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    async def start() -> str:
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        return f"http://127.0.0.1:{runner.addresses[0][1]}/v2"

    try:
        yield asyncio.run_coroutine_threadsafe(start(), loop).result(10)
    finally:
        asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


@pytest.fixture
def world() -> World:
    """The sample community; its rooms are those of `tests.terminal.ROOMS`."""
    world = World()
    populate(world, engine_url="http://127.0.0.1:1")
    return world


@pytest.fixture
def connected(terminal: Terminal, world: World) -> Iterator[Terminal]:
    """A shell in which everything is right."""
    with simulated(world) as url:
        yield ready(terminal, url)


def ready(terminal: Terminal, url: str) -> Terminal:
    return terminal.having(
        CHATWORK_API_URL=url, CHATWORK_API_TOKEN=ENGINE_TOKEN, CHATWORK_WEBHOOK_TOKENS=WEBHOOK_TOKENS
    )


def findings(terminal: Terminal, *, code: int = 1) -> list[dict[str, Any]]:
    """What is found; those that are wrong carry a remedy, and none other."""
    ran = terminal.run("check", "--json")
    assert (ran.code, ran.err) == (code, "")
    [rows] = ran.lines
    assert all(list(row) == ["what", "ok", "found", "remedy"] for row in rows)
    assert all(row["ok"] is not bool(row["remedy"]) for row in rows)
    found: list[dict[str, Any]] = rows
    return found


def wrong(terminal: Terminal) -> dict[str, str]:
    """Remedies by what is wrong."""
    return {row["what"]: row["remedy"] for row in findings(terminal) if not row["ok"]}


def test_all_is_well(connected: Terminal) -> None:
    rows = {row["what"]: row["found"] for row in findings(connected, code=0)}
    assert list(rows) == [
        "settings",
        "webhooks",
        "redis",
        "token",
        f"room {BOARD} (board)",
        f"room {ADMIN_ROOM} (admin)",
        "clock",
    ]
    assert rows["settings"] == "2 rooms"
    assert rows["webhooks"] == "3 tokens"
    assert rows["token"] == f"account {ENGINE.account_id}"
    assert rows[f"room {BOARD} (board)"].startswith("role admin, ")


def test_it_reads_as_a_table_and_shows_no_secret(connected: Terminal) -> None:
    ran = connected.run("check")
    assert ran.code == 0
    assert ran.out.splitlines()[0].split() == ["what", "ok", "found", "remedy"]
    assert ran.out.count("  yes  ") == 7
    secrets = [ENGINE_TOKEN, *(token.partition("=")[2] for token in WEBHOOK_TOKENS.split(","))]
    assert not [secret for secret in secrets if secret in ran.out + ran.err]


def test_without_a_token_it_says_where_one_goes(connected: Terminal) -> None:
    assert wrong(connected.having(CHATWORK_API_TOKEN="")) == {
        "token": "set CHATWORK_API_TOKEN or CHATWORK_API_TOKEN_FILE; see README"
    }


def test_a_wrong_token_is_not_shown(connected: Terminal) -> None:
    ran = connected.having(CHATWORK_API_TOKEN="wrong-and-secret").run("check", "--json")
    assert ran.code == 1
    assert "is CHATWORK_API_TOKEN right" in ran.out
    assert "wrong-and-secret" not in ran.out + ran.err


@pytest.mark.parametrize(
    "url",
    [
        pytest.param("http://127.0.0.1:1/v2", id="nobody listens there"),
        pytest.param("nonsense", id="no address"),
        pytest.param("http://[/v2", id="half an address"),
    ],
)
def test_a_chatwork_that_cannot_be_reached(connected: Terminal, url: str) -> None:
    assert list(wrong(connected.having(CHATWORK_API_URL=url))) == ["token"]


@pytest.mark.parametrize(
    ("tokens", "remedy"),
    [
        pytest.param("", "set CHATWORK_WEBHOOK_TOKENS; see README, “Connect your Chatwork”", id="no webhook tokens"),
        pytest.param("12345=", "CHATWORK_WEBHOOK_TOKENS: webhook 12345 has no token", id="an empty webhook token"),
        pytest.param(",", "CHATWORK_WEBHOOK_TOKENS: holds no token", id="a comma"),
    ],
)
def test_webhook_tokens(connected: Terminal, tokens: str, remedy: str) -> None:
    [found] = wrong(connected.having(CHATWORK_WEBHOOK_TOKENS=tokens)).values()
    assert found.startswith(remedy)


@pytest.mark.parametrize(
    ("rooms", "what", "remedy"),
    [
        pytest.param("", "settings", 'name a room with role = "board"', id="no rooms at all"),
        pytest.param(
            f'[[rooms]]\nroom_id = {ADMIN_ROOM}\nrole = "admin"\n', "settings", "name a room with", id="no board"
        ),
        pytest.param(
            '[[rooms]]\nroom_id = 4711\nrole = "board"\n',
            "room 4711 (board)",
            "add the engine's account to this room, or mend room_id in community.toml",
            id="a room that the engine does not know",
        ),
        pytest.param("[nudge]\nwavez = []\n", "settings", "unknown key nudge.wavez", id="a slip in the file"),
        pytest.param('[active_hours]\nholidays = "XX"\n', "settings", "XX is not known", id="an unknown country"),
        pytest.param('[community]\ntimezone = "Tokio"\n', "settings", "Tokio is no zone", id="an unknown zone"),
    ],
)
def test_community_file(connected: Terminal, tmp_path: Path, rooms: str, what: str, remedy: str) -> None:
    path = tmp_path / "other.toml"
    path.write_text(rooms)
    found = wrong(connected.having(YURUYURU_CONFIG=str(path)))
    assert list(found) == [what]
    assert remedy in found[what]


@pytest.mark.parametrize(
    ("room_id", "role", "remedy"),
    [
        pytest.param(BOARD, Role.MEMBER, "make the engine's account an admin of this room", id="member of the board"),
        pytest.param(BOARD, Role.READONLY, "make the engine's account an admin of this room", id="reader of the board"),
        pytest.param(ADMIN_ROOM, Role.READONLY, "let the engine's account write", id="reader of the admin room"),
        pytest.param(ADMIN_ROOM, None, "add the engine's account to this room, or mend", id="not in the admin room"),
    ],
)
def test_rights(terminal: Terminal, world: World, room_id: int, role: Role | None, remedy: str) -> None:
    members = world.rooms[room_id].members
    if role is None:
        del members[ENGINE.account_id]
    else:
        members[ENGINE.account_id] = role
    with simulated(world) as url:
        [found] = wrong(ready(terminal, url)).values()
    assert found.startswith(remedy)


@pytest.mark.parametrize(
    ("date", "remedy"),
    [
        pytest.param(formatdate(0, usegmt=True), "set this machine's clock (NTP)", id="decades apart"),
        pytest.param("some day", "", id="a date that cannot be read proves nothing"),
    ],
)
def test_clock(terminal: Terminal, world: World, date: str, remedy: str) -> None:
    with simulated(world, date=date) as url:
        rows = findings(ready(terminal, url), code=1 if remedy else 0)
    assert rows[-1]["what"] == "clock"
    assert rows[-1]["remedy"] == remedy


def test_a_database_that_would_lose_events(connected: Terminal, valkey_url: str) -> None:
    with Redis.from_url(valkey_url) as redis:
        redis.config_set("appendfsync", "everysec")
        try:
            found = wrong(connected)
        finally:
            redis.config_set("appendfsync", "always")
    assert found == {"redis": "appendfsync is everysec; set it to always in the server's configuration"}


def test_a_database_that_does_not_tell_its_settings(connected: Terminal, valkey_url: str) -> None:
    with Redis.from_url(valkey_url) as redis:
        redis.execute_command("ACL", "SETUSER", "limited", "on", ">geheim", "~*", "+@all", "-config")
        try:
            found = wrong(connected.having(REDIS_URL=valkey_url.replace("unix://", "unix://limited:geheim@")))
        finally:
            redis.execute_command("ACL", "DELUSER", "limited")
    assert found["redis"].startswith("CONFIG GET is not permitted; check by hand: {'appendonly': 'yes'")


@pytest.mark.parametrize(
    "url",
    [
        pytest.param("redis://:geheim@127.0.0.1:1", id="nobody listens there"),
        pytest.param("redis://:geheim@127.0.0.1:x", id="no port"),
    ],
)
def test_a_database_that_is_away(connected: Terminal, url: str) -> None:
    ran = connected.having(REDIS_URL=url).run("check", "--json")
    assert [row["what"] for row in ran.lines[0] if not row["ok"]] == ["redis"]
    assert "REDIS_URL" in ran.out
    assert "geheim" not in ran.out + ran.err
