"""The simulated world: its people, rooms, clock and everything that was said. No I/O here.

Whatever changes a message passes through `post`, `edit` or `delete`, so that webhooks see all of it. What an account
is *allowed* to do is decided in `access.py` and the modules that use it (`membership.py`, `writing.py`, `links.py`, …).
"""

from __future__ import annotations

import secrets
import time
from collections import defaultdict, deque
from itertools import count
from typing import TYPE_CHECKING

from engine.chatwork.simulator import notation, webhooks
from engine.chatwork.simulator.errors import bad_request, not_found
from engine.chatwork.simulator.faults import Faults
from engine.chatwork.simulator.limits import PostLimit, RequestLimit
from engine.chatwork.simulator.model import Account, Message, Role, Room, RoomType
from engine.chatwork.simulator.vendors import Inbox
from engine.chatwork.simulator.webhooks import Delivery, Tally, Trigger, Webhook

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from engine.chatwork.simulator.model import ContactRequest, File, Task

FIRST_ID = 700_000_001  # for whatever is created without a chosen id; the sample's ids lie below
FIRST_MESSAGE_ID = 10**17 + 1  # 18 digits, whatever clock a test injects
DELIVERIES_KEPT = 10_000


class World:
    """Everything the simulator knows, with its own clock that can be moved ahead of the real one."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._ahead = 0.0
        self._ids = count(FIRST_ID)
        self._last_message_id = 0
        self.accounts: dict[int, Account] = {}
        self.rooms: dict[int, Room] = {}
        self.tasks: dict[int, Task] = {}
        self.files: dict[int, File] = {}
        self.tickets: dict[str, tuple[int, float]] = {}  # download ticket -> file id, end of its life
        self.requests: dict[int, ContactRequest] = {}
        self.webhooks: dict[str, Webhook] = {}
        self.deliveries: deque[Delivery] = deque(maxlen=DELIVERIES_KEPT)
        self.tally = Tally()
        self.fetched: dict[tuple[str, int], int] = {}  # token and room -> newest message it has fetched
        self.request_limit = RequestLimit()
        self.post_limit = PostLimit()
        self.faults = Faults()
        self.inboxes: defaultdict[str, Inbox] = defaultdict(Inbox)
        self.on_delivery: list[Callable[[Delivery], None]] = []
        self.on_message: list[Callable[[Message], None]] = []

    # Time and ids

    def now(self) -> float:
        """Return the world's time, in epoch seconds."""
        return self._clock() + self._ahead

    def advance(self, seconds: float) -> float:
        """Move the world's clock ahead; it never goes back."""
        if seconds < 0:
            raise bad_request("The clock only moves forward")
        self._ahead += seconds
        return self.now()

    def next_id(self) -> int:
        """Return an id for anything but a message."""
        return next(self._ids)

    def _next_message_id(self) -> int:
        """Grow with the real clock, so that a restarted simulator never uses an id twice.

        Always odd: beyond 2^53 no odd number survives a trip through a float, so a client that takes one is found out.
        """
        by_time = int(self._clock() * 1000) << 20 | 1
        self._last_message_id = max(by_time, FIRST_MESSAGE_ID, self._last_message_id + 2)
        return self._last_message_id

    # People and rooms

    def add_account(
        self,
        name: str,
        *,
        account_id: int | None = None,
        token: str | None = None,
        organization: tuple[int, str] = (0, ""),
        department: str = "",
        introduction: str = "",
    ) -> Account:
        """Let somebody sign up; they get their own My Chat."""
        account_id = self.next_id() if account_id is None else account_id
        token = token or secrets.token_hex(16)
        if account_id in self.accounts or self.account_of(token) is not None:
            raise bad_request("The account id or the token is taken")
        room = self.add_room(name, {account_id: Role.ADMIN}, room_type=RoomType.MY)
        account = Account(
            account_id=account_id,
            name=name,
            token=token,
            room_id=room.room_id,
            organization_id=organization[0],
            organization_name=organization[1],
            department=department,
            introduction=introduction,
        )
        self.accounts[account_id] = account
        return account

    def add_room(
        self,
        name: str,
        members: Mapping[int, Role],
        *,
        room_id: int | None = None,
        room_type: RoomType = RoomType.GROUP,
        description: str = "",
        icon_preset: str = "group",
    ) -> Room:
        """Put a room into the world without a word about it."""
        room_id = self.next_id() if room_id is None else room_id
        if room_id in self.rooms:
            raise bad_request("The room id is taken")
        room = Room(
            room_id=room_id,
            name=name,
            type=room_type,
            members=dict(members),
            description=description,
            icon_preset=icon_preset,
            created=int(self.now()),
        )
        self.rooms[room_id] = room
        return room

    def connect(self, one: Account, other: Account) -> Room:
        """Make two people contacts; the direct chat is theirs from then on."""
        if one is other:
            raise bad_request("Nobody is their own contact")
        known = one.contacts.get(other.account_id)
        if known is not None:
            return self.rooms[known]
        pair = {one.account_id: Role.MEMBER, other.account_id: Role.MEMBER}
        room = self.add_room("", pair, room_type=RoomType.DIRECT)
        one.contacts[other.account_id] = other.contacts[one.account_id] = room.room_id
        return room

    def account(self, account_id: int) -> Account:
        """Find the account with this id."""
        account = self.accounts.get(account_id)
        if account is None:
            raise not_found("Account")
        return account

    def account_of(self, token: str) -> Account | None:
        """Whose token this is."""
        return next((account for account in self.accounts.values() if account.token == token), None)

    def room(self, room_id: int) -> Room:
        """Find the room with this id."""
        room = self.rooms.get(room_id)
        if room is None:
            raise not_found("Room")
        return room

    def rooms_of(self, account_id: int) -> list[Room]:
        """Rooms the account is in."""
        return [room for room in self.rooms.values() if account_id in room.members]

    # Messages

    def post(self, room: Room, account_id: int, body: str, *, self_unread: bool = False) -> Message:
        """Say something in a room."""
        for member in room.members:
            room.reading(member)  # a newcomer's reading begins before the next message, not after it
        message = Message(
            message_id=self._next_message_id(),
            room_id=room.room_id,
            account_id=account_id,
            body=body,
            send_time=int(self.now()),
            mentions=notation.mentions(body),
        )
        room.messages.append(message)
        if self_unread:
            room.reading(account_id).put_back.add(message.message_id)
        self._tell(room, message, Trigger.CREATED)
        for listener in self.on_message:
            listener(message)
        return message

    def edit(self, room: Room, message: Message, body: str) -> None:
        """Change what was said; the id stays."""
        message.body = body
        message.mentions = notation.mentions(body)
        message.update_time = int(self.now())
        self._tell(room, message, Trigger.UPDATED)

    def delete(self, message: Message) -> None:
        """Take a message back. It stays in its place and reads `[deleted]`; no webhook tells of it."""
        message.body = notation.DELETED
        message.mentions = frozenset()
        message.deleted = True
        message.update_time = int(self.now())

    # Webhooks

    def add_webhook(
        self,
        account: Account,
        url: str,
        triggers: Iterable[Trigger],
        *,
        room_id: int | None = None,
        setting_id: str | None = None,
        token: str | None = None,
    ) -> Webhook:
        """Register a webhook, as its owner would in the web page."""
        webhook = Webhook(
            setting_id=setting_id or str(self.next_id()),
            account_id=account.account_id,
            url=url,
            token=token or webhooks.random_token(),
            triggers=frozenset(triggers),
            room_id=room_id,
        )
        webhooks.check(webhook, self.webhooks.values())
        if webhook.setting_id in self.webhooks:
            raise bad_request("The setting id is taken")
        if room_id is not None and not self.room(room_id).is_member(account.account_id):
            raise bad_request("The account is not in that room")
        self.webhooks[webhook.setting_id] = webhook
        return webhook

    def _tell(self, room: Room, message: Message, change: Trigger) -> None:
        for webhook, trigger in webhooks.concerned(self.webhooks.values(), room, message, change):
            delivery = Delivery(
                webhook=webhook,
                trigger=trigger,
                room_id=room.room_id,
                message_id=message.message_id,
                body=webhooks.payload(webhook, trigger, message, self.now()),
            )
            self.deliveries.append(delivery)
            self.tally.sent += 1
            for listener in self.on_delivery:
                listener(delivery)
