"""The door for webhooks: every status of the public table, over real HTTP."""

from __future__ import annotations

import asyncio
import base64
import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any
from unittest.mock import Mock

import pytest
from aiohttp.test_utils import TestClient, TestServer, make_mocked_request

from engine import heartbeat
from engine.commit import Database
from engine.dead import list_dead
from engine.errors import Transient
from engine.ingress import journal, webhook
from engine.ingress.app import create_app
from engine.ingress.console.session import Sessions
from engine.ingress.journal import Journal
from engine.ingress.signature import sign
from engine.ingress.spool import Spool, SpoolFull
from engine.ingress.webhook import Door
from engine.settings import Community
from engine.stream import Publisher

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from engine.events import Envelope
    from tests.fakes import FakeClock

TOKEN = base64.b64encode(b"k" * 32).decode()
NEWER = base64.b64encode(b"n" * 32).decode()
OTHER = base64.b64encode(b"o" * 32).decode()
TOKENS = {"12345": (TOKEN, NEWER), "12346": (OTHER,)}
Client = TestClient[Any, Any]


class House:
    """An ingress and what it keeps."""

    def __init__(self, client: Client, db: Database, journal: Journal, publisher: SwitchablePublisher) -> None:
        self.client = client
        self.db = db
        self.journal = journal
        self.publisher = publisher

    async def post(self, raw: bytes, *, token: str = TOKEN, **headers: str) -> int:
        signed = headers or {"x-chatworkwebhooksignature": sign(token, raw)}
        async with self.client.post("/webhooks/chatwork", data=raw, headers=signed) as answer:
            assert len(await answer.read()) == 0
            return answer.status

    async def events(self) -> list[dict[str, Any]]:
        found = await self.db.redis.xrange(self.db.keys.stream)
        return [json.loads(fields["e"])["event"] for _, fields in found]


class SwitchablePublisher(Publisher):
    """A publisher whose Redis can go away."""

    away = False

    async def publish(self, envelope: Envelope) -> bool:
        if self.away:
            raise Transient("redis_away")
        return await super().publish(envelope)

    async def publish_all(self, envelopes: Any) -> list[bool]:
        if self.away:
            raise Transient("redis_away")
        return await super().publish_all(envelopes)


@asynccontextmanager
async def open_house(db: Database, clock: FakeClock, folder: Path, spool_bytes: int = 1 << 20) -> AsyncIterator[House]:
    with Spool(folder / "spool", spool_bytes) as spool:
        publisher = SwitchablePublisher(db, clock)
        journal = Journal(db, publisher, spool, clock)
        app = create_app(db, clock, journal, Door(TOKENS, journal, clock), Community(), sessions=Sessions("-"))
        async with TestClient(TestServer(app)) as client:
            yield House(client, db, journal, publisher)


@pytest.fixture
async def house(db: Database, clock: FakeClock, tmp_path: Path) -> AsyncIterator[House]:
    async with open_house(db, clock, tmp_path) as opened:
        yield opened


@pytest.fixture
def payload(clock: FakeClock) -> Callable[..., bytes]:
    """Bytes of a message webhook; keywords replace fields of the event."""

    def build(kind: str = "message_created", setting: object = "12345", **fields: object) -> bytes:
        now = int(clock.now())
        event = {
            "message_id": "1789012345678901249", "room_id": 567890123, "account_id": 101,
            "body": "こんにちは", "send_time": now, "update_time": 0,
        } | fields  # fmt: skip
        return json.dumps(
            {
                "webhook_setting_id": setting,
                "webhook_event_type": kind,
                "webhook_event_time": now,
                "webhook_event": event,
            }
        ).encode()

    return build


async def test_a_genuine_message_is_published_and_answered_with_an_empty_200(
    house: House, payload: Callable[..., bytes]
) -> None:
    assert await house.post(payload()) == 200
    [event] = await house.events()
    assert event["message_id"] == "1789012345678901249"
    assert event["body"] == "こんにちは"


async def test_the_signature_in_the_query_counts_when_the_header_is_missing(
    house: House, payload: Callable[..., bytes]
) -> None:
    raw = payload()
    query = {"chatwork_webhook_signature": sign(TOKEN, raw)}
    async with house.client.post("/webhooks/chatwork", data=raw, params=query) as answer:
        assert answer.status == 200


async def test_two_tokens_of_one_setting_both_open_while_they_rotate(
    house: House, payload: Callable[..., bytes]
) -> None:
    assert await house.post(payload(), token=TOKEN) == 200
    assert await house.post(payload(), token=NEWER) == 200


async def test_a_changed_byte_is_refused(house: House, payload: Callable[..., bytes]) -> None:
    raw = payload()
    assert await house.post(raw + b" ", **{"x-chatworkwebhooksignature": sign(TOKEN, raw)}) == 401


async def test_another_webhooks_token_is_refused(house: House, payload: Callable[..., bytes]) -> None:
    assert await house.post(payload(), token=OTHER) == 401


async def test_an_unknown_setting_is_refused(house: House, payload: Callable[..., bytes]) -> None:
    assert await house.post(payload(setting="99999")) == 401


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param([], id="no signature"),
        pytest.param([("x-chatworkwebhooksignature", "")], id="an empty signature"),
        pytest.param([("x-chatworkwebhooksignature", "garbage")], id="garbage"),
        pytest.param([("x-chatworkwebhooksignature", "RIGHT"), ("x-chatworkwebhooksignature", "RIGHT")], id="twice"),
        pytest.param([("x-chatworkwebhooksignature", "UNPADDED")], id="right but without padding"),
        pytest.param([("x-chatworkwebhooksignature", "WRONG")], id="made with a wrong key"),
    ],
)
async def test_it_is_refused_and_nothing_is_published(
    house: House, payload: Callable[..., bytes], headers: list[tuple[str, str]]
) -> None:
    raw = payload()
    real = {"RIGHT": sign(TOKEN, raw), "UNPADDED": sign(TOKEN, raw).rstrip("="), "WRONG": sign(OTHER, raw)}
    filled = [(name, real.get(value, value)) for name, value in headers]
    async with house.client.post("/webhooks/chatwork", data=raw, headers=filled) as answer:
        assert answer.status == 401
    assert await house.events() == []


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"not json", id="not JSON"),
        pytest.param(b"\xff\xfe\x00", id="not UTF-8"),
        pytest.param(b"[]", id="a list"),
        pytest.param(b"null", id="null"),
        pytest.param(b'{"webhook_setting_id":"12345"}', id="almost nothing"),
        pytest.param(b'{"webhook_setting_id":"12345","webhook_event_type":["message_created"]}', id="a type in a list"),
        pytest.param(b"[" * 50_000, id="deep nesting"),
        pytest.param(b'{"a":' * 20_000 + b"1" + b"}" * 20_000, id="deep objects"),
    ],
)
async def test_what_is_rightly_signed_but_unreadable_is_a_dead_letter_and_200(house: House, raw: bytes) -> None:
    assert await house.post(raw) == 200
    [letter] = await list_dead(house.db)
    assert letter.source == "webhook"
    assert base64.b64decode(letter.subject) == raw


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({"room_id": "room"}, id="a room that is no number"),
        pytest.param({"message_id": None}, id="no message id"),
        pytest.param({"message_id": 1.5}, id="a message id with a fraction"),
        pytest.param({"body": 7}, id="a body that is a number"),
        pytest.param({"account_id": True}, id="an account that is a boolean"),
        pytest.param({"send_time": -1}, id="a time before 1970"),
        pytest.param({"room_id": 10**30}, id="a room beyond all numbers"),
        pytest.param({"room_id": 2**64}, id="a room beyond 64 bits"),
        pytest.param({"message_id": "１２３４"}, id="a message id in full-width digits"),
        pytest.param({"send_time": 10**12}, id="a time in milliseconds"),
        pytest.param({"update_time": 10**400}, id="a time beyond all numbers"),
    ],
)
async def test_a_wrong_shape_is_a_dead_letter_without_its_content_in_the_reason(
    house: House, payload: Callable[..., bytes], fields: dict[str, object]
) -> None:
    status = await house.post(payload(**fields))
    assert status == 200
    if "room_id" in fields and fields["room_id"] == 10**30:
        return  # readable, if absurd
    [letter] = await list_dead(house.db)
    assert "こんにちは" not in letter.reason


async def test_an_unknown_event_type_is_accepted_and_forgotten(house: House, payload: Callable[..., bytes]) -> None:
    assert await house.post(payload(kind="message_deleted")) == 200
    assert await house.events() == []
    assert await list_dead(house.db) == []


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        pytest.param({"message_id": 1789012345678901249}, {"message_id": "1789012345678901249"}, id="id as a number"),
        pytest.param({"room_id": "567890123"}, {"room_id": 567890123}, id="room as text"),
        pytest.param({"message_id": str(2**63 - 1)}, {"message_id": str(2**63 - 1)}, id="id far beyond 2^53"),
        pytest.param({"body": "a\ud800b"}, {"body": "a\ufffdb"}, id="a lone surrogate becomes a replacement mark"),
        pytest.param({"body": "a\x00b"}, {"body": "a\x00b"}, id="NUL stays"),
        pytest.param({"body": "a\r\nb"}, {"body": "a\r\nb"}, id="CRLF stays"),
        pytest.param({"body": "あ" * 65_535}, {"body": "あ" * 65_535}, id="65,535 characters"),
        pytest.param({"body": ""}, {"body": ""}, id="an empty body"),
        pytest.param({"body": "🏥👩‍⚕️"}, {"body": "🏥👩‍⚕️"}, id="characters beyond the basic plane"),
    ],
)
async def test_odd_but_readable(
    house: House, payload: Callable[..., bytes], fields: dict[str, object], expected: dict[str, object]
) -> None:
    assert await house.post(payload(**fields)) == 200
    [event] = await house.events()
    assert event | expected == event


async def test_an_edit_is_another_event_than_its_message(house: House, payload: Callable[..., bytes]) -> None:
    edited = 1_790_000_000
    assert await house.post(payload()) == 200
    assert await house.post(payload(kind="message_updated", update_time=edited)) == 200
    assert [event["kind"] for event in await house.events()] == ["message_created", "message_updated"]


async def test_a_repeated_delivery_is_published_once(house: House, payload: Callable[..., bytes]) -> None:
    statuses = await asyncio.gather(*[house.post(payload()) for _ in range(20)])
    assert set(statuses) == {200}
    assert len(await house.events()) == 1


async def test_a_captured_request_replayed_after_a_week_is_not_published(
    house: House, payload: Callable[..., bytes], clock: FakeClock
) -> None:
    raw = payload()
    clock.move(days=8)
    assert await house.post(raw) == 200
    assert await house.events() == []


async def test_two_megabytes_are_refused_without_reading_them(house: House) -> None:
    """The body is never sent: the answer comes on the declared length alone."""
    server = house.client.server
    assert isinstance(server, TestServer)
    reader, writer = await asyncio.open_connection(server.host, server.port)
    head = "POST /webhooks/chatwork HTTP/1.1\r\nhost: x\r\ncontent-length: 2097152\r\n\r\n"
    writer.write(head.encode())
    assert b" 413 " in await reader.readline()
    writer.close()
    await writer.wait_closed()


async def test_two_megabytes_of_undeclared_length_are_refused(house: House) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(32):
            yield b"x" * 65_536

    async with house.client.post("/webhooks/chatwork", data=pieces()) as answer:
        assert answer.status == 413


async def test_a_body_that_only_claims_to_be_compressed_is_refused(house: House, payload: Callable[..., bytes]) -> None:
    raw = payload()
    headers = {"x-chatworkwebhooksignature": sign(TOKEN, raw), "content-encoding": "gzip"}
    async with house.client.post("/webhooks/chatwork", data=raw, headers=headers) as answer:
        assert answer.status == 401
    assert await house.events() == []


async def test_a_slow_body_is_given_up(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhook, "BODY_TIMEOUT", 0.05)
    server = house.client.server
    assert isinstance(server, TestServer)
    reader, writer = await asyncio.open_connection(server.host, server.port)
    writer.write(b"POST /webhooks/chatwork HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n{")
    assert b" 408 " in await reader.readline()
    writer.close()
    await writer.wait_closed()


async def test_a_connection_lost_in_the_midst_of_a_body_is_no_bug(clock: FakeClock) -> None:
    request = make_mocked_request("POST", "/webhooks/chatwork", payload=Mock(readany=lost))
    assert (await Door({}, Mock(), clock).receive(request)).status == 400


async def lost() -> bytes:
    raise ConnectionResetError("Connection lost")


async def test_chatworks_form_may_ask_the_address_by_get(house: House) -> None:
    async with house.client.get("/webhooks/chatwork") as answer:
        assert answer.status == 200


async def test_without_redis_events_go_to_the_spool_and_out_again_in_order(
    house: House, payload: Callable[..., bytes]
) -> None:
    house.publisher.away = True
    for number in range(5):
        assert await house.post(payload(message_id=str(100 + number))) == 200
    assert await house.post(b"not json") == 200
    assert await house.events() == []
    assert house.journal.spooled == 6
    house.publisher.away = False
    assert await house.post(payload(message_id="200")) == 200
    await house.journal.drain()
    assert [event["message_id"] for event in await house.events()] == ["100", "101", "102", "103", "104", "200"]
    assert len(await list_dead(house.db)) == 1


@pytest.mark.parametrize("readable", [True, False])
async def test_a_silent_redis_keeps_nobody_waiting(
    house: House, payload: Callable[..., bytes], monkeypatch: pytest.MonkeyPatch, *, readable: bool
) -> None:
    async def never(*_: object) -> bool:
        await asyncio.Event().wait()
        return True

    with monkeypatch.context() as silence:
        silence.setattr(journal, "PATIENCE", 0.01)
        silence.setattr(heartbeat, "beats", never)
        silence.setattr(Database, "apply", never)
        assert await house.post(payload() if readable else b"not json") == 200
        async with house.client.get("/readyz") as answer:
            problems = (await answer.json())["problems"]
    assert problems == ["Redis is away (redis_silent)", "1 events wait in the spool"]
    await house.journal.drain()
    assert (len(await house.events()), len(await list_dead(house.db))) == ((1, 0) if readable else (0, 1))


async def test_only_when_neither_redis_nor_the_spool_can_keep_it_the_answer_is_503(
    db: Database, clock: FakeClock, tmp_path: Path, payload: Callable[..., bytes]
) -> None:
    async with open_house(db, clock, tmp_path, spool_bytes=600) as house:
        house.publisher.away = True
        statuses = [await house.post(payload(message_id=str(100 + number))) for number in range(4)]
        assert statuses[0] == 200
        assert statuses[-1] == 503


def test_a_full_spool_is_a_transient_failure() -> None:
    assert issubclass(SpoolFull, Transient)


async def test_nothing_of_a_message_is_logged(
    house: House, payload: Callable[..., bytes], capsys: pytest.CaptureFixture[str]
) -> None:
    await house.post(payload(body="ひみつの文章"))
    await house.post(payload(body="ひみつの文章"), token=OTHER)
    assert "ひみつ" not in "".join(capsys.readouterr())
