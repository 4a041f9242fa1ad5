"""Reading messages: the cursor of a token, the newest hundred, what is unread, and ids that no float can hold."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from engine.chatwork.simulator.errors import ApiError
from engine.chatwork.simulator.testing import START, House, ManualClock, open_house
from engine.chatwork.simulator.world import World

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from engine.chatwork.simulator.model import Account, Room


@pytest.fixture
async def house() -> AsyncIterator[House]:
    async with open_house() as opened:
        yield opened


async def bodies(house: House, actor: Account, room: Room, **query: int) -> list[str]:
    reply = await house.call(actor, "GET", f"/rooms/{room.room_id}/messages", **query)
    return [message["body"] for message in reply.json] if reply.status == 200 else []


async def test_without_force_a_token_reads_each_message_once(house: House) -> None:
    aoki, ida = house.person("青木"), house.person("井田")
    room = house.room("談話室", aoki, ida)
    house.world.post(room, aoki.account_id, "一")
    assert await bodies(house, ida, room) == ["一"]
    assert await bodies(house, ida, room) == []
    house.world.post(room, aoki.account_id, "二")
    assert await bodies(house, ida, room, force=0) == ["二"]
    assert await bodies(house, aoki, room) == ["一", "二"]


async def test_with_force_the_newest_hundred_come_again_and_again(house: House) -> None:
    aoki = house.person("青木")
    room = house.room("談話室", aoki)
    for number in range(120):
        house.world.post(room, aoki.account_id, str(number))
    expected = [str(number) for number in range(20, 120)]
    assert await bodies(house, aoki, room, force=1) == expected
    assert await bodies(house, aoki, room, force=1) == expected
    assert await bodies(house, aoki, room) == []


async def test_more_than_a_hundred_between_two_reads_are_lost(house: House) -> None:
    aoki = house.person("青木")
    room = house.room("談話室", aoki)
    for number in range(101):
        house.world.post(room, aoki.account_id, str(number))
    assert (await bodies(house, aoki, room))[0] == "1"
    assert await bodies(house, aoki, room) == []


async def numbers(house: House, actor: Account, room: Room, verb: str, **form: int) -> tuple[int, int]:
    reply = await house.call(actor, "PUT", f"/rooms/{room.room_id}/messages/{verb}", form)
    assert reply.status == 200, reply.text
    return reply.json["unread_num"], reply.json["mention_num"]


async def test_reading_and_putting_back(house: House) -> None:
    aoki, ida = house.person("青木"), house.person("井田")
    room = house.room("談話室", aoki, ida)
    first, own, last = (
        house.world.post(room, aoki.account_id, f"[To:{ida.account_id}]井田さん\nこんにちは"),
        house.world.post(room, ida.account_id, "はい"),
        house.world.post(room, aoki.account_id, "お元気ですか"),
    )
    status = (await house.call(ida, "GET", "/my/status")).json
    assert (status["unread_num"], status["mention_num"], status["unread_room_num"]) == (2, 1, 1)
    assert await numbers(house, ida, room, "read", message_id=first.message_id) == (1, 0)
    assert await numbers(house, ida, room, "read") == (0, 0)
    assert await numbers(house, ida, room, "unread", message_id=own.message_id) == (2, 0)
    again = await house.call(ida, "PUT", f"/rooms/{room.room_id}/messages/unread", {"message_id": last.message_id})
    assert again.status == 400
    assert await numbers(house, ida, room, "read", message_id=own.message_id) == (1, 0)


async def test_own_posts_are_read_unless_asked_otherwise(house: House) -> None:
    aoki = house.person("青木")
    room = house.room("談話室", aoki)
    path = f"/rooms/{room.room_id}/messages"
    await house.call(aoki, "POST", path, {"body": "読んだ"})
    await house.call(aoki, "POST", path, {"body": "あとで", "self_unread": 1})
    assert (await house.call(aoki, "GET", f"/rooms/{room.room_id}")).json["unread_num"] == 1


async def test_a_newcomer_has_nothing_to_catch_up_with(house: House) -> None:
    aoki, ida = house.person("青木"), house.person("井田")
    room = house.room("談話室", aoki)
    house.world.post(room, aoki.account_id, "昔の話")
    room.members[ida.account_id] = room.members[aoki.account_id]
    assert room.unread(ida.account_id) == []


async def test_message_ids_are_strings_that_no_float_can_hold(house: House) -> None:
    aoki = house.person("青木")
    room = house.room("談話室", aoki)
    for _ in range(5):
        reply = await house.call(aoki, "POST", f"/rooms/{room.room_id}/messages", {"body": "a"})
        text = reply.json["message_id"]
        assert isinstance(text, str)
        assert 18 <= len(text) <= 19
        assert int(text) > 2**53
        assert int(json.loads(text, parse_int=float)) != int(text)


def test_ids_grow_and_a_restarted_world_uses_none_again() -> None:
    clock = ManualClock()
    used: list[int] = []
    for _ in range(3):
        world = World(clock)
        aoki = world.add_account("青木")
        room = world.room(aoki.room_id)
        world.advance(3600)  # moving the world's clock must not use up ids of the future
        used += [world.post(room, aoki.account_id, "a").message_id for _ in range(10)]
        clock.now += 0.01
    assert used == sorted(set(used))


def test_even_a_clock_near_zero_gives_long_ids() -> None:
    world = World(lambda: 1.0)
    aoki = world.add_account("青木")
    assert len(str(world.post(world.room(aoki.room_id), aoki.account_id, "a").message_id)) == 18


def test_the_world_has_its_own_time() -> None:
    world = World(ManualClock())
    assert world.now() == START
    assert world.advance(90) == START + 90
    with pytest.raises(ApiError):
        world.advance(-1)
