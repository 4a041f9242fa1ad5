"""A worker is killed in the middle of a post: within half a minute it is finished, and the room holds one copy."""

from __future__ import annotations

import signal
import time
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from engine.chatwork.simulator.sample.people import ENGINE_ID, MEMBERS
from engine.chatwork.simulator.sample.rooms import ADMIN_ROOM, BOARD
from tests.e2e.test_database_away import site

if TYPE_CHECKING:
    from tests.e2e.test_database_away import Site

__all__ = ["site"]
pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

PUT_DOWN = "そんなことも知らないで開業するんですか？研修医でも知ってますよ。"
PROMISED = 30.0


async def world(site: Site, method: str, path: str, order: object = None) -> Any:
    """The simulated Chatwork's control API."""
    url = f"{site.chatwork.removesuffix('/v2')}/_world{path}"
    async with aiohttp.ClientSession() as session, session.request(method, url, json=order) as response:
        assert response.status == 200
        return await response.json()


async def cards(site: Site) -> int:
    messages = await world(site, "GET", f"/rooms/{ADMIN_ROOM}/messages")
    return sum(message["account_id"] == ENGINE_ID for message in messages)


async def test_a_post_that_was_made_but_not_recorded_is_found_again(site: Site) -> None:
    ingress, moderation = site.starts("ingress"), site.starts("worker", "moderation")
    await ingress.until_told("ingress_listening")
    await moderation.until_told("worker_started")
    await world(site, "POST", "/faults", {"kind": "hang_after_acting", "count": 1, "method": "POST"})
    await world(site, "POST", f"/rooms/{BOARD}/messages", {"account_id": MEMBERS[0].account_id, "body": PUT_DOWN})
    await moderation.until_told("case_opened")
    for _ in range(400):
        if await cards(site):
            break
        moderation.wait_a_little()
    killed_at = time.monotonic()
    await moderation.end(signal.SIGKILL)
    again = site.starts("worker", "moderation")
    await again.until_told("case_card_sent", seconds=PROMISED + 10)
    assert time.monotonic() - killed_at < PROMISED
    assert await cards(site) == 1
