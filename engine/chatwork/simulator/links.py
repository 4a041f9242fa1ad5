"""Invitation links of groups."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from engine.chatwork.simulator.errors import bad_request
from engine.chatwork.simulator.model import Link, Room

if TYPE_CHECKING:
    from engine.chatwork.simulator.world import World


def create(world: World, room: Room, code: str | None, *, need_acceptance: bool, description: str = "") -> Link:
    """Make the link of a room that has none."""
    if room.link is not None:
        raise bad_request("The invitation link already exists.")
    return _set(world, room, code, need_acceptance=need_acceptance, description=description)


def change(world: World, room: Room, code: str | None, *, need_acceptance: bool, description: str = "") -> Link:
    """Change the link. Without a code it gets a new random one, so the address given out before dies."""
    if room.link is None:
        raise bad_request("The invitation link does not exist.")
    return _set(world, room, code, need_acceptance=need_acceptance, description=description)


def remove(room: Room) -> None:
    """Take the link away."""
    if room.link is None:
        raise bad_request("The invitation link does not exist.")
    room.link = None


def _set(world: World, room: Room, code: str | None, *, need_acceptance: bool, description: str) -> Link:
    others = {other.link.code for other in world.rooms.values() if other.link and other is not room}
    if code in others:
        raise bad_request("The invitation link is already in use.")
    waiting = room.link.waiting if room.link else []
    room.link = Link(
        code=code or secrets.token_hex(8), need_acceptance=need_acceptance, description=description, waiting=waiting
    )
    return room.link
