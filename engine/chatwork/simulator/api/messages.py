"""`/rooms/{room}/messages`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.chatwork.simulator import access, views, writing
from engine.chatwork.simulator.errors import missing

if TYPE_CHECKING:
    from engine.chatwork.simulator.api.call import Answer, Call


def get_messages(call: Call) -> Answer:
    """GET /rooms/{room}/messages."""
    room = access.readable(call.world, call.actor, call.room_id)
    newest = writing.fetch(call.world, call.token, room, force=call.params.flag("force"))
    return [views.message(call.world, message) for message in newest]


def post_message(call: Call) -> Answer:
    """POST /rooms/{room}/messages."""
    room = access.writable(call.world, call.actor, call.room_id)
    body = call.params.text("body")
    self_unread = call.params.flag("self_unread")
    writing.count_post(call.world, room)
    message = writing.say(call.world, call.actor, room.room_id, body, self_unread=self_unread)
    return {"message_id": str(message.message_id)}


def put_read(call: Call) -> Answer:
    """PUT /rooms/{room}/messages/read."""
    room = access.readable(call.world, call.actor, call.room_id)
    writing.mark_read(room, call.actor, call.params.number("message_id"))
    return {**views.unread(room, call.actor)}


def put_unread(call: Call) -> Answer:
    """PUT /rooms/{room}/messages/unread."""
    room = access.readable(call.world, call.actor, call.room_id)
    message_id = call.params.number("message_id")
    if message_id is None:
        raise missing("message_id")
    writing.mark_unread(room, call.actor, message_id)
    return {**views.unread(room, call.actor)}


def get_message(call: Call) -> Answer:
    """GET /rooms/{room}/messages/{message}."""
    room = access.readable(call.world, call.actor, call.room_id)
    return views.message(call.world, access.message_in(room, call.message_id))


def put_message(call: Call) -> Answer:
    """PUT /rooms/{room}/messages/{message}."""
    body = call.params.text("body")
    message = writing.rewrite(call.world, call.actor, call.room_id, call.message_id, body)
    return {"message_id": str(message.message_id)}


def delete_message(call: Call) -> Answer:
    """DELETE /rooms/{room}/messages/{message}."""
    message = writing.take_back(call.world, call.actor, call.room_id, call.message_id)
    return {"message_id": str(message.message_id)}
