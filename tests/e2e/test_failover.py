"""The primary is killed under load, with the settings as shipped: the engine goes on, nothing is lost."""

from __future__ import annotations

import asyncio
import random
import signal
import time
from contextlib import asynccontextmanager
from datetime import datetime
from typing import TYPE_CHECKING

import pytest

from ops.chaos.run import Said, calm, judge, talk
from ops.chaos.site import Site
from tests.failover import servers, wait_until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.failover import Servers

__all__ = ["servers"]
pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

RATE = 10.0
TALKING = 14.0
WITHIN = 30.0
"""Seconds from the death of the primary until what was said after it is handled."""


@asynccontextmanager
async def running(folder: Path, redis_url: str) -> AsyncIterator[Site]:
    site = Site(folder, redis_url)
    try:
        await site.start()
        yield site
    finally:
        await site.stop()


def handled_at(site: Site, messages: set[str]) -> float | None:
    """When the first of these messages was found to be a question."""
    opened = [line for line in site.logged("question_opened") if messages & set(line["event_id"].split(":"))]
    return min((datetime.fromisoformat(line["ts"]).timestamp() for line in opened), default=None)


async def test_the_primary_is_killed_under_load(servers: Servers, tmp_path: Path) -> None:
    await servers.start()
    await servers.watch()
    async with running(tmp_path / "site", servers.url) as site:
        said = Said()

        async def heard(*already: str) -> bool:
            return handled_at(site, said.questions.difference(already)) is not None

        talking = asyncio.create_task(talk(site, random.Random(1), RATE, time.monotonic() + TALKING, said))
        await wait_until(heard, "the first questions are handled")
        servers.primary.signal(signal.SIGKILL)
        killed_at, before = time.time(), set(said.questions)
        await talking
        await wait_until(lambda: heard(*before), "what was said later is handled", WITHIN)
        took = (handled_at(site, said.questions - before) or 0.0) - killed_at
        servers.primary.start()  # it is back with what it had; the sentinels make it a replica
        await talk(site, random.Random(2), RATE, time.monotonic() + 3, said)
        await wait_until(servers.primary.replicates, "the former primary is a replica", WITHIN)
        await calm(site, said)
        verdict = await judge(site, said)
        assert not verdict.broken
        assert 0 < took < WITHIN
        assert {delivery["http_status"] for delivery in await site.world("GET", "/deliveries")} == {200}
        assert not site.logged("gap_filled")  # nothing had to be found again: nothing was lost
