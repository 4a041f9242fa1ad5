"""A worker killed at any moment of sending: afterwards the room holds exactly one copy.

Real processes that kill themselves, the real database, the real client, a real HTTP server that plays Chatwork.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
from pydantic import SecretStr

from engine.chatwork.channel import ChatChannel
from engine.chatwork.client import ChatworkClient
from engine.chatwork.limits import Limiter
from engine.chatwork.simulator.testing import START, House, open_house
from engine.clock import Epoch
from engine.dead import list_dead
from engine.outbox import ChatContent, Intent, Kind, State, intent_key, put
from engine.ports import Lane
from engine.sender import SENDING_LEASE, Sender
from tests.fakes import FakeClock
from tests.server.test_commit_on_valkey import run_to_its_death

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from redis.asyncio import Redis

    from engine.chatwork.simulator.model import Account, Room
    from engine.commit import Database

pytestmark = pytest.mark.redis

BODY = "お知恵を貸していただけないでしょうか。"

DYING_SENDER = """
    import asyncio, os, signal, sys
    from pydantic import SecretStr
    from engine.chatwork.channel import ChatChannel
    from engine.chatwork.client import ChatworkClient
    from engine.chatwork.limits import Limiter
    from engine.clock import Epoch
    from engine.commit import Database
    from engine.connect import connect
    from engine.keys import Keys
    from engine.sender import Sender
    from tests.fakes import FakeClock, NoWakes

    valkey, chatwork, token, own, moment, now = sys.argv[1:]

    class Doomed(ChatChannel):
        async def send(self, intent):
            if moment == "before the post":
                os.kill(os.getpid(), signal.SIGKILL)
            receipt = await super().send(intent)
            os.kill(os.getpid(), signal.SIGKILL)
            return receipt

    async def main():
        redis, keys, clock = connect(valkey), Keys("main"), FakeClock(Epoch(float(now)))
        async with ChatworkClient(chatwork, SecretStr(token), Limiter(redis, keys, clock)) as client:
            channels = {"chat": Doomed(client, int(own))}
            await Sender(Database(redis, keys, NoWakes()), clock, channels, {}).deliver("ask-q1-102")

    asyncio.run(main())
"""


class Scene:
    """A room, the engine's account in it, and one intent to post there."""

    def __init__(self, house: House, db: Database, valkey_url: str) -> None:
        self.house = house
        self.db = db
        self.valkey_url = valkey_url
        self.engine: Account = house.person("ユルユル案内係")
        self.room: Room = house.room("談話室", self.engine)
        self.clock = FakeClock(Epoch(START))

    async def plan(self) -> None:
        commit = self.db.commit(self.clock.now())
        intent = Intent(
            id="ask-q1-102",
            worker="nudge",
            kind=Kind.ASK,
            lane=Lane.NUDGE,
            subject="q1",
            content=ChatContent(room_id=self.room.room_id, body=BODY),
            created_at=commit.now,
        )
        await put(commit, intent)
        await self.db.apply(commit)

    async def dies_sending(self, moment: str) -> None:
        """A worker takes the intent and is killed at `moment`."""
        known = (self.valkey_url, self.house.url, self.engine.token, str(self.engine.account_id))
        now = str(self.clock.now())
        await asyncio.to_thread(run_to_its_death, DYING_SENDER, *known, moment, now)

    async def time_passes(self, seconds: float) -> None:
        self.clock.move(seconds=seconds)
        self.house.clock.now += seconds

    async def another_worker_delivers(self, redis: Redis) -> str:
        limiter = Limiter(redis, self.db.keys, self.clock)
        async with ChatworkClient(self.house.url, SecretStr(self.engine.token), limiter) as client:
            channels = {"chat": ChatChannel(client, self.engine.account_id)}
            return await Sender(self.db, self.clock, channels, {}).deliver("ask-q1-102")

    @property
    def copies(self) -> int:
        return sum(message.body == BODY for message in self.room.messages)

    async def state(self) -> State:
        found, _ = await self.db.read(intent_key(self.db.keys, "ask-q1-102"), Intent)
        assert found is not None
        return found.state


@asynccontextmanager
async def opened(db: Database, valkey_url: str) -> AsyncIterator[Scene]:
    async with open_house() as house:
        scene = Scene(house, db, valkey_url)
        await scene.plan()
        yield scene


@pytest.mark.parametrize(
    ("moment", "after_death"), [("before the post", 0), ("between Chatwork's answer and the record of it", 1)]
)
async def test_a_worker_killed_while_sending_leaves_exactly_one_copy(
    real_db: Database, real_redis: Redis, valkey_url: str, moment: str, after_death: int
) -> None:
    async with opened(real_db, valkey_url) as scene:
        await scene.dies_sending(moment)
        assert (scene.copies, await scene.state()) == (after_death, State.SENDING)
        assert "elsewhere" in await scene.another_worker_delivers(real_redis)
        await scene.time_passes(SENDING_LEASE + 1)
        assert await scene.another_worker_delivers(real_redis) == "sent"
        assert (scene.copies, await scene.state()) == (1, State.SENT)


async def test_other_peoples_messages_with_the_same_words_are_no_copies(
    real_db: Database, real_redis: Redis, valkey_url: str
) -> None:
    async with opened(real_db, valkey_url) as scene:
        member = scene.house.person("井上")
        scene.room.members[member.account_id] = scene.room.members[scene.engine.account_id]
        await scene.dies_sending("before the post")
        await scene.house.call(member, "POST", f"/rooms/{scene.room.room_id}/messages", {"body": BODY})
        await scene.time_passes(SENDING_LEASE + 1)
        assert await scene.another_worker_delivers(real_redis) == "sent"
        own = [m for m in scene.room.messages if m.account_id == scene.engine.account_id]
        assert [message.body for message in own] == [BODY]


async def test_where_nobody_can_know_an_admin_decides(real_db: Database, real_redis: Redis, valkey_url: str) -> None:
    async with opened(real_db, valkey_url) as scene:
        await scene.dies_sending("between Chatwork's answer and the record of it")
        await scene.time_passes(SENDING_LEASE + 1)
        member = scene.house.person("井上")
        scene.room.members[member.account_id] = scene.room.members[scene.engine.account_id]
        for number in range(100):
            await scene.time_passes(2)
            path = f"/rooms/{scene.room.room_id}/messages"
            assert (await scene.house.call(member, "POST", path, {"body": f"{number}番目"})).status == 200
        assert (await scene.another_worker_delivers(real_redis)).startswith("dead")
        assert scene.copies == 1
        assert [letter.subject for letter in await list_dead(real_db)] == ["ask-q1-102"]
