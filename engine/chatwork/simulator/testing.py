"""A simulator inside one's own process, for tests: a world, a clock in one's hand, and a client that shows everything.

async with open_house() as house:
aoki = house.person("青木")
room = house.room("談話室", aoki)
reply = await house.call(aoki, "POST", f"/rooms/{room.room_id}/messages", {"body": "はじめまして"})
assert reply.status == 200
"""

from __future__ import annotations

import json
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import aiohttp
from aiohttp import web

from engine.chatwork.simulator.model import Role
from engine.chatwork.simulator.server import listening
from engine.chatwork.simulator.world import World

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from engine.chatwork.simulator.model import Account, Room

START = 1_790_000_000.0  # some day in September 2026


class ManualClock:
    """A clock that stands still until somebody moves it."""

    def __init__(self, now: float = START) -> None:
        self.now = now

    def __call__(self) -> float:
        """Tell the time."""
        return self.now


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer, read to its end."""

    status: int
    headers: Mapping[str, str]
    text: str

    @property
    def json(self) -> Any:
        """The body, parsed."""
        return json.loads(self.text)

    @property
    def error(self) -> str:
        """The one sentence of a refusal."""
        (text,) = self.json["errors"]
        return str(text)


@dataclass(frozen=True, slots=True)
class House:
    """A listening simulator and all that a test needs around it."""

    world: World
    clock: ManualClock
    url: str
    session: aiohttp.ClientSession

    def person(self, name: str, *, organization: tuple[int, str] = (0, "")) -> Account:
        """Let somebody sign up."""
        return self.world.add_account(name, organization=organization)

    def room(self, name: str, admin: Account, *members: Account, readonly: tuple[Account, ...] = ()) -> Room:
        """Make a group of one admin, members, and readers."""
        roles = {admin.account_id: Role.ADMIN}
        roles |= {member.account_id: Role.MEMBER for member in members}
        roles |= {reader.account_id: Role.READONLY for reader in readonly}
        return self.world.add_room(name, roles)

    async def call(
        self,
        actor: Account | None,
        method: str,
        path: str,
        data: object = None,
        **query: str | int,
    ) -> Reply:
        """Call the API as somebody, with form fields in `data` and the rest in the query."""
        headers = {"X-ChatWorkToken": actor.token} if actor else {}
        return await self.request(method, self.url + path, data=data, params=query, headers=headers)

    async def control(self, method: str, path: str, order: object = None) -> Reply:
        """Call the control API."""
        return await self.request(method, self.url.removesuffix("/v2") + path, json=order)

    async def request(self, method: str, url: str, **options: Any) -> Reply:
        """Call anything."""
        async with self.session.request(method, url, **options) as response:
            return Reply(response.status, response.headers, await response.text())


@asynccontextmanager
async def open_house() -> AsyncIterator[House]:
    """Open a simulator on a free port of this machine."""
    clock = ManualClock()
    world = World(clock)
    async with listening(world, "127.0.0.1", 0) as url, aiohttp.ClientSession() as session:
        yield House(world, clock, url, session)


@dataclass(slots=True)
class Listener:
    """Somebody who receives webhooks, and answers as told."""

    url: str = ""
    status: int = 200
    answer: bytes = b""
    received: list[tuple[Mapping[str, str], Mapping[str, str], bytes]] = field(default_factory=list)

    async def hear(self, request: web.Request) -> web.Response:
        """Write down headers, query and the raw body."""
        self.received.append((request.headers.copy(), dict(request.query), await request.read()))
        return web.Response(status=self.status, body=self.answer)

    @property
    def payloads(self) -> list[Any]:
        """The bodies, parsed, by time of writing down."""
        return [json.loads(body) for _, _, body in self.received]


@asynccontextmanager
async def open_ear() -> AsyncIterator[Listener]:
    """Listen for webhooks on a free port of this machine."""
    listener = Listener()
    app = web.Application()
    app.router.add_route("*", "/hook", listener.hear)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        listener.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
        yield listener
    finally:
        await runner.cleanup()
