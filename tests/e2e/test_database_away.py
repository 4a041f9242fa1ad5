"""The database is killed under real processes: Chatwork never hears an error, and nothing is lost or counted twice."""

from __future__ import annotations

import json
import os
import signal
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from engine.chatwork.simulator.sample.people import ENGINE_ID, ENGINE_TOKEN
from engine.chatwork.simulator.sample.rooms import BOARD, COMMUNITY_FILE, WEBHOOK_TOKENS
from engine.embedded import EmbeddedValkey
from tests.e2e.stack import Process, answer, environment, free_port, running

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]


@dataclass
class Site:
    """A database, a simulated Chatwork, and the processes that the test starts between them."""

    stack: ExitStack
    data_dir: Path
    env: dict[str, str]
    chatwork: str
    asker: str
    valkey: EmbeddedValkey

    def starts(self, *arguments: str) -> Process:
        return self.stack.enter_context(running(*arguments, env=self.env))

    def database_dies(self) -> None:
        assert self.valkey.pid is not None
        os.kill(self.valkey.pid, signal.SIGKILL)
        self.valkey.stop()

    def database_is_back(self) -> None:
        self.valkey = self.stack.enter_context(EmbeddedValkey(self.data_dir))

    async def asks(self, words: str) -> None:
        """A member writes on the board; the simulated Chatwork sends the webhook, once."""
        url, headers = f"{self.chatwork}/rooms/{BOARD}/messages", {"x-chatworktoken": self.asker}
        async with (
            aiohttp.ClientSession() as session,
            session.post(url, data={"body": words}, headers=headers) as response,
        ):
            assert response.status == 200

    @property
    def questions(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = answer("questions", "list", env=self.env)
        return found


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    port = free_port()
    with ExitStack() as stack:
        data_dir = tmp_path / "data"
        data_dir.mkdir()
        valkey = stack.enter_context(EmbeddedValkey(data_dir))
        env = environment(
            data_dir,
            REDIS_URL=valkey.url,
            PORT=str(port),
            YURUYURU_CONFIG=str(COMMUNITY_FILE),
            CHATWORK_API_TOKEN=ENGINE_TOKEN,
            CHATWORK_WEBHOOK_TOKENS=WEBHOOK_TOKENS,
            LOG_LEVEL="debug",
        )
        simulator = stack.enter_context(
            running("simulator", "--engine-url", f"http://127.0.0.1:{port}", env=environment(data_dir))
        )
        ready = first_line(simulator)
        env["CHATWORK_API_URL"] = ready["url"]
        asker = next(account for account in ready["accounts"] if account["account_id"] != ENGINE_ID)
        yield Site(stack, data_dir, env, ready["url"], asker["token"], valkey)


def first_line(process: Process) -> dict[str, Any]:
    """What the simulator prints once it listens."""
    for _ in range(600):
        if process.lines:
            told: dict[str, Any] = json.loads(process.lines[0])
            return told
        process.wait_a_little()
    raise AssertionError("the simulator said nothing")


def counted(process: Process, event: str) -> int:
    return sum(line["event"] == event for line in process.log)


async def test_the_database_is_killed_and_comes_back(site: Site) -> None:
    ingress, nudge = site.starts("ingress"), site.starts("worker", "nudge")
    await ingress.until_told("ingress_listening")
    await site.asks("紹介状の書き方を教えてください。")
    await nudge.until_told("question_opened")

    site.database_dies()
    await site.asks("駐車場は何台分ありますか？")
    await ingress.until(lambda: outcomes(ingress)[-1:] == ["spooled"], "the webhook is kept in the file")
    await nudge.until_told("redis_away")
    site.database_is_back()
    await ingress.until_told("spool_emptied")
    await nudge.until(lambda: counted(nudge, "question_opened") == 2, "the second question is heard")
    assert [question["id"] for question in site.questions] == ["q1", "q2"]


async def test_the_ingress_dies_too_while_events_wait_in_its_file(site: Site) -> None:
    ingress, nudge = site.starts("ingress"), site.starts("worker", "nudge")
    await ingress.until_told("ingress_listening")
    await nudge.until_told("worker_started")
    site.database_dies()
    await site.asks("紹介状の書き方を教えてください。")
    await site.asks("駐車場は何台分ありますか？")
    await ingress.until(lambda: outcomes(ingress) == ["spooled"] * 2, "both webhooks are kept in the file")
    await ingress.end(signal.SIGKILL)
    again = site.starts("ingress")
    await again.until_told("ingress_listening")
    site.database_is_back()
    await again.until_told("spool_emptied")
    await nudge.until(lambda: counted(nudge, "question_opened") == 2, "both questions are heard")
    await site.asks("受付の制服はどうされていますか？")
    await nudge.until(lambda: counted(nudge, "question_opened") == 3, "the engine goes on")
    assert [question["id"] for question in site.questions] == ["q1", "q2", "q3"]
    assert answer("dead", "list", env=site.env) == []


def outcomes(ingress: Process) -> list[str]:
    return [line["outcome"] for line in ingress.log if line["event"] == "webhook_accepted"]
