"""The hand-written fakes, in one place."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from engine.clock import Epoch
from engine.errors import Permanent
from engine.ports import Account, Lane, PostedMessage

if TYPE_CHECKING:
    from collections.abc import Mapping

    from engine.errors import EngineError
    from engine.ports import Wake

LONGEST_BODY = 65_535
TOKYO = ZoneInfo("Asia/Tokyo")


def tokyo(text: str) -> Epoch:
    """`2026-11-24 13:00` in Tokyo as wall time."""
    return Epoch(datetime.fromisoformat(text).replace(tzinfo=TOKYO).timestamp())


TUESDAY_NOON = tokyo("2026-11-24 12:30")
"""An ordinary working day, the first active minute."""


@dataclass(slots=True)
class FakeClock:
    """A clock that a test moves."""

    at: Epoch = TUESDAY_NOON

    def now(self) -> Epoch:
        return self.at

    def move(self, *, seconds: float = 0, minutes: float = 0, hours: float = 0, days: float = 0) -> None:
        self.at = Epoch(self.at + seconds + 60 * minutes + 3600 * hours + 86400 * days)


class NoWakes:
    """Nobody is woken; the due times in the database are the truth."""

    async def wake(self, wake: Wake) -> None:
        del wake


@dataclass(slots=True)
class Posted:
    """Something the engine posted."""

    room_id: int
    body: str
    message_id: str
    lane: Lane


@dataclass(slots=True)
class FakeChat:
    """Chatwork in memory, with failures on order.

    `people` can be put into rooms. `failures` end the next posts and lists, `after` those that were done; a room in
    `unreadable` shows neither members nor words.
    Without rosters the engine is in every room; with them only in those, and in its contacts' direct chats.
    """

    clock: FakeClock
    own: Account = field(default_factory=lambda: Account(900, "ユルユル案内係", "admin"))
    rosters: dict[int, list[Account]] = field(default_factory=dict)
    contacts: dict[int, int] = field(default_factory=dict)
    people: list[Account] = field(default_factory=list)
    rooms: dict[int, list[PostedMessage]] = field(default_factory=dict)
    posted: list[Posted] = field(default_factory=list)
    failures: list[EngineError] = field(default_factory=list)
    after: list[EngineError] = field(default_factory=list)
    unreadable: dict[int, EngineError] = field(default_factory=dict)
    numbers: int = 1_900_000_000_000_000_000

    async def me(self) -> Account:
        return self.own

    async def members(self, room_id: int) -> list[Account]:
        self._check(room_id)
        if room_id in self.unreadable:
            raise self.unreadable[room_id]
        return list(self.rosters.get(room_id, []))

    async def put_members(self, room_id: int, roles: Mapping[int, str]) -> dict[int, str]:
        self._check(room_id)
        if "admin" not in roles.values():
            raise Permanent("400: members_admin_ids is required")
        known = {account.account_id: account for account in [*self.rosters.get(room_id, []), *self.people]}
        if not roles.keys() <= known.keys():
            raise Permanent("400: neither a contact nor in the same organization")
        if self.failures:
            raise self.failures.pop(0)
        self.rosters[room_id] = [replace(known[who], role=role) for who, role in roles.items()]
        if self.after:
            raise self.after.pop(0)
        return dict(roles)

    async def newest_messages(self, room_id: int, lane: Lane) -> list[PostedMessage]:
        self._check(room_id)
        if room_id in self.unreadable:
            raise self.unreadable[room_id]
        return self.rooms.get(room_id, [])[-100:]

    async def message_counts(self) -> dict[int, int]:
        return {room_id: len(self.rooms.get(room_id, [])) for room_id in self.rosters}

    async def direct_rooms(self) -> dict[int, int]:
        return dict(self.contacts)

    async def post(self, room_id: int, body: str, lane: Lane) -> str:
        self._check(room_id)
        if not 0 < len(body) <= LONGEST_BODY:
            raise Permanent("400: the body is empty or too long")
        if self.failures:
            raise self.failures.pop(0)
        message_id = self.put(room_id, self.own.account_id, body)
        self.posted.append(Posted(room_id, body, message_id, lane))
        if self.after:
            raise self.after.pop(0)
        return message_id

    def _check(self, room_id: int) -> None:
        if self.rosters and room_id not in self.rosters and room_id not in self.contacts.values():
            raise Permanent("403: not in this room")

    def rewrite(self, room_id: int, message_id: str, body: str) -> None:
        """A message reads otherwise from now on."""
        room = self.rooms[room_id]
        at = next(n for n, message in enumerate(room) if message.message_id == message_id)
        room[at] = replace(room[at], body=body, updated_at=int(self.clock.now()))

    def put(self, room_id: int, account_id: int, body: str) -> str:
        """A message appears in a room; returns its id."""
        self.numbers += 1
        now = int(self.clock.now())
        self.rooms.setdefault(room_id, []).append(PostedMessage(str(self.numbers), account_id, body, now, 0))
        return str(self.numbers)
