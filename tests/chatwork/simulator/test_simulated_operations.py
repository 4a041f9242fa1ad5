"""All 32 operations answer, in the shapes of the reference."""

from __future__ import annotations

from typing import TYPE_CHECKING

import aiohttp
import pytest

from engine.chatwork.simulator import contacts
from engine.chatwork.simulator.api.endpoints import ENDPOINTS
from engine.chatwork.simulator.testing import START, House, open_house

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

REFERENCE = [
    "",
    "GET /me",
    "GET /my/status",
    "GET /my/tasks",
    "GET /contacts",
    "GET /rooms",
    "POST /rooms",
    "GET /rooms/{r}",
    "PUT /rooms/{r}",
    "DELETE /rooms/{r}",
    "GET /rooms/{r}/members",
    "PUT /rooms/{r}/members",
    "GET /rooms/{r}/messages",
    "POST /rooms/{r}/messages",
    "PUT /rooms/{r}/messages/read",
    "PUT /rooms/{r}/messages/unread",
    "GET /rooms/{r}/messages/{m}",
    "PUT /rooms/{r}/messages/{m}",
    "DELETE /rooms/{r}/messages/{m}",
    "GET /rooms/{r}/tasks",
    "POST /rooms/{r}/tasks",
    "GET /rooms/{r}/tasks/{t}",
    "PUT /rooms/{r}/tasks/{t}/status",
    "GET /rooms/{r}/files",
    "POST /rooms/{r}/files",
    "GET /rooms/{r}/files/{f}",
    "GET /rooms/{r}/link",
    "POST /rooms/{r}/link",
    "PUT /rooms/{r}/link",
    "DELETE /rooms/{r}/link",
    "GET /incoming_requests",
    "PUT /incoming_requests/{q}",
    "DELETE /incoming_requests/{q}",
    "",
][1:-1]
SHORT = {"{room}": "{r}", "{message}": "{m}", "{task}": "{t}", "{file}": "{f}", "{request}": "{q}"}
PERSON = {"name", "chatwork_id", "organization_id", "organization_name", "department", "avatar_image_url"}


@pytest.fixture
async def house() -> AsyncIterator[House]:
    async with open_house() as opened:
        yield opened


def test_the_table_is_the_reference() -> None:
    written = []
    for endpoint in ENDPOINTS:
        path = endpoint.path
        for long, short in SHORT.items():
            path = path.replace(long, short)
        written.append(f"{endpoint.method} {path}")
    assert written == REFERENCE
    assert len(written) == 32


@pytest.mark.parametrize("line", REFERENCE)
async def test_every_operation_has_a_route(house: House, line: str) -> None:
    method, path = line.split()
    for name in ("{r}", "{m}", "{t}", "{f}", "{q}"):
        path = path.replace(name, "1")
    reply = await house.call(house.person("青木"), method, path)
    assert "Invalid Endpoint" not in reply.text


async def test_me_is_the_caller_with_my_chat(house: House) -> None:
    aoki = house.person("青木", organization=(7, "青木医院"))
    me = (await house.call(aoki, "GET", "/me")).json
    assert (me["account_id"], me["room_id"], me["name"]) == (aoki.account_id, aoki.room_id, "青木")
    assert (me["organization_id"], me["organization_name"]) == (7, "青木医院")
    assert me.keys() >= PERSON | {"title", "url", "introduction", "mail", "login_mail", "skype", "tel_mobile"}


async def test_contacts_come_with_the_direct_chat(house: House) -> None:
    aoki, ida = house.person("青木"), house.person("井田")
    direct = house.world.connect(aoki, ida)
    (contact,) = (await house.call(aoki, "GET", "/contacts")).json
    assert contact.keys() == PERSON | {"account_id", "room_id"}
    assert (contact["account_id"], contact["room_id"]) == (ida.account_id, direct.room_id)
    rooms = {room["room_id"]: room for room in (await house.call(aoki, "GET", "/rooms")).json}
    assert {room["type"] for room in rooms.values()} == {"my", "direct"}
    assert rooms[direct.room_id]["name"] == "井田"


async def test_a_room_is_founded_described_renamed_and_ended(house: House) -> None:
    aoki, ida = house.person("青木"), house.person("井田")
    house.world.connect(aoki, ida)
    form = {"name": "談話室", "members_admin_ids": aoki.account_id, "members_readonly_ids": ida.account_id, "link": 1}
    room_id = (await house.call(aoki, "POST", "/rooms", form)).json["room_id"]
    change = {"name": "茶の間", "description": "なんでもどうぞ", "icon_preset": "magcup"}
    assert (await house.call(aoki, "PUT", f"/rooms/{room_id}", change)).json == {"room_id": room_id}
    room = (await house.call(ida, "GET", f"/rooms/{room_id}")).json
    assert (room["name"], room["description"], room["role"]) == ("茶の間", "なんでもどうぞ", "readonly")
    assert (room["sticky"], room["type"], room["message_num"]) == (False, "group", 2)
    assert room["icon_path"].endswith("magcup.png")
    assert room["last_update_time"] == int(START)
    ended = await house.call(aoki, "DELETE", f"/rooms/{room_id}", {"action_type": "delete"})
    assert (ended.status, ended.text) == (204, "")
    assert (await house.call(aoki, "GET", f"/rooms/{room_id}")).status == 404


async def test_a_room_that_asks_for_no_link_has_none_and_a_new_icon_is_no_news(house: House) -> None:
    aoki = house.person("青木")
    form = {"name": "談話室", "members_admin_ids": aoki.account_id}
    room_id = (await house.call(aoki, "POST", "/rooms", form)).json["room_id"]
    assert (await house.call(aoki, "GET", f"/rooms/{room_id}/link")).json == {"public": False}
    said = len(house.world.rooms[room_id].messages)
    await house.call(aoki, "PUT", f"/rooms/{room_id}", {"icon_preset": "beer"})
    assert len(house.world.rooms[room_id].messages) == said


async def test_members_are_listed_with_their_roles(house: House) -> None:
    aoki, ida = house.person("青木"), house.person("井田")
    room = house.room("談話室", aoki, ida)
    members = (await house.call(ida, "GET", f"/rooms/{room.room_id}/members")).json
    assert [(one["account_id"], one["role"]) for one in members] == [
        (aoki.account_id, "admin"),
        (ida.account_id, "member"),
    ]
    assert members[0].keys() == PERSON | {"account_id", "role"}


async def test_a_message_is_posted_read_edited_and_deleted(house: House) -> None:
    aoki, ida = house.person("青木"), house.person("井田")
    room = house.room("談話室", aoki, ida)
    path = f"/rooms/{room.room_id}/messages"
    message_id = (await house.call(aoki, "POST", path, {"body": "はじめまして"})).json["message_id"]
    message = (await house.call(ida, "GET", f"{path}/{message_id}")).json
    assert message == {
        "message_id": message_id,
        "account": {
            "account_id": aoki.account_id,
            "name": "青木",
            "avatar_image_url": message["account"]["avatar_image_url"],
        },
        "body": "はじめまして",
        "send_time": int(START),
        "update_time": 0,
    }
    house.clock.now += 5
    assert (await house.call(aoki, "PUT", f"{path}/{message_id}", {"body": "どうも"})).json == {
        "message_id": message_id
    }
    edited = (await house.call(ida, "GET", f"{path}/{message_id}")).json
    assert (edited["body"], edited["send_time"], edited["update_time"]) == ("どうも", int(START), int(START) + 5)
    gone = await house.call(aoki, "DELETE", f"{path}/{message_id}")
    assert (gone.status, gone.json) == (200, {"message_id": message_id})
    assert (await house.call(ida, "GET", path, force=1)).json[0]["body"] == "[deleted]"


async def test_a_task_goes_to_each_assignee_and_is_done(house: House) -> None:
    aoki, ida = house.person("青木"), house.person("井田")
    room = house.room("談話室", aoki, ida)
    path = f"/rooms/{room.room_id}/tasks"
    form = {"body": "名簿", "to_ids": f"{aoki.account_id},{ida.account_id}", "limit": 1_800_000_000}
    first, second = (await house.call(aoki, "POST", path, form | {"limit_type": "date"})).json["task_ids"]
    task = (await house.call(aoki, "GET", f"{path}/{second}")).json
    assert task["account"]["account_id"] == ida.account_id
    assert task["assigned_by_account"]["account_id"] == aoki.account_id
    assert (task["status"], task["limit_time"], task["limit_type"]) == ("open", 1_800_000_000, "date")
    assert room.messages[0].body == (
        f"[info][title][dtext:task_added][/title]"
        f"[task aid={aoki.account_id} st=open lt=1800000000 ltype=date]名簿[/task][/info]"
    )
    (mine,) = (await house.call(ida, "GET", "/my/tasks", assigned_by_account_id=aoki.account_id)).json
    assert mine["room"].keys() == {"room_id", "name", "icon_path"}
    assert "account" not in mine
    assert (await house.call(ida, "GET", "/my/status")).json["mytask_num"] == 1
    for _ in range(2):
        assert (await house.call(ida, "PUT", f"{path}/{second}/status", {"body": "done"})).json == {"task_id": second}
    assert [message.body[20:25] for message in room.messages[2:]] == ["task_"]
    assert (await house.call(ida, "GET", "/my/tasks")).status == 204
    assert len((await house.call(ida, "GET", path, status="done", account_id=ida.account_id)).json) == 1
    assert (await house.call(ida, "GET", path, assigned_by_account_id=ida.account_id)).status == 204
    assert [task["task_id"] for task in (await house.call(ida, "GET", path)).json] == [first]


async def test_a_file_is_uploaded_listed_and_downloaded_for_thirty_seconds(house: House) -> None:
    aoki = house.person("青木")
    room = house.room("談話室", aoki)
    path = f"/rooms/{room.room_id}/files"
    form = aiohttp.FormData(quote_fields=False)
    form.add_field("file", b"hello" * 100, filename="見積.txt", content_type="text/plain")
    form.add_field("message", "ご査収ください")
    file_id = (await house.call(aoki, "POST", path, form)).json["file_id"]
    (listed,) = (await house.call(aoki, "GET", path, account_id=aoki.account_id)).json
    assert (listed["file_id"], listed["filename"], listed["filesize"]) == (file_id, "見積.txt", 500)
    assert "download_url" not in listed
    assert "download_url" not in (await house.call(aoki, "GET", f"{path}/{file_id}")).json
    assert f"ご査収ください[download:{file_id}]見積.txt (0.49 KB)[/download]" in room.messages[0].body
    url = (await house.call(aoki, "GET", f"{path}/{file_id}", create_download_url=1)).json["download_url"]
    assert (await house.request("GET", url)).text == "hello" * 100
    house.clock.now += 31
    assert (await house.request("GET", url)).status == 404


async def test_an_upload_may_come_in_chunks_without_a_length(house: House) -> None:
    aoki = house.person("青木")
    room = house.room("談話室", aoki)
    headers = {"x-chatworktoken": aoki.token, "content-type": "multipart/form-data; boundary=b"}

    async def chunks() -> AsyncIterator[bytes]:
        yield b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n'
        yield b"\r\nhello\r\n--b--\r\n"

    url = f"{house.url}/rooms/{room.room_id}/files"
    reply = await house.request("POST", url, data=chunks(), headers=headers)
    assert reply.status == 200
    assert next(iter(house.world.files.values())).content == b"hello"


async def test_a_message_beside_a_file_may_come_with_a_file_name_of_its_own(house: House) -> None:
    """Clients that give all parts of a form as files name each of them."""
    aoki = house.person("青木")
    room = house.room("談話室", aoki)
    form = aiohttp.FormData(quote_fields=False)
    form.add_field("file", b"a,b", filename="表.csv", content_type="text/csv")
    form.add_field("message", "ご査収ください".encode(), filename="message")
    reply = await house.call(aoki, "POST", f"/rooms/{room.room_id}/files", form)
    assert reply.status == 200
    assert "ご査収ください[download:" in room.messages[0].body


async def test_a_link_is_made_changed_and_removed(house: House) -> None:
    aoki = house.person("青木")
    path = f"/rooms/{house.room('談話室', aoki).room_id}/link"
    assert (await house.call(aoki, "GET", path)).json == {"public": False}
    made = (await house.call(aoki, "POST", path, {"code": "yuru", "need_acceptance": 0, "description": "どうぞ"})).json
    assert made == {
        "public": True,
        "url": "https://www.chatwork.com/g/yuru",
        "need_acceptance": False,
        "description": "どうぞ",
    }
    changed = (await house.call(aoki, "PUT", path)).json
    assert changed["url"] != made["url"]
    assert changed["need_acceptance"] is True
    removed = await house.call(aoki, "DELETE", path)
    assert (removed.status, removed.json) == (200, {"public": False})


async def test_a_contact_request_is_accepted_or_rejected(house: House) -> None:
    aoki, ida, ueda = house.person("青木"), house.person("井田"), house.person("上田")
    for sender in (ida, ueda):
        contacts.ask(house.world, sender, aoki, "よろしくお願いします")
    first, second = (await house.call(aoki, "GET", "/incoming_requests")).json
    assert first.keys() == PERSON | {"request_id", "account_id", "message"}
    accepted = (await house.call(aoki, "PUT", f"/incoming_requests/{first['request_id']}")).json
    assert (accepted["account_id"], accepted["room_id"]) == (ida.account_id, aoki.contacts[ida.account_id])
    rejected = await house.call(aoki, "DELETE", f"/incoming_requests/{second['request_id']}")
    assert (rejected.status, rejected.text) == (204, "")
    assert ueda.account_id not in aoki.contacts


EMPTY = {
    "/contacts": "nobody is a contact",
    "/my/tasks": "nothing is to be done",
    "/incoming_requests": "nobody asks",
    "/rooms/{room}/messages": "nobody spoke",
    "/rooms/{room}/tasks": "the room has no task",
    "/rooms/{room}/files": "the room has no file",
}


@pytest.mark.parametrize("path", [pytest.param(path, id=why) for path, why in EMPTY.items()])
async def test_an_empty_list_is_204_without_a_body(house: House, path: str) -> None:
    aoki = house.person("青木")
    room = house.room("談話室", aoki)
    reply = await house.call(aoki, "GET", path.replace("{room}", str(room.room_id)))
    assert (reply.status, reply.text) == (204, "")
