"""Real processes for end-to-end tests: started as a newcomer starts them, watched through their log, ended for sure."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).parent.parent.parent
SETTINGS = ("CHATWORK", "REDIS_URL", "YURUYURU", "ADMIN_TOKEN", "DRY_RUN", "LOG_", "VENDOR_", "SMTP_", "HOST", "PORT")


def environment(data_dir: Path, **more: str) -> dict[str, str]:
    """A newcomer's environment: none of our settings but those given."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(SETTINGS)}
    return kept | {"DATA_DIR": str(data_dir), "LOG_FORMAT": "json", "PORT": str(free_port())} | more


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def command(*arguments: str, env: dict[str, str], seconds: float = 60) -> subprocess.CompletedProcess[str]:
    """Run `yuruyuru …` to its end."""
    return subprocess.run(
        [sys.executable, "-m", "engine", *arguments],
        cwd=ROOT, env=env, check=False, capture_output=True, text=True, timeout=seconds,
    )  # fmt: skip


def answer(*arguments: str, env: dict[str, str]) -> Any:
    """What a command prints as JSON."""
    ended = command(*arguments, "--json", env=env)
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout)


class Process:
    """A running `yuruyuru …` whose lines are read as they come."""

    def __init__(self, *arguments: str, env: dict[str, str]) -> None:
        self.env = env
        self.lines: list[str] = []
        self._process = subprocess.Popen(
            [sys.executable, "-m", "engine", *arguments],
            cwd=ROOT, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        self._reader = Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        self.lines.extend(line.rstrip("\n") for line in iter(self._process.stdout.readline, ""))

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def log(self) -> list[dict[str, Any]]:
        """The lines that are log lines."""
        return [json.loads(line) for line in list(self.lines) if line.startswith("{")]

    @property
    def plain(self) -> list[str]:
        """The lines that are none."""
        return [line for line in list(self.lines) if not line.startswith("{")]

    @property
    def told(self) -> set[str]:
        """Names of the facts logged so far."""
        return {line["event"] for line in self.log}

    def told_times(self, fact: str) -> int:
        """How often a fact was logged so far."""
        return sum(line["event"] == fact for line in self.log)

    async def until(self, condition: Callable[[], bool], description: str, seconds: float = 60) -> None:
        """Wait for something the log shows."""
        deadline = time.monotonic() + seconds
        while not condition():
            assert self._process.poll() is None, f"ended with {self._process.returncode}:\n" + self.tail
            assert time.monotonic() < deadline, f"not within {seconds:.0f} s: {description}\n" + self.tail
            await asyncio.sleep(0.05)

    def wait_a_little(self) -> None:
        """Let a tenth of a second pass, unless the process has ended."""
        assert self._process.poll() is None, f"ended with {self._process.returncode}:\n" + self.tail
        time.sleep(0.1)

    async def until_told(self, *facts: str, seconds: float = 60) -> None:
        await self.until(lambda: set(facts) <= self.told, f"{set(facts) - self.told or facts} in the log", seconds)

    @property
    def tail(self) -> str:
        return "\n".join(self.lines[-40:])

    async def end(self, number: signal.Signals = signal.SIGINT, *, seconds: float = 20) -> tuple[int, float]:
        """Signal and wait; returns the exit code and how long it took."""
        began = time.monotonic()
        self._process.send_signal(number)
        code = await asyncio.to_thread(self._process.wait, seconds)
        took = time.monotonic() - began
        await asyncio.to_thread(self._reader.join, 5)
        return code, took

    def abandon(self) -> None:
        """Whatever happened, leave nothing behind."""
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        self._reader.join(5)
        assert self._process.stdout is not None
        self._process.stdout.close()


@contextmanager
def running(*arguments: str, env: dict[str, str]) -> Iterator[Process]:
    """`yuruyuru …` as a context manager."""
    process = Process(*arguments, env=env)
    try:
        yield process
    finally:
        process.abandon()


def processes_of(data_dir: Path) -> dict[int, str]:
    """Processes (id -> command line) of a data directory, whoever their parent is now.

    The database writes its title over its environment, but stands in a folder of the data directory.
    """
    found = {}
    wanted = f"DATA_DIR={data_dir}".encode()
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            inside = (folder / "cwd").readlink().is_relative_to(data_dir)
            if inside or wanted in (folder / "environ").read_bytes().split(b"\0"):
                found[int(folder.name)] = (folder / "cmdline").read_text().replace("\0", " ").strip()
        except OSError:
            continue  # ended while we looked
    return {pid: line for pid, line in found.items() if line}
