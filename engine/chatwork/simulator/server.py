"""The simulator as a server: REST API below `/v2`, control API below `/_world`, vendors' inboxes below `/_vendors`."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING
from urllib.parse import quote

from aiohttp import web

from engine.chatwork.simulator import courier, files, rest
from engine.chatwork.simulator.control import machinery, people
from engine.chatwork.simulator.control.common import refusals
from engine.chatwork.simulator.keys import CLOSING, COURIER, WORLD
from engine.chatwork.simulator.sample import ROOM_ROLES, populate
from engine.chatwork.simulator.sample import play as play_sample
from engine.chatwork.simulator.world import World

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Sequence

    from engine.chatwork.simulator.sample import Vendor


LARGEST_REQUEST = 10 * 1024 * 1024
ENGINE_URL = "http://127.0.0.1:8080"  # where `yuruyuru run` listens by default


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


def announcement(world: World, url: str) -> dict[str, object]:
    """What an outsider needs to begin: the address, everybody's token, and the rooms with their roles."""
    accounts = [
        {"account_id": account.account_id, "name": account.name, "token": account.token}
        for account in world.accounts.values()
    ]
    rooms = [
        {"room_id": room_id, "name": world.rooms[room_id].name, "role": role}
        for room_id, role in ROOM_ROLES.items()
        if room_id in world.rooms
    ]
    return {"url": url, "accounts": accounts, "rooms": rooms}


def print_line(ready: dict[str, object]) -> None:
    """Announce on standard output, in one line."""
    sys.stdout.write(json.dumps(ready, ensure_ascii=False) + "\n")
    sys.stdout.flush()


async def serve(
    host: str = "127.0.0.1",
    port: int = 0,
    *,
    sample: bool = True,
    play: bool = False,
    engine_url: str = ENGINE_URL,
    vendors: Sequence[Vendor] = (),
    on_ready: Callable[[dict[str, object]], None] = print_line,
) -> None:
    """Run until SIGTERM or SIGINT. With `sample` the sample community lives here; with `play` it also talks."""
    world = World()
    if sample or play:
        populate(world, engine_url=engine_url)
    with _stop_signal() as stopped:
        async with listening(world, host, port) as url, asyncio.TaskGroup() as group:
            on_ready(announcement(world, url))
            playing = group.create_task(play_sample(world, engine_url=engine_url, vendors=vendors)) if play else None
            await stopped.wait()
            if playing:
                playing.cancel()


@contextmanager
def _stop_signal() -> Iterator[asyncio.Event]:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    signals = (signal.SIGTERM, signal.SIGINT)
    for number in signals:
        loop.add_signal_handler(number, stopped.set)
    try:
        yield stopped
    finally:
        for number in signals:
            loop.remove_signal_handler(number)
