"""What the bench reads when all is over: rooms as Chatwork shows them, marks and intents as the store holds them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from engine.chatwork.simulator.sample.people import ENGINE_ID
from engine.chatwork.simulator.sample.rooms import ADMIN_ROOM
from engine.commit import Database
from engine.connect import connect, connect_arq
from engine.jobs import ArqWakes
from engine.keys import Keys
from engine.outbox import ChatContent, Intent, State, VendorContent
from engine.ports import PostedMessage
from engine.routes import WORKERS
from engine.upkeep.rules import created_id, event_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from ops.chaos.site import Site

AT_ONCE = 500


@dataclass
class Books:
    """Everything that is compared. `unheard` and `unheard_edits` were never told to the engine, by whatever way."""

    written: int = 0
    unheard: int = 0
    unheard_edits: int = 0
    counted_twice: int = 0
    posts: set[str] = field(default_factory=set)  # room-message of what the engine's account wrote
    intents: list[Intent] = field(default_factory=list)
    wakes: set[str] = field(default_factory=set)

    def of(self, kind: type[ChatContent | VendorContent]) -> list[Intent]:
        """Intents of one way out, but for those withdrawn before they were sent and those whose turn comes later."""
        return [
            intent
            for intent in self.intents
            if isinstance(intent.content, kind) and intent.state is not State.DROPPED and not self._waits(intent)
        ]

    @property
    def unsettled(self) -> list[Intent]:
        """Things that somebody began to send, or forgot to."""
        return [
            intent
            for intent in self.intents
            if intent.state in (State.PENDING, State.SENDING) and not self._waits(intent)
        ]

    @property
    def waiting(self) -> int:
        """Things to be sent whose turn comes later: one is asked a minute."""
        return sum(map(self._waits, self.intents))

    def _waits(self, intent: Intent) -> bool:
        is_undoubted = intent.state is State.PENDING and intent.reason is None  # nothing failed, or it was looked for
        return is_undoubted and f"deliver|{intent.id}" in self.wakes

    @property
    def posts_without_intent(self) -> int:
        """Posts that no intent knows to be its own: made twice, or in the name of nobody."""
        return len(self.posts - {intent.receipt or "" for intent in self.of(ChatContent)})

    @property
    def intents_without_post(self) -> int:
        """Posts intended that are not in their room, or that several intents claim."""
        receipts = Counter(intent.receipt for intent in self.of(ChatContent) if not self._waits(intent))
        return sum(count - (receipt in self.posts) for receipt, count in receipts.items())


class Archive:
    """Opens the store past the proxy."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._keys = Keys("main")
        self._redis = connect(site.redis_url)
        self._arq = connect_arq(site.redis_url, self._keys.arq_queue("chaos"))
        self._db = Database(self._redis, self._keys, ArqWakes(self._arq, self._keys))

    async def close(self) -> None:
        """Close the store."""
        await self._redis.aclose()
        await self._arq.aclose()

    async def moved_in(self) -> bool:
        """Whether the keeper has learned what every room held before."""
        keys = [self._keys("look", room_id) for room_id in self._site.boards]
        return bool(await self._redis.exists(*keys) == len(keys))

    async def never_heard(self) -> int:
        """Messages of the boards, the engine's own among them, that neither a webhook told nor the keeper found."""
        world = await self._site.world("GET", "")
        rooms = {room["room_id"]: room["message_num"] for room in world["rooms"]}
        told = await self._db.told_of(self._site.boards)
        return sum(rooms[room_id] - told[room_id] for room_id in self._site.boards)

    async def read(self) -> Books:
        """Read everything; rooms between two equal looks at the intents, because the engine goes on working."""
        before: list[Intent] = []
        books = await self._read_once()
        while books.intents != before:
            before, books = books.intents, await self._read_once()
        return books

    async def _read_once(self) -> Books:
        books = Books()
        for room in (await self._site.world("GET", ""))["rooms"]:
            room_id, messages = room["room_id"], await self._site.world("GET", f"/rooms/{room['room_id']}/messages")
            books.posts |= {f"{room_id}-{row['message_id']}" for row in messages if row["account_id"] == ENGINE_ID}
            if room_id in (*self._site.boards, ADMIN_ROOM):
                await self._compare(room_id, [_posted(row) for row in messages], books)
        for worker in WORKERS:
            books.wakes |= set(await self._db.ranked(self._keys.wakes(worker)))
        books.intents = [intent async for intent in self._intents()]
        return books

    async def _compare(self, room_id: int, messages: list[PostedMessage], books: Books) -> None:
        """What stands in a room with what was published of it."""
        now = {message.message_id: event_of(room_id, message).event_id for message in messages}
        new = {message.message_id: created_id(room_id, message.message_id) for message in messages}
        told = await self._db.published([*now.values(), *new.values()])
        books.written += len(messages)
        books.unheard += sum(told.isdisjoint((now[one], new[one])) for one in now)
        books.unheard_edits += sum(now[one] != new[one] and now[one] not in told for one in now)
        books.counted_twice += max(0, (await self._db.told_of([room_id]))[room_id] - len(messages))

    async def _intents(self) -> AsyncIterator[Intent]:
        prefix = self._keys("intent", "")
        found = {key async for key in self._redis.scan_iter(match=f"{prefix}*", count=AT_ONCE)}  # some come twice
        keys = sorted(found)
        for first in range(0, len(keys), AT_ONCE):
            for intent in await self._db.read_many(keys[first : first + AT_ONCE], Intent):
                if intent is not None:
                    yield intent


def _posted(row: dict[str, Any]) -> PostedMessage:
    return PostedMessage(
        row["message_id"], int(row["account_id"]), row["body"], int(row["send_time"]), int(row["update_time"])
    )
