"""What commands share: the database opened, rows shown as text or JSON, errors as one sentence."""

from __future__ import annotations

import asyncio
import functools
import json
import unicodedata
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import click
from pydantic import BaseModel

from engine.away import redis_errors
from engine.clock import Clock, SystemClock
from engine.commit import Applied, Commit, Database
from engine.connect import connect, connect_arq
from engine.embedded import DataDir, EmbeddedValkey, answers, socket_path
from engine.errors import Refused, Transient, Unconfirmed
from engine.jobs import ArqWakes
from engine.keys import Keys
from engine.sentinels import replicas_of
from engine.settings import load_community, load_environment

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence

    from redis.asyncio import Redis

    from engine.settings import Community, Environment

ANSWER_SECONDS = 5.0
"""How long a person waits for a database that may be away; services are more patient."""

P = ParamSpec("P")
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Office:
    """An open database with the settings."""

    db: Database
    clock: Clock
    community: Community
    environment: Environment

    def commit(self) -> Commit:
        """Begin a commit now."""
        return self.db.commit(self.clock.now())

    async def apply(self, commit: Commit) -> None:
        """Write. Raises `Refused` if somebody else changed the same thing."""
        if (await self.db.apply(commit))[0] is not Applied.DONE:
            raise Refused("somebody else changed it at the same moment; try again")


@asynccontextmanager
async def opened() -> AsyncIterator[Office]:
    """Open the database of the settings; the embedded one is started for the command if nothing runs it."""
    environment = load_environment()
    community = load_community(environment.yuruyuru_config)
    with RedisUrl(environment) as url:
        keys, clock = Keys(community.community.id), SystemClock()
        redis, arq = connect(url), connect_arq(url, keys.arq_queue("cli"))
        try:
            await _reach(redis)
            yield Office(Database(redis, keys, ArqWakes(arq, keys), replicas_of(redis)), clock, community, environment)
        except Unconfirmed:
            raise Refused("it was done, but no replica has it yet; look before you do it again") from None
        except Transient as away:
            raise Refused(f"the database does not answer ({away.reason}); is REDIS_URL right?") from None
        finally:
            await redis.aclose()
            await arq.aclose()


async def _reach(redis: Redis) -> None:
    """Raise `Transient` soon if nobody answers."""
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            with redis_errors():
                await redis.ping()
    except TimeoutError:
        raise Transient(f"silent for {ANSWER_SECONDS:.0f} s") from None


class RedisUrl:
    """The database's address; starts the embedded server where nobody runs it."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        self._held: DataDir | None = None
        self._server: EmbeddedValkey | None = None

    def __enter__(self) -> str:
        if self._environment.redis_url:
            return self._environment.redis_url
        socket = socket_path(self._environment.data_dir)
        if answers(socket):
            return f"unix://{socket}"
        self._held = DataDir(self._environment.data_dir)
        self._server = EmbeddedValkey(self._environment.data_dir)
        return self._server.__enter__().url

    def __exit__(self, *_: object) -> None:
        if self._server is not None:
            self._server.stop()
        if self._held is not None:
            self._held.release()


def asynchronous(command: Callable[P, Awaitable[R]]) -> Callable[P, R]:
    """Run an async command."""

    @functools.wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        return asyncio.run(_as_coroutine(command(*args, **kwargs)))

    return run


async def _as_coroutine(work: Awaitable[R]) -> R:
    return await work


as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
json_anyway = click.option(
    "--json", is_flag=True, expose_value=False, help="Print JSON, which this command always does."
)


def plain(value: object) -> Any:
    """A record as JSON-able data."""
    if isinstance(value, BaseModel):
        return json.loads(value.model_dump_json())
    return value


def show_rows(rows: Sequence[dict[str, Any]], *, columns: Sequence[str], as_json: bool, empty: str) -> None:
    """Print rows: all fields as JSON, or `columns` in aligned text."""
    if as_json:
        click.echo(
            json.dumps([{name: plain(value) for name, value in row.items()} for row in rows], ensure_ascii=False)
        )
    elif not rows:
        click.echo(empty)
    else:
        for line in _aligned([list(columns), *([_cell(row.get(name)) for name in columns] for row in rows)]):
            click.echo(line)


def show_one(row: dict[str, Any], *, as_json: bool) -> None:
    """Print one thing with all its fields."""
    if as_json:
        click.echo(json.dumps(_jsonable(row), ensure_ascii=False))
        return
    width = max(map(len, row))
    for name, value in row.items():
        click.echo(f"{name:<{width}}  {_cell(value)}")


def _jsonable(row: dict[str, Any]) -> dict[str, Any]:
    return {name: plain(value) for name, value in row.items()}


def _aligned(table: list[list[str]]) -> Iterator[str]:
    widths = [max(_width(row[column]) for row in table) for column in range(len(table[0]))]
    for row in table:
        yield "  ".join(cell + " " * (width - _width(cell)) for cell, width in zip(row, widths, strict=True)).rstrip()


def _width(text: str) -> int:
    """Columns on a terminal: Japanese characters take two."""
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in text)


def _cell(value: object) -> str:
    if value is None or value == "":
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = json.dumps(value, ensure_ascii=False) if isinstance(value, (list, tuple, dict)) else str(value)
    # names and texts come from outside: no line break tears a table, no escape sequence reaches the terminal
    return "".join(map(_visible, text))


def _visible(letter: str) -> str:
    if letter == "\n":
        return "⏎"
    return "\N{REPLACEMENT CHARACTER}" if unicodedata.category(letter) in ("Cc", "Cs", "Zl", "Zp") else letter


def when(moment: float | None) -> str | None:
    """Epoch seconds as local time for people."""
    return None if moment is None else datetime.fromtimestamp(moment).astimezone().isoformat(timespec="seconds")
