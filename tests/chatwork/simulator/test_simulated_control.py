"""The control API: whatever people do in the web page, seen and steered from outside."""

from __future__ import annotations

from typing import TYPE_CHECKING

import aiohttp
import pytest

from engine.chatwork.simulator import contacts
from engine.chatwork.simulator.testing import START, House, open_house

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@pytest.fixture
async def house() -> AsyncIterator[House]:
    async with open_house() as opened:
        yield opened


async def done(house: House, method: str, path: str, order: object = None) -> dict[str, object]:
    reply = await house.control(method, path, order)
    assert reply.status == 200, reply.text
    answer: dict[str, object] = reply.json
    return answer


async def test_a_community_is_built_and_talks(house: House) -> None:
    aoki = await done(house, "POST", "/_world/accounts", {"name": "青木", "account_id": 11, "token": "t11"})
    assert (aoki["account_id"], aoki["token"]) == (11, "t11")
    await done(house, "POST", "/_world/accounts", {"name": "井田", "account_id": 12, "organization_id": 3})
    order = {"name": "談話室", "members": {"11": "admin"}, "room_id": 5, "link_code": "yuru"}
    assert await done(house, "POST", "/_world/rooms", order) == {"room_id": 5}
    assert await done(house, "POST", "/_world/joins", {"account_id": 12, "code": "yuru"}) == {"joined": True}
    said = await done(house, "POST", "/_world/rooms/5/messages", {"account_id": 12, "body": "一"})
    path = f"/_world/rooms/5/messages/{said['message_id']}"
    assert await done(house, "PUT", path, {"body": "二"}) == said
    second = await done(house, "POST", "/_world/rooms/5/messages", {"account_id": 11, "body": "三"})
    await done(house, "DELETE", f"/_world/rooms/5/messages/{second['message_id']}")
    assert await done(house, "POST", "/_world/rooms/5/leavings", {"account_id": 12}) == {"left": True}
    reply = await house.control("GET", "/_world/rooms/5/messages")
    assert [(message["name"], message["body"]) for message in reply.json] == [
        ("井田", "[info][dtext:chatroom_chat_joined][/info]"),
        ("井田", "二"),
        ("青木", "[deleted]"),
        ("井田", "[info][dtext:chatroom_member_is][piconname:12][dtext:chatroom_leaved][/info]"),
    ]
    world = await done(house, "GET", "/_world")
    rooms = world["rooms"]
    assert isinstance(rooms, list)
    assert next(room for room in rooms if room["room_id"] == 5) == {
        "room_id": 5,
        "name": "談話室",
        "type": "group",
        "members": {"11": "admin"},
        "message_num": 4,
        "link_code": "yuru",
    }


async def test_joining_may_wait_for_an_admin(house: House) -> None:
    admin, guest = house.person("管理"), house.person("客")
    order = {"name": "談話室", "members": {admin.account_id: "admin"}, "link_code": "yuru", "need_acceptance": True}
    room_id = (await done(house, "POST", "/_world/rooms", order))["room_id"]
    joined = await done(house, "POST", "/_world/joins", {"account_id": guest.account_id, "code": "yuru"})
    assert joined == {"joined": False}
    approval = {"admin_id": admin.account_id, "account_id": guest.account_id}
    assert await done(house, "POST", f"/_world/rooms/{room_id}/approvals", approval) == {"joined": True}


async def test_members_settings_and_contacts_are_set_without_a_word(house: House) -> None:
    admin, guest = house.person("管理"), house.person("客")
    room = house.room("談話室", admin)
    path = f"/_world/rooms/{room.room_id}"
    await done(house, "PUT", f"{path}/members", {"account_id": guest.account_id, "role": "readonly"})
    left = await done(house, "PUT", f"{path}/members", {"account_id": guest.account_id, "role": None})
    assert left == {"members": {str(admin.account_id): "admin"}}
    await done(house, "PUT", path, {"show_members": False, "only_admins_write": True})
    assert (room.show_members, room.only_admins_write, room.messages) == (False, True, [])
    pair = {"from_id": guest.account_id, "to_id": admin.account_id}
    asked = await done(house, "POST", "/_world/requests", pair | {"message": "はじめまして"})
    assert contacts.incoming(house.world, admin)[0].request_id == asked["request_id"]
    direct = await done(house, "POST", "/_world/contacts", pair)
    assert admin.contacts == {guest.account_id: direct["room_id"]}
    assert (await house.control("POST", "/_world/requests", pair)).status == 400


async def test_a_room_without_a_link_is_put_there_and_each_setting_changes_alone(house: House) -> None:
    admin = house.person("管理")
    order = {"name": "談話室", "members": {admin.account_id: "admin"}, "room_id": 5}
    await done(house, "POST", "/_world/rooms", order)
    room = house.world.rooms[5]
    assert room.link is None
    for setting in ({"show_members": False}, {"only_admins_write": True}):
        await done(house, "PUT", f"/_world/rooms/{room.room_id}", setting)
    assert (room.show_members, room.only_admins_write) == (False, True)


async def test_webhooks_are_registered_listed_and_enabled(house: House) -> None:
    bot = house.person("案内係")
    order = {"account_id": bot.account_id, "url": "http://127.0.0.1:1/", "events": ["mention_to_me"]}
    made = await done(house, "POST", "/_world/webhooks", order)
    path = f"/_world/webhooks/{made['setting_id']}"
    assert (await done(house, "PUT", path, {"status": "invalid"}))["status"] == "invalid"
    assert (await done(house, "PUT", path, {"status": "valid"}))["status"] == "valid"
    changed = await done(house, "PUT", path, {"url": "http://127.0.0.1:2/"})
    assert (await house.control("GET", "/_world/webhooks")).json == [changed]
    assert (await house.control("GET", "/_world/deliveries")).json == []


async def test_the_clock_goes_ahead(house: House) -> None:
    assert await done(house, "POST", "/_world/clock", {"advance": 3600}) == {"now": START + 3600}
    room = house.room("談話室", house.person("青木"))
    assert house.world.post(room, next(iter(room.members)), "a").send_time == int(START) + 3600


async def test_a_vendors_inbox_keeps_headers_and_raw_bodies(house: House) -> None:
    base = house.url.removesuffix("/v2")
    headers = {"Webhook-Id": "m1", "content-type": "application/json"}
    reply = await house.request("POST", f"{base}/_vendors/acme", data=b'{"a": 1}', headers=headers)
    assert reply.status == 204
    await done(house, "PUT", "/_world/vendors/acme", {"status": 503})
    assert (await house.request("POST", f"{base}/_vendors/acme")).status == 503
    seen = await house.control("GET", "/_world/vendors/acme")
    first, second = seen.json["received"]
    assert (first["body"], first["headers"]["webhook-id"], first["at"]) == ('{"a": 1}', "m1", START)
    assert second["body"] == ""
    assert (await done(house, "DELETE", "/_world/vendors/acme")) == {"status": 503, "received": []}


WRONG = [
    ("no JSON", "POST", "/_world/accounts", None, 400),
    ("a field nobody knows", "POST", "/_world/accounts", {"name": "a", "age": 3}, 400),
    ("a field missing", "POST", "/_world/accounts", {}, 400),
    ("a token that is taken", "POST", "/_world/accounts", {"name": "a", "token": "taken"}, 400),
    ("a room id that is taken", "POST", "/_world/rooms", {"name": "a", "members": {}, "room_id": 7}, 400),
    ("a room of nobody we know", "POST", "/_world/rooms", {"name": "a", "members": {"1": "admin"}}, 404),
    ("a clock that goes back", "POST", "/_world/clock", {"advance": -1}, 400),
    ("a fault nobody knows", "POST", "/_world/faults", {"kind": "fire"}, 400),
    ("a webhook nobody registered", "PUT", "/_world/webhooks/1", {}, 404),
    ("a link that leads nowhere", "POST", "/_world/joins", {"account_id": 99, "code": "no"}, 404),
    ("a word in a room unknown", "POST", "/_world/rooms/1/messages", {"account_id": 99, "body": "a"}, 404),
    ("a word where one is not", "POST", "/_world/rooms/7/messages", {"account_id": 99, "body": "a"}, 403),
    ("a message nobody wrote", "DELETE", "/_world/rooms/7/messages/1", None, 404),
]


@pytest.mark.parametrize(("method", "path", "order", "status"), [pytest.param(*row[1:], id=row[0]) for row in WRONG])
async def test_an_order_is_refused(house: House, method: str, path: str, order: object, status: int) -> None:
    house.world.add_account("青木", account_id=99, token="taken")
    house.world.add_room("別室", {}, room_id=7)
    reply = await house.control(method, path, order)
    assert reply.status == status
    assert reply.error


async def test_ordered_faults_are_listed_used_up_and_cleared(house: House) -> None:
    aoki = house.person("青木")
    for kind in ("answer_429", "answer_500"):
        await house.control("POST", "/_world/faults", {"kind": kind})
    await house.control("POST", "/_world/faults", {"kind": "answer_500", "method": "PUT", "count": 2})
    refused = await house.call(aoki, "GET", "/me")
    assert (refused.status, refused.headers["x-ratelimit-remaining"]) == (429, "0")
    assert int(refused.headers["x-ratelimit-reset"]) > START
    assert (await house.call(aoki, "GET", "/me")).status == 500
    assert (await house.call(aoki, "GET", "/me")).status == 200
    left = await house.control("GET", "/_world/faults")
    assert left.json == [{"kind": "answer_500", "count": 2, "method": "PUT"}]
    assert (await house.control("DELETE", "/_world/faults")).json == []


async def test_a_reset_after_acting_has_acted(house: House) -> None:
    aoki = house.person("青木")
    room = house.room("談話室", aoki)
    await house.control("POST", "/_world/faults", {"kind": "reset_after_acting", "method": "POST"})
    with pytest.raises((aiohttp.ClientError, ConnectionError)):
        await house.call(aoki, "POST", f"/rooms/{room.room_id}/messages", {"body": "届いた"})
    assert [message.body for message in room.messages] == ["届いた"]


async def test_a_hang_after_acting_has_acted(house: House) -> None:
    aoki = house.person("青木")
    room = house.room("談話室", aoki)
    await house.control("POST", "/_world/faults", {"kind": "hang_after_acting"})
    url = f"{house.url}/rooms/{room.room_id}/messages"
    with pytest.raises(TimeoutError):
        await house.request(
            "POST",
            url,
            data={"body": "届いた"},
            headers={"x-chatworktoken": aoki.token},
            timeout=aiohttp.ClientTimeout(total=0.1),
        )
    assert [message.body for message in room.messages] == ["届いた"]
