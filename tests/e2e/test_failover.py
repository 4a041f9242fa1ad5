"""The primary is killed under load, with the settings as shipped: the engine goes on, nothing is lost."""

from __future__ import annotations

import signal
import time
from datetime import datetime
from typing import TYPE_CHECKING

import pytest

from ops.chaos.run import arguments, under_fire
from ops.chaos.site import Site
from tests.failover import servers, wait_until

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from pathlib import Path

    from ops.chaos.vendor import Receiver
    from tests.failover import Servers

__all__ = ["servers"]
pytestmark = [pytest.mark.e2e, pytest.mark.timeout(420)]

LOAD = {
    "seconds": "16", "rate": "10", "put-downs": "6", "referral-pause": "5", "patience": "240",
    "questions": "20",  # a room is asked once a minute, and what was cut off waits for its turn again
    "vendor-fails": "0",  # a third attempt would come after five minutes
}  # fmt: skip
WITHIN = 30.0
"""Seconds from the death of the primary until what was said after it is handled."""


class TheDeathOfThePrimary:
    """The script: it dies once the first question is handled, and comes back as the other's replica."""

    def __init__(self, servers: Servers) -> None:
        self.took = 0.0
        self._servers = servers

    def __call__(self, site: Site, _: Receiver, __: float) -> list[Coroutine[None, None, None]]:
        return [self._happens(site)]

    async def _happens(self, site: Site) -> None:
        async def heard(after: int) -> bool:
            return handled_at(site, after) is not None

        await wait_until(lambda: heard(0), "the first question is handled")
        rooms = [await site.world("GET", f"/rooms/{room_id}/messages") for room_id in site.boards]
        last = max(int(message["message_id"]) for messages in rooms for message in messages)
        self._servers.primary.signal(signal.SIGKILL)
        killed_at = time.time()
        await wait_until(lambda: heard(last), "what was said later is handled", WITHIN)
        self.took = (handled_at(site, last) or 0.0) - killed_at
        self._servers.primary.start()  # it is back with what it had; the sentinels make it a replica
        await wait_until(self._servers.primary.replicates, "the former primary is a replica", WITHIN)


def handled_at(site: Site, after: int) -> float | None:
    """When the first question later than a message was opened."""
    opened = [line for line in site.logged("question_opened") if int(line["event_id"].split(":")[2]) > after]
    return min((datetime.fromisoformat(line["ts"]).timestamp() for line in opened), default=None)


async def test_the_primary_is_killed_under_load(servers: Servers, tmp_path: Path) -> None:
    await servers.start()
    await servers.watch()
    site, death = Site(tmp_path / "site", 3, redis_url=servers.url), TheDeathOfThePrimary(servers)
    try:
        verdict = await under_fire(
            site, arguments().parse_args([f"--{name}={value}" for name, value in LOAD.items()]), death
        )
        assert not verdict.broken, verdict.broken
        assert 0 < death.took < WITHIN
        assert {delivery["http_status"] for delivery in await site.world("GET", "/deliveries")} == {200}
        assert not site.logged("gap_filled")  # nothing had to be found again: nothing was lost
    finally:
        await site.stop()
