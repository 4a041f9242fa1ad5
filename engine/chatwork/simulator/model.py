"""The things a simulated Chatwork consists of. Plain mutable records; `World` keeps them, nothing here acts."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field
from enum import StrEnum
from operator import attrgetter

_BY_ID = attrgetter("message_id")
PAGE = 100  # no list of Chatwork is longer, and none has a second page


class Role(StrEnum):
    """What an account may do in a room."""

    ADMIN = "admin"
    MEMBER = "member"
    READONLY = "readonly"


class RoomType(StrEnum):
    """My Chat, a chat of two, a group."""

    MY = "my"
    DIRECT = "direct"
    GROUP = "group"


@dataclass(slots=True, kw_only=True)
class Account:
    """A person, or a bot: Chatwork does not tell them apart."""

    account_id: int
    name: str
    token: str
    room_id: int
    chatwork_id: str = ""
    organization_id: int = 0
    organization_name: str = ""
    department: str = ""
    introduction: str = ""
    mail: str = ""
    contacts: dict[int, int] = field(default_factory=dict)  # account id -> room id of the direct chat

    def knows(self, other: Account) -> bool:
        """Whether this account may put the other into a room: a contact, or the same organisation."""
        same_organization = self.organization_id != 0 and self.organization_id == other.organization_id
        return other.account_id in self.contacts or same_organization


@dataclass(slots=True, kw_only=True)
class Message:
    """One message. A deleted one stays in the list and reads `[deleted]`."""

    message_id: int
    room_id: int
    account_id: int
    body: str
    send_time: int
    update_time: int = 0
    deleted: bool = False
    mentions: frozenset[int] = frozenset()


@dataclass(slots=True)
class Reading:
    """How far somebody has read a room: everything up to `upto`, except what was put back by hand."""

    upto: int = 0
    put_back: set[int] = field(default_factory=set)


@dataclass(slots=True, kw_only=True)
class Link:
    """An invitation link."""

    code: str
    need_acceptance: bool = True
    description: str = ""
    waiting: list[int] = field(default_factory=list)


@dataclass(slots=True, kw_only=True)
class Room:
    """A chat with its members, messages and how far everybody has read."""

    room_id: int
    name: str
    type: RoomType
    members: dict[int, Role]
    description: str = ""
    icon_preset: str = "group"
    show_members: bool = True  # off: what an admin does to the member list is not announced
    only_admins_write: bool = False
    created: int = 0
    link: Link | None = None
    messages: list[Message] = field(default_factory=list)
    readings: dict[int, Reading] = field(default_factory=dict)

    def after(self, message_id: int) -> list[Message]:
        """Messages newer than this one, oldest first."""
        return self.messages[bisect_right(self.messages, message_id, key=_BY_ID) :]

    def find(self, message_id: int) -> Message | None:
        """Find the message with this id."""
        newer = bisect_right(self.messages, message_id, key=_BY_ID)
        candidate = self.messages[newer - 1] if newer else None
        return candidate if candidate and candidate.message_id == message_id else None

    def last_id(self) -> int:
        """Return the id of the newest message, 0 in an empty room."""
        return self.messages[-1].message_id if self.messages else 0

    def reading(self, account_id: int) -> Reading:
        """How far this account has read; a newcomer starts at the newest message."""
        return self.readings.setdefault(account_id, Reading(upto=self.last_id()))

    def unread(self, account_id: int) -> list[Message]:
        """List what this account has not read. One's own posts count only when put back."""
        reading = self.reading(account_id)
        oldest = min(reading.put_back, default=reading.upto + 1)
        return [
            message
            for message in self.after(min(reading.upto, oldest - 1))
            if message.message_id in reading.put_back
            or (message.message_id > reading.upto and message.account_id != account_id)
        ]

    def is_member(self, account_id: int, *roles: Role) -> bool:
        """Whether the account is in the room, with one of the roles if any are named."""
        role = self.members.get(account_id)
        return role is not None and (not roles or role in roles)


@dataclass(slots=True, kw_only=True)
class Task:
    """A task of one assignee."""

    task_id: int
    room_id: int
    account_id: int
    assigned_by: int
    message_id: int
    body: str
    limit_time: int
    limit_type: str
    done: bool = False


@dataclass(slots=True, kw_only=True)
class File:
    """An uploaded file and the message that shows it."""

    file_id: int
    room_id: int
    account_id: int
    message_id: int
    filename: str
    content: bytes
    upload_time: int


@dataclass(slots=True, kw_only=True)
class ContactRequest:
    """Somebody would like to be a contact of somebody."""

    request_id: int
    from_id: int
    to_id: int
    message: str
