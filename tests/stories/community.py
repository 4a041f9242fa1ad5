"""The driver of the stories: people speak by signed webhooks, time moves by hand, the transcript is what was posted.

The real ingress application, the real handlers, jobs and rules; only Redis, Chatwork and the clock are in memory.
"""

from __future__ import annotations

import base64
import importlib
import json
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

from aiohttp.test_utils import TestClient, TestServer

from engine import heartbeat
from engine.calendar import build_hours
from engine.chatwork.channel import ChatChannel
from engine.clock import Epoch
from engine.commands.office import Office
from engine.commands.vendors import add_vendor
from engine.commit import Database
from engine.ingress.app import create_app
from engine.ingress.console.session import Sessions
from engine.ingress.journal import Journal
from engine.ingress.signature import sign
from engine.ingress.spool import Spool
from engine.ingress.webhook import Door
from engine.keys import Keys
from engine.ports import Account
from engine.questions.texts import read_invitation
from engine.referrals.channel import VendorChannel
from engine.referrals.delivery import Delivered
from engine.referrals.mail import MailChannel
from engine.routes import WORKERS
from engine.settings import Community as Settings
from engine.settings import load_environment
from engine.stream import Consumer, Publisher
from tests.fakes import FakeChat, FakeClock, NoWakes
from workers.runtime import Deps, Runtime

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from email.message import EmailMessage
    from pathlib import Path

    from redis.asyncio import Redis

    from engine.outbox import Channel

BOARD, ADMIN_ROOM, VENDOR_ROOM = 567890123, 567890124, 567890125
TOKEN = base64.b64encode(b"a token that Chatwork made for one webhook").decode()
DIGEST = "この一日のご報告です"
SETTING = "12346"
ADMIN_TOKEN = "a token that only admins know"

ASKER = Account(101, "青木", "member")
COLLEAGUE = Account(102, "井上", "member")
THIRD = Account(103, "上田", "member")
ADMIN = Account(801, "運営 江口", "admin")
VENDOR_PERSON = Account(701, "営業 小川", "member")
ENGINE = Account(900, "ユルユル案内係", "admin")

SETTINGS: dict[str, Any] = {
    "rooms": [
        {"room_id": BOARD, "role": "board"},
        {"room_id": ADMIN_ROOM, "role": "admin"},
        {"room_id": VENDOR_ROOM, "role": "vendor"},
    ],
    "active_hours": {"holidays": "none"},
    "nudge": {"max_per_wave": 1},  # most stories are about one colleague; how large a wave is has stories of its own
}


@dataclass(frozen=True, slots=True)
class Said:
    """A message that somebody wrote."""

    message_id: str
    room_id: int
    author: Account


@dataclass(slots=True)
class VendorInbox:
    """What a vendor received; `answers` are the next endings (an exception is raised, None is a 204)."""

    received: list[tuple[str, bytes, Mapping[str, str]]] = field(default_factory=list)
    answers: list[Exception | None] = field(default_factory=list)
    attempts: list[Mapping[str, str]] = field(default_factory=list)

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Delivered:
        self.attempts.append(headers)
        answer = self.answers.pop(0) if self.answers else None
        if answer is not None:
            raise answer
        self.received.append((url, body, headers))
        return Delivered(204, 1.0, "")

    @property
    def steps(self) -> list[str]:
        return [json.loads(body)["type"] for _, body, _ in self.received]


@dataclass(slots=True)
class PostOffice:
    """Mail that was handed over; `endings` are raised by the next hand-overs."""

    sent: list[EmailMessage] = field(default_factory=list)
    endings: list[Exception] = field(default_factory=list)

    async def send(self, message: EmailMessage) -> None:
        if self.endings:
            raise self.endings.pop(0)
        self.sent.append(message)


@dataclass(slots=True)
class Community:
    """People, rooms and the engine."""

    client: TestClient[Any, Any]
    db: Database
    clock: FakeClock
    chat: FakeChat
    settings: Settings
    runtimes: dict[str, Runtime]
    inbox: VendorInbox
    post_office: PostOffice
    outcomes: list[str] = field(default_factory=list)
    silent: set[str] = field(default_factory=set)
    """Workers whose loop stands still: they do nothing and give no sign of life."""

    @classmethod
    @asynccontextmanager
    async def opened(cls, redis: Redis, folder: Path, **settings: Any) -> AsyncIterator[Self]:
        """Start everything; tables of `settings` replace those of community.toml."""
        clock, keys = FakeClock(), Keys("main")
        chat, inbox = FakeChat(clock, own=ENGINE), VendorInbox()
        chat.rosters = {
            BOARD: [ASKER, COLLEAGUE, THIRD, ADMIN, ENGINE],
            ADMIN_ROOM: [ADMIN, ENGINE],
            VENDOR_ROOM: [VENDOR_PERSON, ADMIN, ENGINE],
        }
        configured = Settings.model_validate(SETTINGS | settings)
        db = Database(redis, keys, NoWakes())
        deps = Deps(db, clock, configured, chat, build_hours(configured), ENGINE.account_id)
        channels: dict[str, Channel] = {
            "chat": ChatChannel(chat, ENGINE.account_id),
            "vendor": VendorChannel(db, inbox, clock),
            "mail": MailChannel(db, post_office := PostOffice()),
        }
        runtimes = {name: Runtime(name, importlib.import_module(f"workers.{name}"), deps, channels) for name in WORKERS}
        with Spool(folder / "spool", 1 << 20) as spool:
            journal = Journal(db, Publisher(db, clock), spool, clock)
            door = Door({SETTING: (TOKEN,)}, journal, clock)
            app = create_app(db, clock, journal, door, configured, sessions=Sessions(ADMIN_TOKEN))
            async with TestClient(TestServer(app)) as client:
                opened = cls(client, db, clock, chat, configured, runtimes, inbox, post_office)
                for worker in WORKERS:
                    await Consumer(db, worker, "story").ensure_group()
                for runtime in runtimes.values():
                    await runtime.due_times.wind_up()
                await opened.settle()
                yield opened

    # -- people -------------------------------------------------------------------------------------------------------

    async def says(self, who: Account, body: str, *, room: int = BOARD) -> Said:
        """Somebody writes in a room."""
        said = self.writes(who, body, room=room)
        await self.hears(said, body)
        return said

    def writes(self, who: Account, body: str, *, room: int = BOARD) -> Said:
        """Somebody writes, but the webhook is not delivered yet."""
        return Said(self.chat.put(room, who.account_id, body), room, who)

    async def hears(self, said: Said, body: str) -> None:
        """The webhook of a message arrives; then all workers do what there is to do."""
        await self.delivers("message_created", said, body, update_time=0)
        await self.settle()

    async def replies(self, who: Account, to: Said, body: str) -> Said:
        """Somebody replies to a message."""
        tag = f"[rp aid={to.author.account_id} to={to.room_id}-{to.message_id}]{to.author.name}さん"
        return await self.says(who, f"{tag}\n{body}", room=to.room_id)

    async def edits(self, said: Said, body: str) -> None:
        """Somebody edits a message."""
        self.rewrites(said, body)
        await self.delivers("message_updated", said, body, update_time=int(self.clock.now()))
        await self.settle()

    def rewrites(self, said: Said, body: str) -> None:
        """Somebody edits a message, but the webhook is not delivered yet."""
        self.clock.move(seconds=1)
        self.chat.rewrite(said.room_id, said.message_id, body)

    def deletes(self, said: Said) -> None:
        """Somebody deletes a message; there is no webhook for that."""
        self.chat.rewrite(said.room_id, said.message_id, "[deleted]")

    async def delivers(self, kind: str, said: Said, body: str, *, update_time: int) -> int:
        """Post one signed webhook; returns the status."""
        now = int(self.clock.now())
        event = {
            "message_id": said.message_id,
            "room_id": said.room_id,
            "account_id": said.author.account_id,
            "body": body,
            "send_time": now,
            "update_time": update_time,
        }
        return await self.posts(
            {
                "webhook_setting_id": SETTING,
                "webhook_event_type": kind,
                "webhook_event_time": now,
                "webhook_event": event,
            }
        )

    async def posts(self, payload: dict[str, Any]) -> int:
        """Post any rightly signed payload; returns the status."""
        raw = json.dumps(payload, ensure_ascii=False).encode()
        headers = {"x-chatworkwebhooksignature": sign(TOKEN, raw)}
        async with self.client.post("/webhooks/chatwork", data=raw, headers=headers) as answer:
            return answer.status

    async def joins(self, who: Account, *, room: int = BOARD) -> None:
        """Somebody comes in by the invitation link."""
        self.chat.rosters[room].append(who)
        await self.says(who, "[info][dtext:chatroom_chat_joined][/info]", room=room)

    async def refers(self, *, email: str | None = None, **fields: Any) -> tuple[dict[str, Any], str]:
        """A new vendor refers a doctor; returns the API's answer and the vendor's id."""
        office = Office(self.db, self.clock, self.settings, load_environment({}))
        vendor, api_key = await add_vendor(office, "みほん商事", webhook="https://vendor.example/hook", email=email)
        headers = {"authorization": f"Bearer {api_key}"}
        request = {"reference": "crm-1", "consent": True} | fields
        async with self.client.post("/v1/referrals", json=request, headers=headers) as answer:
            assert answer.status == 201, await answer.text()
            created: dict[str, Any] = await answer.json()
        await self.settle()
        return created, vendor.id

    # -- time ---------------------------------------------------------------------------------------------------------

    async def after(self, *, hours: float = 0, minutes: float = 0, seconds: float = 0, days: float = 0) -> None:
        """Time passes; every due time on the way is kept at its moment (the keeper's rounds once, at the end)."""
        goal = Epoch(self.clock.now() + days * 86400 + hours * 3600 + minutes * 60 + seconds)
        while (due := await self._next_due(goal)) is not None:
            self.clock.at = max(self.clock.at, due)
            await self.settle()
        self.clock.at = goal
        await self.settle()

    async def _next_due(self, goal: Epoch) -> Epoch | None:
        moments = []
        for worker in self.runtimes.keys() - self.silent:
            due = await self.db.redis.zrangebyscore(self.db.keys.wakes(worker), "-inf", goal, withscores=True)
            moments += [Epoch(score) for member, score in due if not member.endswith("|")]
        return min(moments, default=None)

    async def settle(self) -> None:
        """All workers read and do until nothing is left to do now."""
        for name in self.runtimes.keys() - self.silent:
            await heartbeat.beat(self.db, name, heartbeat.Beat(at=self.clock.now()))
        busy = True
        while busy:
            busy = False
            for name, runtime in self.runtimes.items():
                if name in self.silent:
                    continue
                for delivery in await Consumer(self.db, name, "story").read(100, None):
                    self.outcomes.append(await runtime.handle(delivery))
                    busy = True
                for job, argument in await runtime.due_times.due(self.clock.now()):
                    self.outcomes.append(await runtime.run_job(job, argument))
                    busy = True

    # -- what is there to see -----------------------------------------------------------------------------------------

    @property
    def transcript(self) -> list[str]:
        """What the engine wrote on the board."""
        return [posted.body for posted in self.chat.posted if posted.room_id == BOARD]

    @property
    def invitations(self) -> list[str]:
        """Those by which it asked somebody for an answer."""
        return [body for body in self.transcript if read_invitation(body) is not None]

    @property
    def admin_transcript(self) -> list[str]:
        """What the engine wrote in the admin room, but for the digests."""
        return [body for body in self._admin_posts if DIGEST not in body]

    @property
    def digests(self) -> list[str]:
        """The daily digests."""
        return [body for body in self._admin_posts if DIGEST in body]

    @property
    def _admin_posts(self) -> list[str]:
        return [posted.body for posted in self.chat.posted if posted.room_id == ADMIN_ROOM]
