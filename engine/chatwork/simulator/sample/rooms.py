"""Where the sample community meets, and how the engine's account is told about it."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

from engine.chatwork.simulator import links
from engine.chatwork.simulator.model import Role
from engine.chatwork.simulator.sample.people import (
    ADMINS,
    BY_KEY,
    CONTACTS_OF_THE_ENGINE,
    ENGINE,
    ENGINE_TOKEN,
    EVERYBODY,
    MEMBERS,
    VENDOR_PEOPLE,
    Person,
)
from engine.chatwork.simulator.webhooks import Trigger

if TYPE_CHECKING:
    from collections.abc import Iterable

    from engine.chatwork.simulator.model import Account
    from engine.chatwork.simulator.world import World

BOARD = 567890123
ADMIN_ROOM = 567890124
VENDOR_ROOMS = (567890125, 567890126)
ROOM_ROLES = {BOARD: "board", ADMIN_ROOM: "admin", **dict.fromkeys(VENDOR_ROOMS, "vendor")}
BOARD_LINK = "yuruyuru-board"

COMMUNITY_FILE = Path(__file__).with_name("community.toml")
WEBHOOK_PATH = "/webhooks/chatwork"
_ROOM_EVENT = (Trigger.CREATED, Trigger.UPDATED)


def _webhook_token(setting_id: str) -> str:
    return base64.b64encode(hashlib.sha256(f"simulated webhook {setting_id}".encode()).digest()).decode()


_WEBHOOKS: dict[str, int | None] = {"12345": None, "12346": BOARD, "12347": ADMIN_ROOM}  # None: the account event
WEBHOOK_TOKENS = ",".join(f"{setting_id}={_webhook_token(setting_id)}" for setting_id in _WEBHOOKS)


def populate(world: World, *, engine_url: str) -> None:
    """Let the sample community move in, with the engine's webhooks pointing at `engine_url`."""
    for person in EVERYBODY:
        _sign_up(world, person)
    engine = world.account(ENGINE.account_id)
    _gather(world)
    for key in CONTACTS_OF_THE_ENGINE:
        world.connect(engine, world.account(BY_KEY[key].account_id))
    _watch(world, engine, engine_url)


def _sign_up(world: World, person: Person) -> None:
    world.add_account(
        person.name,
        account_id=person.account_id,
        token=ENGINE_TOKEN if person is ENGINE else person.token,
        organization=(person.account_id + 1_000_000, person.organization) if person.organization else (0, ""),
        department=person.department,
        introduction=person.introduction,
    )


def _roles(members: Iterable[Person]) -> dict[int, Role]:
    hosts = {person.account_id: Role.ADMIN for person in (ENGINE, *ADMINS)}
    return hosts | {person.account_id: Role.MEMBER for person in members}


def _gather(world: World) -> None:
    about = "開業医どうし、GIVE と GIVEN の場です。どんな初歩的なご質問も歓迎いたします。"
    board = world.add_room("ユルユル投稿板", _roles(MEMBERS), room_id=BOARD, description=about)
    links.create(world, board, BOARD_LINK, need_acceptance=False)
    world.add_room("ユルユル運営室", _roles(()), room_id=ADMIN_ROOM)
    for room_id, person in zip(VENDOR_ROOMS, VENDOR_PEOPLE, strict=True):
        world.add_room(f"{person.organization} 連絡室", _roles((person,)), room_id=room_id)


def _watch(world: World, engine: Account, engine_url: str) -> None:
    url = engine_url.rstrip("/") + WEBHOOK_PATH
    for setting_id, room_id in _WEBHOOKS.items():
        triggers = (Trigger.MENTION,) if room_id is None else _ROOM_EVENT
        token = _webhook_token(setting_id)
        world.add_webhook(engine, url, triggers, room_id=room_id, setting_id=setting_id, token=token)
