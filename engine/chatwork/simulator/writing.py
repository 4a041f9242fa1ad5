"""Speaking and reading: what members do with messages, through the API or in the web page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.chatwork.simulator import access
from engine.chatwork.simulator.errors import ROOM_LIMIT, ApiError, bad_request
from engine.chatwork.simulator.model import PAGE, Message, Room

if TYPE_CHECKING:
    from engine.chatwork.simulator.model import Account
    from engine.chatwork.simulator.world import World


def say(world: World, actor: Account, room_id: int, body: str, *, self_unread: bool = False) -> Message:
    """Post as somebody who may. The limit of ten posts is the API's, so it is not counted here."""
    room = access.writable(world, actor, room_id)
    return world.post(room, actor.account_id, body, self_unread=self_unread)


def count_post(world: World, room: Room) -> None:
    """Count a message or a task that comes through the API."""
    if not world.post_limit.take(room.room_id, world.now()):
        raise ApiError(429, ROOM_LIMIT)


def rewrite(world: World, actor: Account, room_id: int, message_id: int, body: str) -> Message:
    """Edit one's own message."""
    room = access.writable(world, actor, room_id)
    message = access.own_message(room, actor, message_id)
    world.edit(room, message, body)
    return message


def take_back(world: World, actor: Account, room_id: int, message_id: int) -> Message:
    """Delete one's own message."""
    room = access.writable(world, actor, room_id)
    message = access.own_message(room, actor, message_id)
    world.delete(message)
    return message


def fetch(world: World, token: str, room: Room, *, force: bool) -> list[Message]:
    """Return the newest hundred; without force only those that this token has not fetched before. Oldest first."""
    cursor = (token, room.room_id)
    newest = (room.messages if force else room.after(world.fetched.get(cursor, 0)))[-PAGE:]
    world.fetched[cursor] = room.last_id()
    return newest


def mark_read(room: Room, actor: Account, message_id: int | None) -> None:
    """Read up to a message, or everything."""
    target = room.last_id() if message_id is None else access.message_in(room, message_id).message_id
    unread = [message.message_id for message in room.unread(actor.account_id)]
    if not unread or (message_id is not None and message_id not in unread):
        raise bad_request("The message has already been marked as read.")
    reading = room.reading(actor.account_id)
    reading.upto = max(reading.upto, target)
    reading.put_back = {kept for kept in reading.put_back if kept > target}


def mark_unread(room: Room, actor: Account, message_id: int) -> None:
    """Put back a message and everything after it."""
    access.message_in(room, message_id)
    unread = {message.message_id for message in room.unread(actor.account_id)}
    if message_id in unread:
        raise bad_request("The message has already been marked as unread.")
    reading = room.reading(actor.account_id)
    reading.upto = min(reading.upto, message_id - 1)
    reading.put_back |= {message.message_id for message in room.after(message_id - 1)}
