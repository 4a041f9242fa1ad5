"""A sample community to look at: its people, its rooms, and a conversation that plays by itself."""

from engine.chatwork.simulator.sample.people import ENGINE_ID, ENGINE_TOKEN
from engine.chatwork.simulator.sample.player import Vendor, play
from engine.chatwork.simulator.sample.rooms import (
    ADMIN_ROOM,
    BOARD,
    COMMUNITY_FILE,
    ROOM_ROLES,
    VENDOR_ROOMS,
    WEBHOOK_TOKENS,
    populate,
)

__all__ = [
    "ADMIN_ROOM",
    "BOARD",
    "COMMUNITY_FILE",
    "ENGINE_ID",
    "ENGINE_TOKEN",
    "ROOM_ROLES",
    "VENDOR_ROOMS",
    "WEBHOOK_TOKENS",
    "Vendor",
    "play",
    "populate",
]
