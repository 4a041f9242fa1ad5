"""What people do in the web page: sign up, gather, come, go and talk."""

from __future__ import annotations

from aiohttp import web

from engine.chatwork.simulator import access, contacts, links, membership, writing
from engine.chatwork.simulator.control import orders, reports
from engine.chatwork.simulator.control.common import message_of, read_order, room_of, world_of

routes = web.RouteTableDef()


@routes.get("/_world")
async def get_world(request: web.Request) -> web.Response:
    """Who and what there is."""
    return web.json_response(reports.world(world_of(request)))


@routes.post("/_world/accounts")
async def post_account(request: web.Request) -> web.Response:
    """Somebody signs up."""
    order = await read_order(request, orders.NewAccount)
    account = world_of(request).add_account(
        order.name,
        account_id=order.account_id,
        token=order.token,
        organization=(order.organization_id, order.organization_name),
    )
    return web.json_response(reports.account(account))


@routes.post("/_world/rooms")
async def post_room(request: web.Request) -> web.Response:
    """Let a group appear."""
    order = await read_order(request, orders.NewRoom)
    world = world_of(request)
    for account_id in order.members:
        world.account(account_id)
    room = world.add_room(order.name, order.members, room_id=order.room_id)
    if order.link_code is not None:
        links.create(world, room, order.link_code, need_acceptance=order.need_acceptance)
    return web.json_response({"room_id": room.room_id})


@routes.put(r"/_world/rooms/{room:\d+}")
async def put_room(request: web.Request) -> web.Response:
    """Change settings of the web page."""
    order = await read_order(request, orders.RoomSettings)
    room = room_of(request)
    if order.show_members is not None:
        room.show_members = order.show_members
    if order.only_admins_write is not None:
        room.only_admins_write = order.only_admins_write
    return web.json_response({"room_id": room.room_id})


@routes.put(r"/_world/rooms/{room:\d+}/members")
async def put_member(request: web.Request) -> web.Response:
    """Put somebody in, or take somebody out, without a word."""
    order = await read_order(request, orders.Membership)
    room = room_of(request)
    account = world_of(request).account(order.account_id)
    if order.role is None:
        room.members.pop(account.account_id, None)
    else:
        room.members[account.account_id] = order.role
    return web.json_response({"members": reports.members(room)})


@routes.post("/_world/contacts")
async def post_contact(request: web.Request) -> web.Response:
    """Two people are contacts."""
    order = await read_order(request, orders.Pair)
    world = world_of(request)
    room = world.connect(world.account(order.from_id), world.account(order.to_id))
    return web.json_response({"room_id": room.room_id})


@routes.post("/_world/requests")
async def post_request(request: web.Request) -> web.Response:
    """Somebody asks to be a contact."""
    order = await read_order(request, orders.Pair)
    world = world_of(request)
    asked = contacts.ask(world, world.account(order.from_id), world.account(order.to_id), order.message)
    return web.json_response({"request_id": asked.request_id})


@routes.post("/_world/joins")
async def post_join(request: web.Request) -> web.Response:
    """Somebody follows an invitation link."""
    order = await read_order(request, orders.Join)
    world = world_of(request)
    return web.json_response({"joined": membership.join(world, world.account(order.account_id), order.code)})


@routes.post(r"/_world/rooms/{room:\d+}/approvals")
async def post_approval(request: web.Request) -> web.Response:
    """Let an admin let somebody in."""
    order = await read_order(request, orders.Approval)
    world = world_of(request)
    membership.approve(world, world.account(order.admin_id), room_of(request).room_id, order.account_id)
    return web.json_response({"joined": True})


@routes.post(r"/_world/rooms/{room:\d+}/leavings")
async def post_leaving(request: web.Request) -> web.Response:
    """Somebody leaves."""
    order = await read_order(request, orders.Person)
    world = world_of(request)
    actor = world.account(order.account_id)
    membership.leave(world, actor, access.group(world, actor, room_of(request).room_id))
    return web.json_response({"left": True})


@routes.get(r"/_world/rooms/{room:\d+}/messages")
async def get_messages(request: web.Request) -> web.Response:
    """Everything that was said in a room."""
    world = world_of(request)
    return web.json_response([reports.message(world, message) for message in room_of(request).messages])


@routes.post(r"/_world/rooms/{room:\d+}/messages")
async def post_message(request: web.Request) -> web.Response:
    """Somebody says something."""
    order = await read_order(request, orders.Speech)
    world = world_of(request)
    message = writing.say(world, world.account(order.account_id), room_of(request).room_id, order.body)
    return web.json_response({"message_id": str(message.message_id)})


@routes.put(r"/_world/rooms/{room:\d+}/messages/{message:\d+}")
async def put_message(request: web.Request) -> web.Response:
    """Its author edits a message."""
    order = await read_order(request, orders.Text)
    world, message = world_of(request), message_of(request)
    author = world.account(message.account_id)
    writing.rewrite(world, author, message.room_id, message.message_id, order.body)
    return web.json_response({"message_id": str(message.message_id)})


@routes.delete(r"/_world/rooms/{room:\d+}/messages/{message:\d+}")
async def delete_message(request: web.Request) -> web.Response:
    """Its author deletes a message."""
    world, message = world_of(request), message_of(request)
    author = world.account(message.account_id)
    writing.take_back(world, author, message.room_id, message.message_id)
    return web.json_response({"message_id": str(message.message_id)})
