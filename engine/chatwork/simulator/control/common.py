"""What every part of the control API uses."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from aiohttp import web
from pydantic import ValidationError

from engine.chatwork.simulator import access
from engine.chatwork.simulator.control.orders import Order
from engine.chatwork.simulator.errors import ApiError, bad_request, not_found
from engine.chatwork.simulator.keys import WORLD
from engine.chatwork.simulator.rest import refused

if TYPE_CHECKING:
    from aiohttp.typedefs import Handler

    from engine.chatwork.simulator.model import Message, Room
    from engine.chatwork.simulator.webhooks import Webhook
    from engine.chatwork.simulator.world import World

OrderT = TypeVar("OrderT", bound=Order)


@web.middleware
async def refusals(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer refusals of the control API in the shape of the API."""
    try:
        return await handler(request)
    except ApiError as refusal:
        return refused(refusal)


async def read_order(request: web.Request, kind: type[OrderT]) -> OrderT:
    """Return the body of a request, checked."""
    try:
        return kind.model_validate_json(await request.read())
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise bad_request(f"{where}: {first['msg']}" if where else first["msg"]) from None


def world_of(request: web.Request) -> World:
    """Return the world behind this request."""
    return request.app[WORLD]


def room_of(request: web.Request) -> Room:
    """Return the room named in the path."""
    return world_of(request).room(int(request.match_info["room"]))


def message_of(request: web.Request) -> Message:
    """Return the message named in the path."""
    return access.message_in(room_of(request), int(request.match_info["message"]))


def webhook_of(request: web.Request) -> Webhook:
    """Return the webhook named in the path."""
    webhook = world_of(request).webhooks.get(request.match_info["setting"])
    if webhook is None:
        raise not_found("Webhook")
    return webhook
