"""Packets to the database stop although every connection stays open: a worker notices and goes on by new ones."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import pytest

from engine.commit import Database
from engine.connect import READ_TIMEOUT, connect
from engine.events import QuestionAnswered, envelope
from engine.keys import Keys
from engine.stream import Publisher
from tests.e2e.test_database_away import site
from tests.fakes import FakeClock, NoWakes

if TYPE_CHECKING:
    from pathlib import Path

    from tests.e2e.test_database_away import Site

__all__ = ["site"]
pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]


class Line:
    """A line to the database that can go dead: old connections stay open and silent, new ones work."""

    def __init__(self, target: str, path: Path) -> None:
        self._target = target
        self._path = path
        self._dead: set[asyncio.StreamWriter] = set()
        self._writers: set[asyncio.StreamWriter] = set()

    @property
    def url(self) -> str:
        return f"unix://{self._path}"

    async def serve(self) -> asyncio.Server:
        return await asyncio.start_unix_server(self._connect, str(self._path))

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there_reader, there_writer = await asyncio.open_unix_connection(self._target)
        self._writers |= {writer, there_writer}
        await asyncio.gather(self._carry(reader, there_writer), self._carry(there_reader, writer))
        for end in (writer, there_writer):
            end.close()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            if writer not in self._dead:
                writer.write(data)
        if writer not in self._dead:
            writer.write_eof()

    def goes_dead(self) -> None:
        self._dead |= self._writers

    def close(self) -> None:
        for writer in self._writers:
            writer.transport.abort()


async def test_a_worker_survives_a_connection_that_stays_open_and_silent(site: Site, tmp_path: Path) -> None:
    line = Line(site.valkey.url.removeprefix("unix://"), tmp_path / "line.sock")
    server = await line.serve()
    site.env["REDIS_URL"] = line.url
    score = site.starts("worker", "score")
    await score.until_told("worker_started")
    redis, clock = connect(site.valkey.url), FakeClock()
    publisher = Publisher(Database(redis, Keys("main"), NoWakes()), clock)
    await publisher.publish_all([envelope(answer(1), now=clock.now())])
    await score.until_told("score_updated")
    line.goes_dead()
    went_dead = time.monotonic()
    await publisher.publish_all([envelope(answer(2), now=clock.now())])
    await score.until(lambda: score.told_times("score_updated") == 2, "the second answer is counted", seconds=60)
    assert time.monotonic() - went_dead < 3 * READ_TIMEOUT
    await score.end()
    await redis.aclose()
    line.close()
    server.close()


def answer(number: int) -> QuestionAnswered:
    return QuestionAnswered(question_id=f"q{number}", message_id="1", account_id=7, was_asked=False, answered_at=1)
