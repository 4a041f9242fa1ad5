"""Uploaded files, and the short-lived tickets to download them."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from engine.chatwork.simulator import notation
from engine.chatwork.simulator.errors import bad_request, not_found
from engine.chatwork.simulator.model import File, Room

if TYPE_CHECKING:
    from engine.chatwork.simulator.model import Account
    from engine.chatwork.simulator.world import World

LARGEST = 5 * 1024 * 1024
TICKET_LIFE = 30.0


def upload(world: World, actor: Account, room: Room, *, filename: str, content: bytes, message: str) -> File:
    """Keep a file and show it in the room."""
    if len(content) > LARGEST:
        raise bad_request("Parameter 'file' is too large")
    file_id = world.next_id()
    shown = world.post(room, actor.account_id, notation.file_notice(file_id, filename, len(content), message))
    file = File(
        file_id=file_id,
        room_id=room.room_id,
        account_id=actor.account_id,
        message_id=shown.message_id,
        filename=filename,
        content=content,
        upload_time=shown.send_time,
    )
    world.files[file_id] = file
    return file


def find(world: World, room: Room, file_id: int) -> File:
    """Find a file of the room."""
    file = world.files.get(file_id)
    if file is None or file.room_id != room.room_id:
        raise not_found("File")
    return file


def ticket(world: World, file: File) -> str:
    """Make a secret that opens the file for thirty seconds."""
    secret = secrets.token_urlsafe(16)
    world.tickets[secret] = (file.file_id, world.now() + TICKET_LIFE)
    return secret


def redeem(world: World, secret: str) -> File:
    """Find the file behind a ticket that is still good."""
    file_id, end = world.tickets.get(secret, (0, 0.0))
    file = world.files.get(file_id)
    if file is None or world.now() > end:
        raise not_found("File")
    return file
