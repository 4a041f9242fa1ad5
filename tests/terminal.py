"""Somebody at a terminal: commands run in this process as `yuruyuru` runs them, on a real database of their own."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import subprocess
import sys
import uuid
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from unittest.mock import patch

import structlog
from click.testing import CliRunner

from engine.cli import main
from engine.commands.office import Office, opened
from engine.settings import Environment

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Mapping

T = TypeVar("T")
ROOT = Path(__file__).resolve().parent.parent
OURS = frozenset(f"{name.upper()}{suffix}" for name in Environment.model_fields for suffix in ("", "_FILE"))
BOARD, ADMIN_ROOM = 567890123, 567890124
ROOMS = f'[[rooms]]\nroom_id = {BOARD}\nrole = "board"\n[[rooms]]\nroom_id = {ADMIN_ROOM}\nrole = "admin"\n'


@dataclass(frozen=True, slots=True)
class Ran:
    """How a command ended and what it wrote."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """What it printed, parsed; it must have ended well."""
        assert (self.code, self.err) == (0, ""), self
        return json.loads(self.out)

    @property
    def lines(self) -> list[Any]:
        """The JSON lines it printed."""
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def refusal(self) -> str:
        """The one sentence it ended with, and nothing else."""
        assert self.code != 0, self
        assert self.out == "", self
        [sentence] = self.err.splitlines()
        assert sentence.startswith("yuruyuru: "), sentence
        return sentence.removeprefix("yuruyuru: ")


@contextmanager
def logs_restored() -> Iterator[None]:
    """Processes set up logs for good; tests share a process."""
    root, foreign = logging.getLogger(), dict(logging.Logger.manager.loggerDict)
    handlers, level = root.handlers[:], root.level
    levels = {name: logger.level for name, logger in foreign.items() if isinstance(logger, logging.Logger)}
    try:
        yield
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
        for name, old in levels.items():
            logging.getLogger(name).setLevel(old)
        structlog.reset_defaults()
        structlog.contextvars.clear_contextvars()


@dataclass(frozen=True, slots=True)
class Terminal:
    """A shell with an environment."""

    environment: dict[str, str] = field(default_factory=dict)

    @classmethod
    def at(cls, redis_url: str, folder: Path) -> Terminal:
        """On a community of its own in a shared database."""
        config = folder / "community.toml"
        config.write_text(f'{ROOMS}[community]\nid = "t{uuid.uuid4().hex}"\n')
        return cls({"REDIS_URL": redis_url, "YURUYURU_CONFIG": str(config), "DATA_DIR": str(folder / "data")})

    def having(self, **changes: str) -> Terminal:
        """The same with other variables."""
        return Terminal(self.environment | changes)

    def run(self, *words: str, stdin: str | bytes = "") -> Ran:
        """Run a command to its end."""
        runner = CliRunner(env={**dict.fromkeys(OURS), **self.environment})
        code: int | str | None = 0
        with logs_restored(), patch.object(sys, "argv", ["yuruyuru", *words]), runner.isolation(stdin) as (out, err, _):
            try:
                main()
            except SystemExit as end:
                code = end.code
        assert isinstance(code, int)
        return Ran(code, out.getvalue().decode(), err.getvalue().decode())

    def starts(self, *words: str, **options: Any) -> subprocess.Popen[bytes]:
        """Start a command as a process of its own."""
        return subprocess.Popen(
            [sys.executable, "-m", "engine", *words],
            env=self._clean(os.environ) | self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=ROOT,
            **options,
        )

    def process(self, *words: str) -> Ran:
        """Run a command as a process of its own to its end."""
        with self.starts(*words) as process:
            out, err = process.communicate(timeout=60)
            return Ran(process.returncode, out.decode(), err.decode())

    def does(self, work: Callable[[Office], Awaitable[T]]) -> T:
        """Do something with the database that the commands will find."""

        async def inside() -> T:
            async with opened() as office:
                return await work(office)

        with logs_restored(), patch.dict(os.environ, self._clean(os.environ) | self.environment, clear=True):
            return asyncio.run(inside())

    @staticmethod
    def _clean(environ: Mapping[str, str]) -> dict[str, str]:
        """Without what a developer's own shell says about the engine."""
        return {name: value for name, value in environ.items() if name not in OURS}
