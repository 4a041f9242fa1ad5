"""What a vendor's server receives: a message that any implementation of the specification accepts."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pytest
from standardwebhooks.webhooks import Webhook
from structlog.testing import capture_logs

from engine.clock import Epoch
from engine.errors import Permanent, Transient
from engine.outbox import ChatContent, Intent, Kind, VendorContent
from engine.ports import Lane
from engine.referrals.channel import SilentHttp, VendorChannel
from engine.referrals.delivery import Delivered
from engine.referrals.retries import RETRY_DELAYS
from engine.referrals.signing import new_secret
from engine.referrals.store import Referrals, Vendor
from tests.fakes import FakeClock

if TYPE_CHECKING:
    from collections.abc import Mapping

    from engine.commit import Database

NEW, OLD = new_secret(bytes(range(32))), new_secret(bytes(range(1, 33)))
URL = "https://vendor.example/hook"


class Inbox:
    """A vendor's server."""

    def __init__(self) -> None:
        self.received: list[tuple[str, bytes, Mapping[str, str]]] = []
        self.answer: Exception | None = None

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Delivered:
        self.received.append((url, body, headers))
        if self.answer is not None:
            raise self.answer
        return Delivered(202, 1.0, "")


def intent(vendor_id: str = "v_1", *, created_at: float = 1_800_000_000.0, attempts: int = 1) -> Intent:
    content = VendorContent(vendor_id=vendor_id, type="referral.joined", data={"reference": "控え-1"})
    return Intent(
        id="referral_joined-rf_1-webhook", worker="referral", kind=Kind.ACKNOWLEDGEMENT, lane=Lane.DIGEST,
        subject="rf_1", content=content, created_at=created_at, attempts=attempts,
    )  # fmt: skip


class Desk:
    def __init__(self, db: Database) -> None:
        self.db = db
        self.clock = FakeClock()
        self.inbox = Inbox()
        self.channel = VendorChannel(db, self.inbox, self.clock, dice=lambda: 0.5)

    async def register(self, **fields: Any) -> None:
        commit = self.db.commit(self.clock.now())
        await Referrals(commit).vendor("v_1")
        known = {
            "id": "v_1", "name": "みほん商事", "key_hash": "h", "secrets": (NEW, OLD), "created_at": 1.0,
            "webhook_url": URL,
        }  # fmt: skip
        await Referrals(commit).put_vendor(Vendor.model_validate(known | fields))
        await self.db.apply(commit)


@pytest.fixture
async def desk(db: Database) -> Desk:
    desk = Desk(db)
    await desk.register()
    return desk


@pytest.mark.parametrize("secret", [NEW, OLD], ids=["the newest secret", "the secret before"])
async def test_another_implementation_accepts_it_with(desk: Desk, secret: str) -> None:
    desk.clock.at = Epoch(time.time())  # which that implementation looks at
    assert await desk.channel.send(intent()) == "202"
    [(url, body, headers)] = desk.inbox.received
    assert url == URL
    told = Webhook(secret).verify(body, dict(headers))
    assert told == {
        "type": "referral.joined",
        "timestamp": "2027-01-15T08:00:00+00:00",
        "data": {"reference": "控え-1"},
    }
    assert headers["content-type"] == "application/json"


async def test_every_attempt_has_the_same_id_and_body_and_its_own_time(desk: Desk) -> None:
    await desk.channel.send(intent())
    desk.clock.move(minutes=5)
    await desk.channel.send(intent(attempts=2))
    (_, first_body, first), (_, second_body, second) = desk.inbox.received
    assert first_body == second_body
    assert first["webhook-id"] == second["webhook-id"] == "msg_referral_joined-rf_1-webhook"
    assert int(second["webhook-timestamp"]) - int(first["webhook-timestamp"]) == 300
    assert first["webhook-signature"] != second["webhook-signature"]


async def test_the_body_is_small_json_in_utf_8(desk: Desk) -> None:
    await desk.channel.send(intent())
    [(_, body, _)] = desk.inbox.received
    assert "控え-1".encode() in body
    assert b": " not in body
    assert list(json.loads(body)) == ["type", "timestamp", "data"]


@pytest.mark.parametrize(
    "fields",
    [pytest.param({"disabled": True}, id="is disabled"), pytest.param({"webhook_url": None}, id="has no address")],
)
async def test_to_a_vendor_that_meanwhile_nothing_is_posted(desk: Desk, fields: dict[str, Any]) -> None:
    await desk.register(**fields)
    with pytest.raises(Permanent):
        await desk.channel.send(intent())
    assert desk.inbox.received == []


async def test_to_a_vendor_nobody_knows_nothing_is_posted(desk: Desk) -> None:
    with pytest.raises(Permanent):
        await desk.channel.send(intent("v_2"))


@pytest.mark.parametrize("answer", [Transient("http_503", retry_after=9), Permanent("gone")])
async def test_the_receivers_no_is_passed_on_as_it_is(desk: Desk, answer: Transient | Permanent) -> None:
    desk.inbox.answer = answer
    with pytest.raises(type(answer)) as raised:
        await desk.channel.send(intent())
    assert raised.value is answer


async def test_a_chatwork_message_is_a_bug_here(desk: Desk) -> None:
    with pytest.raises(AssertionError):
        await desk.channel.send(intent().model_copy(update={"content": ChatContent(room_id=1, body="a")}))


async def test_nothing_is_looked_for_since_receivers_know_repeats(desk: Desk) -> None:
    assert await desk.channel.find(intent()) is None
    assert desk.inbox.received == []


def test_it_is_tried_again_by_the_schedule_to_its_end(db: Database) -> None:
    channel = Desk(db).channel
    now = FakeClock().now()
    moments = [channel.retry_at(attempts, now, None) for attempts in range(1, len(RETRY_DELAYS) + 1)]
    waits = [moment - now for moment in moments if moment is not None]
    assert waits == sorted(waits)
    assert moments[-1] is None


def test_a_receivers_wish_is_heard(db: Database) -> None:
    now = FakeClock().now()
    moment = Desk(db).channel.retry_at(1, now, 600)
    assert moment is not None
    assert moment >= now + 600


async def test_a_dry_run_posts_nothing_and_logs_no_address(desk: Desk) -> None:
    channel = VendorChannel(desk.db, SilentHttp(), desk.clock)
    with capture_logs() as lines:
        assert await channel.send(intent()) == "0"
    assert [line["event"] for line in lines] == ["webhook_not_posted_dry_run"]
    assert "vendor.example" not in repr(lines)
    assert "控え" not in repr(lines)
