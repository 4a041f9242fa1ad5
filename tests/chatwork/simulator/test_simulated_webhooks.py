"""Which webhooks fire, what their bytes are, and what becomes of them."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
from typing import TYPE_CHECKING
from urllib.parse import unquote

import pytest
from aiohttp import ClientSession, ClientTimeout

from engine.chatwork.simulator import courier, webhooks, writing
from engine.chatwork.simulator.errors import ApiError
from engine.chatwork.simulator.faults import Fault, FaultKind
from engine.chatwork.simulator.testing import START, House, Listener, open_ear, open_house
from engine.chatwork.simulator.webhooks import Fate, Trigger, Webhook

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from engine.chatwork.simulator.model import Account, Room

BOTH = (Trigger.CREATED, Trigger.UPDATED)


@pytest.fixture
async def house() -> AsyncIterator[House]:
    async with open_house() as opened:
        yield opened


@pytest.fixture
async def ear() -> AsyncIterator[Listener]:
    async with open_ear() as listener:
        yield listener


@pytest.fixture
def bot(house: House) -> Account:
    return house.person("案内係")


@pytest.fixture
def doctor(house: House) -> Account:
    return house.person("青木")


@pytest.fixture
def room(house: House, bot: Account, doctor: Account) -> Room:
    return house.room("談話室", bot, doctor)


async def settled(house: House) -> list[Mapping[str, object]]:
    reply = await house.control("GET", "/_world/deliveries?settled=1")
    return list(reply.json)


async def test_a_delivery_is_signed_compact_json(
    house: House, ear: Listener, bot: Account, doctor: Account, room: Room
) -> None:
    hook = house.world.add_webhook(bot, ear.url, BOTH, room_id=room.room_id)
    said = house.world.post(room, doctor.account_id, "こんにちは\n皆さん")
    await settled(house)
    ((headers, query, body),) = ear.received
    assert headers["content-type"] == "application/json"
    assert headers["user-agent"] == "ChatWork-Webhook/1.0.0"
    key = base64.b64decode(hook.token)
    expected = base64.b64encode(hmac.new(key, body, hashlib.sha256).digest()).decode()
    assert headers["x-chatworkwebhooksignature"] == query["chatwork_webhook_signature"] == expected
    payload = json.loads(body)
    assert payload == {
        "webhook_setting_id": hook.setting_id,
        "webhook_event_type": "message_created",
        "webhook_event_time": int(START + webhooks.RECORDING_LAG),
        "webhook_event": {
            "message_id": str(said.message_id),
            "room_id": room.room_id,
            "account_id": doctor.account_id,
            "body": "こんにちは\n皆さん",
            "send_time": int(START),
            "update_time": 0,
        },
    }
    assert body == json.dumps(payload, ensure_ascii=False, separators=(",", ":")).encode()


def test_the_signature_in_the_query_is_encoded_in_lower_case() -> None:
    url = webhooks.signed_url("http://h/hook?a=1", "ab+/c=")
    assert url == "http://h/hook?a=1&chatwork_webhook_signature=ab%2b%2fc%3d"
    assert unquote(url.rpartition("=")[2]) == "ab+/c="


async def test_own_posts_come_back(house: House, ear: Listener, bot: Account, room: Room) -> None:
    house.world.add_webhook(bot, ear.url, BOTH, room_id=room.room_id)
    await house.call(bot, "POST", f"/rooms/{room.room_id}/messages", {"body": "ご案内です"})
    await settled(house)
    assert ear.payloads[0]["webhook_event"]["account_id"] == bot.account_id


async def test_one_message_goes_through_two_webhooks(
    house: House, ear: Listener, bot: Account, doctor: Account, room: Room
) -> None:
    first = house.world.add_webhook(bot, ear.url, BOTH, room_id=room.room_id)
    second = house.world.add_webhook(bot, ear.url, [Trigger.MENTION])
    said = house.world.post(room, doctor.account_id, f"[To:{bot.account_id}]案内係さん\nお願いします")
    await settled(house)
    payloads = {payload["webhook_setting_id"]: payload for payload in ear.payloads}
    assert payloads.keys() == {first.setting_id, second.setting_id}
    assert first.token != second.token
    assert payloads[second.setting_id]["webhook_event"] == {
        "from_account_id": doctor.account_id,
        "to_account_id": bot.account_id,
        "room_id": room.room_id,
        "message_id": str(said.message_id),
        "body": said.body,
        "send_time": said.send_time,
        "update_time": 0,
    }


async def test_an_edit_is_told_and_a_deletion_is_not(
    house: House, ear: Listener, bot: Account, doctor: Account, room: Room
) -> None:
    house.world.add_webhook(bot, ear.url, [Trigger.UPDATED], room_id=room.room_id)
    said = house.world.post(room, doctor.account_id, "一")
    house.clock.now += 60
    writing.rewrite(house.world, doctor, room.room_id, said.message_id, "二")
    writing.take_back(house.world, doctor, room.room_id, said.message_id)
    await settled(house)
    (payload,) = ear.payloads
    assert payload["webhook_event_type"] == "message_updated"
    assert payload["webhook_event"]["body"] == "二"
    assert payload["webhook_event"]["update_time"] == int(START) + 60


MENTIONS = [
    ("a To notifies", "[To:{bot}]案内係さん", True),
    ("a To in the middle notifies", "みなさん [To:{bot}] どうぞ", True),
    ("a reply notifies", "[rp aid={bot} to=1-2]案内係さん", True),
    ("a To after a quote notifies", "[qt][qtmeta aid=1]a[/qt][To:{bot}]", True),
    ("a To inside a quote is silent", "[qt][qtmeta aid=1 time=2][To:{bot}]a[/qt]どうも", False),
    ("a reply inside code is silent", "[code][rp aid={bot} to=1-2][/code]", False),
    ("a To over several quoted lines is silent", "[qt]\n[To:{bot}]\n[/qt]", False),
    ("toall is not documented to notify", "[toall]みなさん", False),
    ("an icon is silent", "[piconname:{bot}]", False),
    ("a name in plain words is silent", "案内係さん、お願いします", False),
    ("a To with a leading zero is no To", "[To:0{bot}]", False),
    ("a To without an end is no To", "[To:{bot}", False),
    ("a reply without a message is no reply", "[rp aid={bot}]", False),
    ("a To to somebody else is silent", "[To:1]", False),
]


@pytest.mark.parametrize(("body", "notifies"), [pytest.param(*row[1:], id=row[0]) for row in MENTIONS])
async def test_who_is_notified(
    house: House, bot: Account, doctor: Account, room: Room, *, body: str, notifies: bool
) -> None:
    house.world.add_webhook(bot, "http://127.0.0.1:1/", [Trigger.MENTION])
    house.world.faults.order(Fault(kind=FaultKind.DROP, count=9))
    house.world.post(room, doctor.account_id, body.format(bot=bot.account_id))
    assert [delivery.trigger for delivery in house.world.deliveries] == [Trigger.MENTION] * notifies


SILENCE = [
    ("another room", "other"),
    ("an invalid webhook", "invalid"),
    ("a webhook whose owner has left", "left"),
    ("a mention of oneself", "self"),
    ("an edit that adds a mention", "edit"),
]


@pytest.mark.parametrize("case", [pytest.param(case, id=name) for name, case in SILENCE])
async def test_nothing_is_sent_for(house: House, bot: Account, doctor: Account, room: Room, case: str) -> None:
    said = house.world.post(room, doctor.account_id, "a")
    hook = house.world.add_webhook(bot, "http://127.0.0.1:1/", [Trigger.CREATED], room_id=room.room_id)
    if case in {"self", "edit"}:
        hook = house.world.add_webhook(bot, "http://127.0.0.1:1/", [Trigger.MENTION])
        house.world.webhooks = {hook.setting_id: hook}
    mention = f"[To:{bot.account_id}]"
    match case:
        case "other":
            house.world.post(house.room("別室", doctor, bot), doctor.account_id, "a")
        case "invalid":
            hook.enable(valid=False)
            house.world.post(room, doctor.account_id, "a")
        case "left":
            del room.members[bot.account_id]
            house.world.post(room, doctor.account_id, "a")
        case "self":
            house.world.post(room, bot.account_id, mention)
        case _:
            house.world.edit(room, said, mention)
    assert not house.world.deliveries


FAILURES = [
    ("any 2xx but 200", 204, b"", "answered 204"),
    ("a redirect is not followed", 302, b"", "answered 302"),
    ("an error", 500, b"", "answered 500"),
    ("an answer over 2048 bytes", 200, b"x" * 2049, "the answer is too long"),
]


@pytest.mark.parametrize(("status", "answer", "reason"), [pytest.param(*row[1:], id=row[0]) for row in FAILURES])
async def test_it_fails_and_is_never_sent_again(
    house: House, ear: Listener, bot: Account, room: Room, *, status: int, answer: bytes, reason: str
) -> None:
    ear.status, ear.answer = status, answer
    hook = house.world.add_webhook(bot, ear.url, BOTH, room_id=room.room_id)
    house.world.post(room, bot.account_id, "a")
    (delivery,) = await settled(house)
    assert (delivery["status"], delivery["http_status"], delivery["reason"]) == ("failed", status, reason)
    assert (len(ear.received), hook.failures, hook.valid) == (1, 1, True)


async def test_an_answer_of_2048_bytes_is_fine(house: House, ear: Listener, bot: Account, room: Room) -> None:
    ear.answer = b"x" * 2048
    house.world.add_webhook(bot, ear.url, BOTH, room_id=room.room_id)
    house.world.post(room, bot.account_id, "a")
    assert [delivery["status"] for delivery in await settled(house)] == ["delivered"]


async def test_nobody_listening_is_a_failure(house: House, bot: Account, room: Room) -> None:
    house.world.add_webhook(bot, "http://127.0.0.1:1/hook", BOTH, room_id=room.room_id)
    house.world.post(room, bot.account_id, "a")
    (delivery,) = await settled(house)
    assert (delivery["status"], delivery["reason"]) == ("failed", "ClientConnectorError")


async def test_no_answer_in_time_is_a_failure(house: House, bot: Account, room: Room) -> None:
    async def mute(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(mute, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    hook = house.world.add_webhook(bot, f"http://127.0.0.1:{port}/", BOTH, room_id=room.room_id)
    house.world.post(room, bot.account_id, "a")
    (delivery,) = house.world.deliveries
    async with ClientSession(timeout=ClientTimeout(total=0.05)) as impatient:
        await courier.Courier(house.world, impatient).send(delivery)
    assert (delivery.fate, delivery.reason, hook.failures) == (Fate.FAILED, "no answer in time", 1)
    server.close()


def test_the_time_out_is_ten_seconds() -> None:
    assert courier.TIME_OUT.total == 10


def test_many_failures_in_a_row_make_a_webhook_invalid_until_it_is_enabled() -> None:
    hook = Webhook(setting_id="1", account_id=1, url="http://h", token="", triggers=frozenset())

    def valid_after(failures: int) -> bool:
        for _ in range(failures):
            hook.failed()
        return hook.valid

    assert valid_after(webhooks.FAILURES_UNTIL_INVALID - 1)
    hook.succeeded()
    assert valid_after(webhooks.FAILURES_UNTIL_INVALID - 1)
    assert not valid_after(1)
    hook.succeeded()
    assert not valid_after(0)
    hook.enable(valid=True)
    assert valid_after(1)


async def test_what_waits_for_an_invalid_webhook_is_dropped(house: House, bot: Account, room: Room) -> None:
    hook = house.world.add_webhook(bot, "http://127.0.0.1:1/hook", BOTH, room_id=room.room_id)
    hook.failures = webhooks.FAILURES_UNTIL_INVALID - 1
    for _ in range(courier.AT_ONCE * 3):
        house.world.post(room, bot.account_id, "a")
    fates = {str(delivery["status"]) for delivery in await settled(house)}
    assert fates == {"failed", "dropped"}
    assert not hook.valid


async def test_lost_deliveries_leave_no_trace_at_the_other_end(
    house: House, ear: Listener, bot: Account, room: Room
) -> None:
    hook = house.world.add_webhook(bot, ear.url, BOTH, room_id=room.room_id)
    await house.control("POST", "/_world/faults", {"kind": "drop_webhooks", "count": 2})
    for _ in range(3):
        house.world.post(room, bot.account_id, "a")
    fates = sorted(str(delivery["status"]) for delivery in await settled(house))
    assert fates == ["delivered", "dropped", "dropped"]
    assert (len(ear.received), hook.failures) == (1, 0)
    tally = (await house.control("GET", "/_world/tally")).json
    assert tally["sent"] == 3
    assert sorted((end["status"], end["http_status"], end["count"]) for end in tally["ended"]) == [
        ("delivered", 200, 1),
        ("dropped", None, 2),
    ]


async def test_closing_the_simulator_stops_deliveries_at_once() -> None:
    hanging = asyncio.Event()

    async def mute(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        hanging.set()
        await reader.read()
        writer.close()

    server = await asyncio.start_server(mute, "127.0.0.1", 0)
    async with open_house() as house:
        bot = house.person("案内係")
        room = house.room("談話室", bot)
        port = server.sockets[0].getsockname()[1]
        house.world.add_webhook(bot, f"http://127.0.0.1:{port}/", BOTH, room_id=room.room_id)
        house.world.post(room, bot.account_id, "a")
        await hanging.wait()
    assert not house.world.on_delivery
    assert [delivery.fate for delivery in house.world.deliveries] == [Fate.PENDING]
    server.close()


MISTAKES = [
    ("an address that is none", {"url": "ftp://h"}),
    ("no event", {"events": []}),
    ("a mention for one room", {"events": [Trigger.MENTION]}),
    ("a room event without a room", {"room": False}),
    ("a token that is no base64", {"token": "%%%"}),
    ("a setting id that is taken", {"setting_id": "1"}),
]


@pytest.mark.parametrize("wrong", [pytest.param(wrong, id=name) for name, wrong in MISTAKES])
def test_a_registration_is_refused(house: House, bot: Account, room: Room, wrong: dict[str, object]) -> None:
    house.world.add_webhook(bot, "https://h/", [Trigger.MENTION], setting_id="1")
    events = wrong.get("events", BOTH)
    assert isinstance(events, list | tuple)
    with pytest.raises(ApiError):
        house.world.add_webhook(
            bot,
            str(wrong.get("url", "https://h/")),
            events,
            room_id=room.room_id if wrong.get("room", True) else None,
            token=str(wrong["token"]) if "token" in wrong else None,
            setting_id=str(wrong["setting_id"]) if "setting_id" in wrong else None,
        )


def test_an_account_has_at_most_five_webhooks(house: House, bot: Account, doctor: Account) -> None:
    for _ in range(5):
        house.world.add_webhook(bot, "https://h/", [Trigger.MENTION])
    with pytest.raises(ApiError, match="at most 5"):
        house.world.add_webhook(bot, "https://h/", [Trigger.MENTION])
    house.world.add_webhook(doctor, "https://h/", [Trigger.MENTION])


def test_a_room_of_others_cannot_be_watched(house: House, bot: Account, doctor: Account) -> None:
    with pytest.raises(ApiError):
        house.world.add_webhook(bot, "https://h/", BOTH, room_id=house.room("別室", doctor).room_id)
