"""The real thing on one machine: database, simulated Chatwork, ingress and workers, each a process that can be killed.

What is killed is started again a second later, as the restart policy of the compose file would. All parties speak to
each other through proxies; what the bench asks itself goes past them.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import os
import random
import signal
import socket
import subprocess
import sys
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp

from engine.chatwork.simulator.sample.people import ADMINS, ENGINE_ID, ENGINE_TOKEN, MEMBERS
from engine.chatwork.simulator.sample.rooms import ADMIN_ROOM, BOARD, WEBHOOK_PATH, WEBHOOK_TOKENS
from engine.embedded import EmbeddedValkey, socket_path
from engine.routes import WORKERS
from ops.chaos.proxy import Proxy

ROOT = Path(__file__).resolve().parent.parent.parent
RESTART_AFTER = 1.0
PARTS = ("ingress", *WORKERS)
COMMUNITY = """
[active_hours]
holidays = "none"
quiet = "none"
always = true
[nudge]
waves = ["5s", "30s"]
asks_per_day = 100
asks_per_week = 100
[score]
half_life = "36500d"
"""
ROOM = '[[rooms]]\nroom_id = {}\nrole = "{}"\n'
FIRST_ROOM = 567_890_200
ROOMS_AN_ACCOUNT = 5
"""Chatwork's limit for webhooks; the rooms beyond the first are watched by accounts that only watch."""

PARTIES = ("ingress", "chatwork", "redis", "vendor")
"""Whose door each proxy stands before."""


def _token(room_id: int) -> str:
    return base64.b64encode(hashlib.sha256(f"chaos {room_id}".encode()).digest()).decode()


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass
class Site:
    """Everything that runs; `kills` counts by victim, `exits` what ended without being killed.

    The database is its own, behind a proxy, unless `redis_url` names another.
    """

    folder: Path
    extra_rooms: int = 0
    seed: int = 0
    redis_url: str = ""
    port: int = field(default_factory=free_port)
    chatwork: str = ""
    vendor_port: int = 0
    kills: dict[str, int] = field(default_factory=dict)
    restarts: dict[str, int] = field(default_factory=dict)
    exits: list[str] = field(default_factory=list)
    ended: bool = False

    def __post_init__(self) -> None:
        """Prepare folders and settings."""
        self.data_dir = self.folder / "data"
        self.data_dir.mkdir(parents=True)
        self.boards = [BOARD, *range(FIRST_ROOM, FIRST_ROOM + self.extra_rooms)]
        rooms = [ROOM.format(room_id, "board") for room_id in self.boards] + [ROOM.format(ADMIN_ROOM, "admin")]
        (self.folder / "community.toml").write_text("".join(rooms) + COMMUNITY)
        self._told_to_end: list[asyncio.subprocess.Process] = []
        self._processes: dict[str, asyncio.subprocess.Process] = {}
        self._keepers: list[asyncio.Task[None]] = []
        self.valkey = EmbeddedValkey(self.data_dir)
        self.has_own_database = not self.redis_url
        self.redis_url = self.redis_url or self.valkey.url
        self.proxies = {party: Proxy(partial(self._reach, party), random.Random(self.seed)) for party in PARTIES}
        self.session = aiohttp.ClientSession()

    async def _reach(self, party: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """What a proxy opens."""
        if party == "redis":
            return await asyncio.open_unix_connection(socket_path(self.data_dir))
        ports = {"ingress": self.port, "chatwork": int(self.chatwork.rpartition(":")[2]), "vendor": self.vendor_port}
        return await asyncio.open_connection("127.0.0.1", ports[party])

    def environment(self, *, proxied: bool = True) -> dict[str, str]:
        """What every part is told; a command of the bench's own goes past the proxies."""
        tokens = [f"{room_id}={_token(room_id)}" for room_id in self.boards[1:]]
        chatwork = f"http://127.0.0.1:{self.proxies['chatwork'].port}" if proxied else self.chatwork
        return os.environ | {
            "DATA_DIR": str(self.data_dir),
            "REDIS_URL": self._proxied_redis if proxied and self.has_own_database else self.redis_url,
            "YURUYURU_CONFIG": str(self.folder / "community.toml"),
            "CHATWORK_API_TOKEN": ENGINE_TOKEN,
            "CHATWORK_API_URL": f"{chatwork}/v2",
            "CHATWORK_WEBHOOK_TOKENS": ",".join([WEBHOOK_TOKENS, *tokens]),
            "VENDOR_ALLOW_NETWORKS": "127.0.0.0/8",
            "PORT": str(self.port),
            "LOG_FORMAT": "json",
        }

    @property
    def _proxied_redis(self) -> str:
        return f"redis://127.0.0.1:{self.proxies['redis'].port}"

    async def start(self) -> None:
        """Start everything and wait until it is ready."""
        if self.has_own_database:
            self.valkey.__enter__()
        for proxy in self.proxies.values():
            await proxy.start()
        await self._start_chatwork()
        await self._build_rooms()
        for part in PARTS:
            self._keepers.append(asyncio.create_task(self._keep(part)))
        while not await self.is_ready():  # noqa: ASYNC110 - asked over HTTP
            await asyncio.sleep(0.2)

    async def _start_chatwork(self) -> None:
        arguments = ("simulator", "--engine-url", f"http://127.0.0.1:{self.proxies['ingress'].port}")
        environment = os.environ | {"DATA_DIR": str(self.data_dir)}
        process = await self._spawn(arguments, environment, asyncio.subprocess.PIPE)
        assert process.stdout is not None
        told = json.loads(await process.stdout.readline())
        self.chatwork = str(told["url"]).removesuffix("/v2")
        self._processes["chatwork"] = process

    async def _build_rooms(self) -> None:
        """Rooms beyond the sample's, each with a webhook of an account that watches for the engine."""
        url = f"http://127.0.0.1:{self.proxies['ingress'].port}{WEBHOOK_PATH}"
        members = {person.account_id: "member" for person in MEMBERS}
        members |= {person.account_id: "admin" for person in ADMINS} | {ENGINE_ID: "admin"}
        watcher = 0
        for number, room_id in enumerate(self.boards[1:]):
            if number % ROOMS_AN_ACCOUNT == 0:
                watcher = (await self.world("POST", "/accounts", {"name": f"見守り係{number}"}))["account_id"]
            room = {"name": f"談話室{number}", "room_id": room_id, "members": members | {watcher: "readonly"}}
            await self.world("POST", "/rooms", room)
            webhook = {"account_id": watcher, "url": url, "events": ["message_created", "message_updated"]}
            webhook |= {"room_id": room_id, "setting_id": str(room_id), "token": _token(room_id)}
            await self.world("POST", "/webhooks", webhook)

    async def _keep(self, part: str) -> None:
        arguments = (part,) if part == "ingress" else ("worker", part)
        with (self.folder / f"{part}.log").open("ab") as log:
            while not self.ended:
                process = await self._spawn(arguments, self.environment(), log)
                self._processes[part] = process
                code = await process.wait()
                if not self.ended:
                    if code != (0 if process in self._told_to_end else -signal.SIGKILL):
                        self.exits.append(f"{part}: {code}")
                    await asyncio.sleep(RESTART_AFTER)

    async def _spawn(
        self, arguments: tuple[str, ...], environment: dict[str, str], out: Any
    ) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            sys.executable, "-m", "engine", *arguments,
            cwd=ROOT, env=environment, stdin=asyncio.subprocess.DEVNULL, stdout=out, stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
        )  # fmt: skip

    async def kill(self, victim: str) -> None:
        """SIGKILL a part or the database; the database is started again by hand."""
        self.kills[victim] = self.kills.get(victim, 0) + 1
        if victim != "valkey":
            process = self._processes[victim]
            if process.returncode is None:
                process.kill()
            return
        assert self.valkey.pid is not None
        os.kill(self.valkey.pid, signal.SIGKILL)
        await asyncio.to_thread(self.valkey.stop)
        await asyncio.sleep(RESTART_AFTER)
        await asyncio.to_thread(self.valkey.__enter__)

    async def restart(self, part: str) -> None:
        """SIGTERM a part, as an upgrade does, and wait until all is ready again."""
        self.restarts[part] = self.restarts.get(part, 0) + 1
        process = self._processes[part]
        self._told_to_end.append(process)
        process.terminate()
        await process.wait()
        while self._processes[part] is process or not await self.is_ready():  # noqa: ASYNC110 - asked over HTTP
            await asyncio.sleep(0.2)

    async def is_ready(self) -> bool:
        """Whether `/readyz` says so."""
        try:
            async with self.session.get(f"http://127.0.0.1:{self.port}/readyz") as response:
                return response.status == 200
        except aiohttp.ClientError:
            return False

    async def spooled(self) -> int:
        """How many events wait in the ingress's spool."""
        async with self.session.get(f"http://127.0.0.1:{self.port}/readyz") as response:
            return int((await response.json())["spooled"])

    async def world(self, method: str, path: str, order: object = None) -> Any:
        """The simulated Chatwork's control API."""
        async with self.session.request(method, f"{self.chatwork}/_world{path}", json=order) as response:
            response.raise_for_status()
            return await response.json()

    def command(self, *arguments: str) -> Any:
        """What `yuruyuru … --json` prints."""
        ended = subprocess.run(
            [sys.executable, "-m", "engine", *arguments, "--json"],
            cwd=ROOT, env=self.environment(proxied=False), check=True, capture_output=True, timeout=60,
        )  # fmt: skip
        return json.loads(ended.stdout)

    async def stop(self) -> None:
        """End everything, in order."""
        self.ended = True
        for process in self._processes.values():
            if process.returncode is None:
                process.terminate()
        await asyncio.gather(*self._keepers)
        await self._processes["chatwork"].wait()
        for proxy in self.proxies.values():
            await proxy.stop()
        self.valkey.stop()
        await self.session.close()

    def logged(self, event: str) -> list[dict[str, Any]]:
        """Lines of one kind from all logs."""
        found = []
        for path in self.folder.glob("*.log"):
            lines = path.read_text().splitlines()
            found += [json.loads(line) for line in lines if f'"event": "{event}"' in line and line.startswith("{")]
        return found
