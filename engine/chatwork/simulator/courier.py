"""Carries webhook deliveries, a few at a time, each exactly once: whatever goes wrong, nothing is sent again."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import aiohttp
from yarl import URL

from engine.chatwork.simulator.webhooks import SIGNATURE_HEADER, USER_AGENT, Fate, sign, signed_url

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from engine.chatwork.simulator.webhooks import Delivery
    from engine.chatwork.simulator.world import World

AT_ONCE = 8
TIME_OUT = aiohttp.ClientTimeout(total=10)
LARGEST_ANSWER = 2048


class Courier:
    """Takes over every delivery of a world until it is closed."""

    def __init__(self, world: World, session: aiohttp.ClientSession) -> None:
        self._world = world
        self._session = session
        self._waiting: asyncio.Queue[Delivery] = asyncio.Queue()

    async def settled(self) -> None:
        """Wait until every delivery so far has met its fate."""
        await self._waiting.join()

    async def carry(self) -> None:
        """Deliver one after the other, for ever."""
        while True:
            delivery = await self._waiting.get()
            try:
                await self._deliver(delivery)
            finally:
                self._waiting.task_done()

    def take(self, delivery: Delivery) -> None:
        """Put it into the bag."""
        self._waiting.put_nowait(delivery)

    async def _deliver(self, delivery: Delivery) -> None:
        if not delivery.webhook.valid:
            delivery.settle(Fate.DROPPED, "the webhook has become invalid")
        elif self._world.faults.for_delivery():
            delivery.settle(Fate.DROPPED, "lost by order of a fault")
        else:
            await self.send(delivery)
        self._world.tally.count(delivery)

    async def send(self, delivery: Delivery) -> None:
        """Send it once, and note how that went for the webhook."""
        try:
            status, problem = await self._post(delivery)
        except TimeoutError:
            status, problem = None, "no answer in time"
        except (aiohttp.ClientError, OSError) as error:
            status, problem = None, type(error).__name__
        delivery.settle(Fate.FAILED if problem else Fate.DELIVERED, problem, status)
        if problem:
            delivery.webhook.failed()
        else:
            delivery.webhook.succeeded()

    async def _post(self, delivery: Delivery) -> tuple[int, str]:
        signature = sign(delivery.webhook.token, delivery.body)
        headers = {"content-type": "application/json", "user-agent": USER_AGENT, SIGNATURE_HEADER: signature}
        url = URL(signed_url(delivery.webhook.url, signature), encoded=True)
        async with self._session.post(url, data=delivery.body, headers=headers, allow_redirects=False) as response:
            answer = await _at_most(response.content, LARGEST_ANSWER + 1)
            if response.status != 200:
                return response.status, f"answered {response.status}"
            return response.status, "the answer is too long" if len(answer) > LARGEST_ANSWER else ""


async def _at_most(content: aiohttp.StreamReader, size: int) -> bytes:
    try:
        return await content.readexactly(size)
    except asyncio.IncompleteReadError as short:
        return short.partial


@asynccontextmanager
async def carrying(world: World) -> AsyncIterator[Courier]:
    """Put a courier to work; leaving the context stops it at once."""
    connector = aiohttp.TCPConnector(limit=AT_ONCE)
    async with aiohttp.ClientSession(connector=connector, timeout=TIME_OUT) as session:
        courier = Courier(world, session)
        world.on_delivery.append(courier.take)
        hands = [asyncio.create_task(courier.carry()) for _ in range(AT_ONCE)]
        try:
            yield courier
        finally:
            world.on_delivery.remove(courier.take)
            for hand in hands:
                hand.cancel()
            await asyncio.gather(*hands, return_exceptions=True)
