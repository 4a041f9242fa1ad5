"""What the simulator's web application holds, by typed keys."""

from __future__ import annotations

import asyncio

from aiohttp import web

from engine.chatwork.simulator.courier import Courier
from engine.chatwork.simulator.world import World

WORLD = web.AppKey("world", World)
COURIER = web.AppKey("courier", Courier)
CLOSING = web.AppKey("closing", asyncio.Event)
