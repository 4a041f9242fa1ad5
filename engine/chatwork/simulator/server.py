"""The simulator as a server: REST API below `/v2`, control API below `/_world`, vendors' inboxes below `/_vendors`."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING
from urllib.parse import quote

from aiohttp import web

from engine.chatwork.simulator import courier, files, rest
from engine.chatwork.simulator.control import machinery, people
from engine.chatwork.simulator.control.common import refusals
from engine.chatwork.simulator.keys import CLOSING, COURIER, WORLD

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from engine.chatwork.simulator.world import World


LARGEST_REQUEST = 10 * 1024 * 1024


def create_app(world: World) -> web.Application:
    """Build the application over a world. Webhooks leave while it runs."""
    app = web.Application(client_max_size=LARGEST_REQUEST, middlewares=[refusals])
    app[WORLD] = world
    app[CLOSING] = asyncio.Event()
    app.cleanup_ctx.append(_courier)
    app.on_shutdown.append(_close)
    app.router.add_route("*", "/v2{path:(/.*)?}", rest.answer)
    app.router.add_get("/_files/{ticket}", _download)
    app.add_routes(people.routes)
    app.add_routes(machinery.routes)
    return app


async def _courier(app: web.Application) -> AsyncIterator[None]:
    async with courier.carrying(app[WORLD]) as at_work:
        app[COURIER] = at_work
        yield


async def _close(app: web.Application) -> None:
    app[CLOSING].set()


async def _download(request: web.Request) -> web.Response:
    file = files.redeem(request.app[WORLD], request.match_info["ticket"])
    disposition = f"attachment; filename*=UTF-8''{quote(file.filename)}"
    return web.Response(body=file.content, headers={"content-disposition": disposition})


@asynccontextmanager
async def listening(world: World, host: str, port: int) -> AsyncIterator[str]:
    """Listen, and give the base address of its API. Port 0 takes any free port."""
    runner = web.AppRunner(create_app(world), access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
        bound = runner.addresses[0][1]
        yield f"http://{host}:{bound}/v2"
    finally:
        await runner.cleanup()
