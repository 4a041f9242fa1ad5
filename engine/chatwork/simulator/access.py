"""Who may do what in a room. Every operation on a room begins with one of these."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.chatwork.simulator.errors import NO_WRITE, bad_request, forbidden, not_found
from engine.chatwork.simulator.model import Message, Role, Room, RoomType

if TYPE_CHECKING:
    from engine.chatwork.simulator.model import Account
    from engine.chatwork.simulator.world import World


def readable(world: World, actor: Account, room_id: int) -> Room:
    """Find a room that the account is in."""
    room = world.room(room_id)
    if not room.is_member(actor.account_id):
        raise forbidden("You don't have permission to access this room.")
    return room


def writable(world: World, actor: Account, room_id: int) -> Room:
    """Find a room in which the account may post: not as a readonly member, nor where only admins may."""
    room = readable(world, actor, room_id)
    writers = (Role.ADMIN,) if room.only_admins_write else (Role.ADMIN, Role.MEMBER)
    if not room.is_member(actor.account_id, *writers):
        raise forbidden(NO_WRITE)
    return room


def group(world: World, actor: Account, room_id: int) -> Room:
    """Find a group chat; My Chat and direct chats have no members, links or ends to speak of."""
    room = readable(world, actor, room_id)
    if room.type is not RoomType.GROUP:
        raise bad_request("This operation is only possible in a group chat.")
    return room


def administered(world: World, actor: Account, room_id: int) -> Room:
    """Find a group chat that the account administers."""
    room = group(world, actor, room_id)
    if not room.is_member(actor.account_id, Role.ADMIN):
        raise forbidden("You don't have permission to edit this room.")
    return room


def message_in(room: Room, message_id: int) -> Message:
    """Find a message of the room, deleted or not."""
    message = room.find(message_id)
    if message is None:
        raise not_found("Message")
    return message


def own_message(room: Room, actor: Account, message_id: int) -> Message:
    """Find a message that the account wrote and has not deleted; others' messages are nobody's to change."""
    message = message_in(room, message_id)
    if message.account_id != actor.account_id:
        raise forbidden(NO_WRITE)
    if message.deleted:
        raise not_found("Message")
    return message
