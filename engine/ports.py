"""What the engine needs from outside, as narrow interfaces; adapters stand in `chatwork/`, `referrals/`, `outbox`."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    from engine.clock import Epoch


class Lane(StrEnum):
    """Classes of requests, most important first: when the budget runs low, the later ones wait."""

    MODERATION = "moderation"
    REPLY = "reply"
    NUDGE = "nudge"
    DIGEST = "digest"
    KEEPER = "keeper"


@dataclass(frozen=True, slots=True)
class Account:
    """An account as `GET /me` or a member list shows it."""

    account_id: int
    name: str
    role: str = "member"


@dataclass(frozen=True, slots=True)
class PostedMessage:
    """A message as the REST API shows it; times in epoch seconds."""

    message_id: str
    account_id: int
    body: str
    sent_at: int
    updated_at: int


class Chat(Protocol):
    """Chatwork, as much of it as the engine uses. Every method raises `Transient` or `Permanent`."""

    async def me(self) -> Account:
        """Return the engine's own account."""
        ...

    async def members(self, room_id: int) -> list[Account]:
        """Everybody in a room, with roles `admin`, `member`, `readonly`."""
        ...

    async def put_members(self, room_id: int, roles: Mapping[int, str]) -> dict[int, str]:
        """Replace a room's whole list (account id -> role): who is not on it is out. Returns the list it became.

        Only `engine.members.writing` may call it, which knows how not to throw anybody out.
        """
        ...

    async def newest_messages(self, room_id: int, lane: Lane) -> list[PostedMessage]:
        """Return the newest (at most 100) messages of a room, oldest first."""
        ...

    async def message_counts(self) -> dict[int, int]:
        """How many messages each of our rooms holds, by room id."""
        ...

    async def direct_rooms(self) -> dict[int, int]:
        """Room ids of the direct chats with our contacts, by account id."""
        ...

    async def post(self, room_id: int, body: str, lane: Lane) -> str:
        """Post a message; returns its message id."""
        ...


@dataclass(frozen=True, slots=True)
class Wake:
    """`job(argument)` is due at `at` for `worker`."""

    worker: str
    job: str
    argument: str
    at: Epoch


class Wakes(Protocol):
    """Somebody who starts jobs in time. A lost wake is harmless: its due time is stored, a sweep finds it."""

    async def wake(self, wake: Wake) -> None:
        """Have the job run at its time or soon after. Raises `Transient`."""
        ...
