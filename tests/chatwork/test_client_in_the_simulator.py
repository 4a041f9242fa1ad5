"""The client in the simulator, which counts as Chatwork does, and loses answers on order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from aiohttp import ClientTimeout
from pydantic import SecretStr
from structlog.testing import capture_logs

from engine.chatwork import client as client_module
from engine.chatwork.client import ChatworkClient, SilentChat
from engine.chatwork.limits import Limiter
from engine.chatwork.simulator.faults import Fault, FaultKind
from engine.chatwork.simulator.limits import REQUESTS
from engine.chatwork.simulator.model import Role
from engine.chatwork.simulator.server import listening
from engine.chatwork.simulator.world import World
from engine.errors import Transient
from engine.ports import Lane
from tests.fakes import FakeClock

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable

    from redis.asyncio import Redis

    from engine.keys import Keys


@dataclass(slots=True)
class House:
    """A simulator with the engine and two rooms."""

    redis: Redis
    keys: Keys
    clock: FakeClock
    world: World
    url: str
    token: str
    rooms: tuple[int, int]

    def client(self) -> ChatworkClient:
        """Another process with the same token: only Redis is shared."""
        return ChatworkClient(self.url, SecretStr(self.token), Limiter(self.redis, self.keys, self.clock))

    def order(self, kind: FaultKind) -> None:
        self.world.faults.order(Fault(kind=kind, count=1))

    def bodies(self, room_id: int) -> list[str]:
        return [message.body for message in self.world.room(room_id).messages]


@pytest.fixture
async def house(redis: Redis, keys: Keys, clock: FakeClock) -> AsyncIterator[House]:
    world = World(clock.now)
    engine, aoki = world.add_account("ユルユル案内係"), world.add_account("青木")
    people = {engine.account_id: Role.ADMIN, aoki.account_id: Role.MEMBER}
    one, other = world.add_room("談話室", people), world.add_room("別室", people)
    async with listening(world, "127.0.0.1", 0) as url:
        yield House(redis, keys, clock, world, url, engine.token, (one.room_id, other.room_id))


async def wait_of(work: Awaitable[object]) -> float:
    """How long a refused call is to wait."""
    with pytest.raises(Transient) as refused:
        await work
    assert refused.value.retry_after is not None
    return refused.value.retry_after


async def test_a_room_full_of_others_posts_waits_ten_seconds_and_other_rooms_do_not(house: House) -> None:
    """Whether Chatwork counts others' posts is not documented; the simulator does, so our own count cannot know."""
    busy, calm = house.rooms
    for _ in range(10):
        house.world.post_limit.take(busy, house.clock.now())
    async with house.client() as chat, house.client() as another:
        assert await wait_of(chat.post(busy, "一", Lane.REPLY)) == 10
        asked = house.world.request_limit.take(house.token, house.clock.now()).remaining
        assert await wait_of(another.post(busy, "二", Lane.MODERATION)) == 10
        assert house.world.request_limit.take(house.token, house.clock.now()).remaining == asked - 1, "asked"
        await another.post(calm, "三", Lane.NUDGE)
        house.clock.move(seconds=10)
        await chat.post(busy, "四", Lane.REPLY)
    assert (house.bodies(busy), house.bodies(calm)) == (["四"], ["三"])


async def test_a_spent_token_waits_for_the_reset_in_every_process(house: House) -> None:
    """Somebody else uses the same token, so Chatwork's count is ahead of ours."""
    began = house.clock.now()
    for _ in range(REQUESTS):
        house.world.request_limit.take(house.token, began)
    house.clock.move(seconds=100)
    async with house.client() as chat, house.client() as another:
        with capture_logs() as lines:
            assert await wait_of(chat.me()) == 200
        assert [(line["event"], line["retry_after"]) for line in lines] == [("rate_limited", 200)]
        house.clock.move(seconds=150)
        with capture_logs() as lines:
            assert await wait_of(another.post(house.rooms[0], "急ぎ", Lane.MODERATION)) == 50
        assert lines == [], "it was not even asked"
        house.clock.move(seconds=50)
        await another.me()


async def test_our_own_count_keeps_the_eleventh_post_back_without_asking(house: House) -> None:
    room = house.rooms[0]
    async with house.client() as chat:
        for number in range(10):
            await chat.post(room, str(number), Lane.REPLY)
        assert 10 < await wait_of(chat.post(room, "十一", Lane.REPLY)) <= 11
    assert len(house.bodies(room)) == 10


async def test_a_client_that_only_obeys_its_own_count_never_earns_a_429(house: House) -> None:
    """Ten minutes of as much as the limiter gives, to a simulator that counts by Chatwork's windows."""
    posted = 0
    async with house.client() as chat:
        with capture_logs() as lines:
            while house.clock.now() < FakeClock().now() + 600:
                try:
                    await chat.post(house.rooms[posted % 2], "一言", Lane.MODERATION)
                except Transient as full:
                    house.clock.move(seconds=full.retry_after or 0)
                else:
                    posted += 1
    assert lines == []
    assert 295 * 2 <= posted <= 600


# -- faults after acting ----------------------------------------------------------------------------------------------


async def test_a_reset_after_chatwork_acted_is_found_in_the_room(house: House) -> None:
    house.order(FaultKind.RESET)
    async with house.client() as chat:
        with pytest.raises(Transient) as lost:
            await chat.post(house.rooms[0], "一言", Lane.REPLY)
        [message] = await chat.newest_messages(house.rooms[0], Lane.REPLY)
    assert lost.value.maybe_done
    assert message.body == "一言"


async def test_a_hang_after_chatwork_acted_is_found_in_the_room(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "TIMEOUT", ClientTimeout(total=0.2))
    house.order(FaultKind.HANG)
    async with house.client() as chat:
        with pytest.raises(Transient) as lost:
            await chat.post(house.rooms[0], "一言", Lane.REPLY)
    assert lost.value.maybe_done
    assert house.bodies(house.rooms[0]) == ["一言"]


# -- the dry run ------------------------------------------------------------------------------------------------------


async def test_a_dry_run_reads_for_real_and_posts_nothing(house: House) -> None:
    async with house.client() as client:
        chat = SilentChat(client)
        with capture_logs() as lines:
            assert await chat.post(house.rooms[0], "ひみつの文章", Lane.REPLY) == "0"
        assert (await chat.me()).name == "ユルユル案内係"
        assert len(await chat.members(house.rooms[0])) == 2
        assert await chat.newest_messages(house.rooms[0], Lane.REPLY) == []
        assert 1 not in await chat.direct_rooms()
    assert [line["event"] for line in lines] == ["message_not_posted_dry_run"]
    assert "ひみつ" not in repr(lines)
