"""What Chatwork refuses, and in which words."""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING

import aiohttp
import pytest

from engine.chatwork.simulator import contacts
from engine.chatwork.simulator.testing import House, open_house

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from engine.chatwork.simulator.model import Account, Room

LONG = "あ" * 65_536


@dataclass(frozen=True)
class Village:
    house: House
    admin: Account
    member: Account
    reader: Account
    stranger: Account
    room: Room

    def fill(self, text: str) -> str:
        named = {"room": self.room.room_id, "said": self.room.messages[0].message_id, "my": self.admin.room_id}
        people = {name: getattr(self, name).account_id for name in ("admin", "member", "reader", "stranger")}
        return text.format(**named, **people)


@pytest.fixture
async def village() -> AsyncIterator[Village]:
    async with open_house() as house:
        admin, member, reader, stranger = (house.person(name) for name in ("管理", "会員", "読者", "他人"))
        room = house.room("談話室", admin, member, readonly=(reader,))
        house.world.post(room, member.account_id, "こんにちは")
        yield Village(house, admin, member, reader, stranger, room)


MESSAGES = "/rooms/{room}/messages"
REQUIRED = "Parameter '{}' is required"
NO_WRITE = "You don't have permission to send/edit message."
REFUSALS = [
    ("no such path", "admin", "GET", "/you", {}, 400, "Invalid Endpoint or HTTP method"),
    ("no such method", "admin", "PATCH", "/me", {}, 400, "Invalid Endpoint or HTTP method"),
    ("a word where an id belongs", "admin", "GET", "/rooms/abc", {}, 400, "Invalid Endpoint or HTTP method"),
    ("full-width digits are no id", "admin", "GET", "/rooms/１２", {}, 400, "Invalid Endpoint or HTTP method"),
    ("an unknown room", "admin", "GET", "/rooms/1", {}, 404, ""),
    ("a room of others", "stranger", "GET", "/rooms/{room}", {}, 403, ""),
    ("an unknown message", "admin", "GET", MESSAGES + "/1", {}, 404, ""),
    ("no body", "member", "POST", MESSAGES, {}, 400, REQUIRED.format("body")),
    ("an empty body", "member", "POST", MESSAGES, {"body": ""}, 400, REQUIRED.format("body")),
    ("a body too long", "member", "POST", MESSAGES, {"body": LONG}, 400, ""),
    ("a flag that is no flag", "member", "POST", MESSAGES, {"body": "a", "self_unread": "yes"}, 400, ""),
    ("a readonly member posts", "reader", "POST", MESSAGES, {"body": "a"}, 403, NO_WRITE),
    ("a stranger posts", "stranger", "POST", MESSAGES, {"body": "a"}, 403, ""),
    ("an admin edits somebody's message", "admin", "PUT", MESSAGES + "/{said}", {"body": "a"}, 403, NO_WRITE),
    ("an admin deletes somebody's message", "admin", "DELETE", MESSAGES + "/{said}", {}, 403, NO_WRITE),
    ("an edit without a body", "member", "PUT", MESSAGES + "/{said}", {}, 400, REQUIRED.format("body")),
    ("read what is read", "member", "PUT", MESSAGES + "/read", {}, 400, ""),
    ("unread without saying from where", "member", "PUT", MESSAGES + "/unread", {}, 400, REQUIRED.format("message_id")),
    ("unread an unknown message", "member", "PUT", MESSAGES + "/unread", {"message_id": "1"}, 404, ""),
    (
        "a room without a name",
        "admin",
        "POST",
        "/rooms",
        {"members_admin_ids": "{admin}"},
        400,
        REQUIRED.format("name"),
    ),
    ("a room without an admin", "admin", "POST", "/rooms", {"name": "a"}, 400, REQUIRED.format("members_admin_ids")),
    ("a name too long", "admin", "POST", "/rooms", {"name": "a" * 256, "members_admin_ids": "{admin}"}, 400, ""),
    ("a list that is no list", "admin", "PUT", "/rooms/{room}/members", {"members_admin_ids": "{admin},"}, 400, ""),
    ("an icon nobody knows", "admin", "PUT", "/rooms/{room}", {"icon_preset": "cat"}, 400, ""),
    ("a member renames the room", "member", "PUT", "/rooms/{room}", {"name": "a"}, 403, ""),
    ("My Chat has no members to change", "admin", "PUT", "/rooms/{my}/members", {}, 400, ""),
    ("an end without saying which", "admin", "DELETE", "/rooms/{room}", {}, 400, REQUIRED.format("action_type")),
    ("a member ends the room", "member", "DELETE", "/rooms/{room}", {"action_type": "delete"}, 403, ""),
    ("nobody leaves My Chat", "admin", "DELETE", "/rooms/{my}", {"action_type": "leave"}, 400, ""),
    ("a task for nobody", "admin", "POST", "/rooms/{room}/tasks", {"body": "a"}, 400, REQUIRED.format("to_ids")),
    ("a task for a stranger", "admin", "POST", "/rooms/{room}/tasks", {"body": "a", "to_ids": "{stranger}"}, 400, ""),
    (
        "a limit in words",
        "admin",
        "POST",
        "/rooms/{room}/tasks",
        {"body": "a", "to_ids": "{admin}", "limit": "soon"},
        400,
        "",
    ),
    ("an unknown task", "admin", "GET", "/rooms/{room}/tasks/1", {}, 404, ""),
    ("an unknown file", "admin", "GET", "/rooms/{room}/files/1", {}, 404, ""),
    ("an upload without a file", "admin", "POST", "/rooms/{room}/files", {"file": "a"}, 400, REQUIRED.format("file")),
    ("a link code with blanks", "admin", "POST", "/rooms/{room}/link", {"code": "a b"}, 400, ""),
    ("a link changed where none is", "admin", "PUT", "/rooms/{room}/link", {}, 400, ""),
    ("a link removed where none is", "admin", "DELETE", "/rooms/{room}/link", {}, 400, ""),
    ("a member makes a link", "member", "POST", "/rooms/{room}/link", {}, 403, ""),
    ("an unknown request", "admin", "PUT", "/incoming_requests/1", {}, 404, ""),
]


@pytest.mark.parametrize(
    ("who", "method", "path", "form", "status", "text"), [pytest.param(*row[1:], id=row[0]) for row in REFUSALS]
)
async def test_it_is_refused(
    village: Village, *, who: str, method: str, path: str, form: dict[str, str], status: int, text: str
) -> None:
    form = {name: village.fill(value) for name, value in form.items()}
    reply = await village.house.call(getattr(village, who), method, village.fill(path), form)
    assert reply.status == status
    assert reply.error == text or not text
    assert reply.headers["x-ratelimit-limit"] == "300"


async def test_parameters_in_the_query_of_a_post_are_ignored(village: Village) -> None:
    reply = await village.house.call(village.member, "POST", village.fill(MESSAGES), body="こんにちは")
    assert (reply.status, reply.error) == (400, "Parameter 'body' is required")


@pytest.mark.parametrize("how", ["a JSON body", "a plain text body"])
async def test_only_forms_are_read(village: Village, how: str) -> None:
    url = village.house.url + village.fill(MESSAGES)
    headers = {"x-chatworktoken": village.member.token}
    body = {"json": {"body": "a"}} if "JSON" in how else {"data": b"body=a"}
    if "plain" in how:
        headers["content-type"] = "text/plain"
    reply = await village.house.request("POST", url, headers=headers, **body)
    assert (reply.status, reply.error) == (400, "Parameter 'body' is required")


@pytest.mark.parametrize("content_type", ["application/x-www-form-urlencoded; charset=none", "multipart/form-data"])
async def test_a_form_that_cannot_be_read_is_refused(village: Village, content_type: str) -> None:
    url = village.house.url + village.fill(MESSAGES)
    headers = {"x-chatworktoken": village.member.token, "content-type": content_type}
    reply = await village.house.request("POST", url, headers=headers, data=b"body=%E3%81%82")
    assert reply.status == 400


async def test_the_way_to_end_a_room_may_stand_in_the_query(village: Village) -> None:
    reply = await village.house.call(village.member, "DELETE", village.fill("/rooms/{room}"), action_type="leave")
    assert reply.status == 204


TOKENS = [
    ("no token", {}, False),
    ("a wrong token", {"x-chatworktoken": "wrong"}, False),
    ("an OAuth token", {"authorization": "Bearer abc"}, True),
]


@pytest.mark.parametrize(("headers", "oauth"), [pytest.param(*row[1:], id=row[0]) for row in TOKENS])
async def test_a_caller_without_a_good_token_is_unknown(
    village: Village, *, headers: dict[str, str], oauth: bool
) -> None:
    reply = await village.house.request("GET", f"{village.house.url}/me", headers=headers)
    assert (reply.status, reply.error) == (401, "Invalid API token")
    assert ("www-authenticate" in reply.headers) is oauth
    assert reply.headers["x-ratelimit-remaining"] == "300"


@pytest.mark.parametrize("name", ["x-chatworktoken", "X-ChatWorkToken", "X-CHATWORKTOKEN"])
async def test_the_token_header_may_be_written_in_any_case(village: Village, name: str) -> None:
    reply = await village.house.request("GET", f"{village.house.url}/me", headers={name: village.admin.token})
    assert reply.status == 200


SIZES = [
    ("an empty file", 0, 400),
    ("a file of five megabytes", 5 * 1024 * 1024, 200),
    ("a file above five megabytes", 5 * 1024 * 1024 + 1, 400),
    ("a request above ten megabytes", 10 * 1024 * 1024 + 1, 413),
]


@pytest.mark.parametrize(("size", "status"), [pytest.param(*row[1:], id=row[0]) for row in SIZES])
async def test_uploads_have_a_largest_size(village: Village, size: int, status: int) -> None:
    form = aiohttp.FormData()
    form.add_field("file", BytesIO(b"x" * size), filename="x.bin")
    reply = await village.house.call(village.admin, "POST", village.fill("/rooms/{room}/files"), form)
    assert reply.status == status


async def test_a_second_link_is_refused_and_so_is_somebody_elses_code(village: Village) -> None:
    path = village.fill("/rooms/{room}/link")
    other = village.house.room("別室", village.admin)
    form = {"code": "yuru"}
    assert (await village.house.call(village.admin, "POST", path, form)).status == 200
    assert (await village.house.call(village.admin, "POST", path, form)).status == 400
    assert (await village.house.call(village.admin, "POST", f"/rooms/{other.room_id}/link", form)).status == 400


async def test_a_request_of_somebody_else_is_not_mine_to_accept(village: Village) -> None:
    asked = contacts.ask(village.house.world, village.stranger, village.admin)
    reply = await village.house.call(village.member, "PUT", f"/incoming_requests/{asked.request_id}")
    assert reply.status == 404


async def test_where_only_admins_write_a_member_does_not(village: Village) -> None:
    village.room.only_admins_write = True
    path = village.fill(MESSAGES)
    assert (await village.house.call(village.member, "POST", path, {"body": "a"})).error == NO_WRITE
    assert (await village.house.call(village.admin, "POST", path, {"body": "a"})).status == 200


async def test_a_deleted_message_is_not_edited_again(village: Village) -> None:
    path = village.fill(MESSAGES + "/{said}")
    assert (await village.house.call(village.member, "DELETE", path)).status == 200
    assert (await village.house.call(village.member, "PUT", path, {"body": "a"})).status == 404
