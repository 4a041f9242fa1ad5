"""A referral's way: attributed once, each step told once on every way its vendor left, if it may hear it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from engine.commit import Applied
from engine.events import ReferralJoined
from engine.outbox import ChatContent, Intent, Kind, VendorContent, intent_key
from engine.ports import Lane
from engine.referrals.progress import join, tell
from engine.referrals.rules import State
from engine.referrals.store import Referral, Referrals, Vendor

if TYPE_CHECKING:
    from engine.commit import Database
    from tests.fakes import FakeClock

MEMBER, ROOM = 555, 567890125


class Desk:
    """A vendor and its referral."""

    def __init__(self, db: Database, clock: FakeClock) -> None:
        self.db = db
        self.clock = clock

    async def open(self, *, consent: bool = False, **vendor: Any) -> None:
        commit = self.db.commit(self.clock.now())
        referrals = Referrals(commit)
        await referrals.vendor("v_1")
        fields = {"id": "v_1", "name": "みほん商事", "key_hash": "h", "secrets": ("s",), "created_at": 1.0} | vendor
        await referrals.put_vendor(Vendor.model_validate(fields))
        await referrals.add(
            Referral(
                id="rf_1", vendor_id="v_1", code="YR-AAAA-AAAA", reference="crm-1", consent=consent,
                received_at=1.0, expires_at=self.clock.now() + 100,
            )
        )  # fmt: skip
        await self.db.apply(commit)

    async def referral(self) -> Referral:
        found, _ = await self.db.read(self.db.keys("referral", "rf_1"), Referral)
        assert found is not None
        return found

    async def join(self, account_id: int = MEMBER, *, wrote_code: bool = True) -> Applied:
        commit = self.db.commit(self.clock.now())
        referral = await Referrals(commit).get("rf_1")
        assert referral is not None
        await join(referral, account_id, wrote_code=wrote_code, commit=commit)
        return (await self.db.apply(commit))[0]

    async def tell(self, state: State) -> str:
        commit = self.db.commit(self.clock.now())
        referral = await Referrals(commit).get("rf_1")
        assert referral is not None
        outcome = await tell(referral, state, commit)
        assert (await self.db.apply(commit))[0] is Applied.DONE
        return outcome

    async def intents(self) -> list[Intent]:
        found = await self.db.read_many(
            [intent_key(self.db.keys, intent_id) for intent_id in (await self.referral()).intents], Intent
        )
        return [intent for intent in found if intent is not None]


@pytest.fixture
def desk(db: Database, clock: FakeClock) -> Desk:
    return Desk(db, clock)


async def test_a_joining_binds_the_member_and_is_published(desk: Desk) -> None:
    await desk.open()
    await desk.join()
    joined = await desk.referral()
    assert (joined.state, joined.account_id, joined.wrote_code) == (State.JOINED, MEMBER, True)
    assert joined.joined_at == desk.clock.now()
    assert await Referrals(desk.db.commit(desk.clock.now())).of_member(MEMBER) == joined
    [(_, fields)] = await desk.db.redis.xrange(desk.db.keys.stream)
    assert ReferralJoined.model_fields["kind"].default in fields["e"]


async def test_two_who_claim_it_at_once_do_not_both_get_it(desk: Desk) -> None:
    await desk.open()
    commits = [desk.db.commit(desk.clock.now()) for _ in range(2)]
    for commit, account_id in zip(commits, (MEMBER, MEMBER + 1), strict=True):
        referral = await Referrals(commit).get("rf_1")
        assert referral is not None
        await join(referral, account_id, wrote_code=True, commit=commit)
    assert [(await desk.db.apply(commit))[0] for commit in commits] == [Applied.DONE, Applied.CONFLICT]
    assert (await desk.referral()).account_id == MEMBER


async def test_both_ways_hear_of_a_step(desk: Desk) -> None:
    await desk.open(webhook_url="https://vendor.example/hook", room_id=ROOM)
    assert await desk.tell(State.RECEIVED) == "told: 2"
    webhook, room = await desk.intents()
    assert isinstance(webhook.content, VendorContent)
    assert webhook.content.data == {"referral_id": "rf_1", "reference": "crm-1", "code": "YR-AAAA-AAAA"}
    assert isinstance(room.content, ChatContent)
    assert room.content.room_id == ROOM
    assert "crm-1" in room.content.body
    assert (webhook.lane, room.lane) == (Lane.DIGEST, Lane.REPLY)
    assert {webhook.kind, room.kind} == {Kind.ACKNOWLEDGEMENT}
    assert {webhook.subject, room.subject} == {"rf_1"}


@pytest.mark.parametrize(
    ("vendor", "ways"),
    [
        pytest.param({"webhook_url": "https://vendor.example/hook"}, 1, id="a webhook"),
        pytest.param({"room_id": ROOM}, 1, id="a room"),
    ],
)
async def test_one_way_is_enough(desk: Desk, vendor: dict[str, Any], ways: int) -> None:
    await desk.open(**vendor)
    assert await desk.tell(State.RECEIVED) == f"told: {ways}"


async def test_a_step_is_told_once_whoever_repeats_it(desk: Desk) -> None:
    await desk.open(webhook_url="https://vendor.example/hook")
    await desk.tell(State.RECEIVED)
    assert await desk.tell(State.RECEIVED) == "skipped: told before, nothing the vendor may hear, or no way to tell"
    assert len(await desk.intents()) == 1


async def test_every_step_has_an_intent_of_its_own_in_order(desk: Desk) -> None:
    await desk.open(webhook_url="https://vendor.example/hook", consent=True)
    for state in (State.RECEIVED, State.JOINED, State.ACTIVE):
        await desk.tell(state)
    kinds = [intent.content.type for intent in await desk.intents() if isinstance(intent.content, VendorContent)]
    assert kinds == ["referral.received", "referral.joined", "referral.first_post"]


@pytest.mark.parametrize("state", [State.JOINED, State.ACTIVE])
async def test_what_the_doctor_did_not_agree_to_is_not_told(desk: Desk, state: State) -> None:
    await desk.open(webhook_url="https://vendor.example/hook", room_id=ROOM)
    assert (await desk.tell(state)).startswith("skipped")
    assert await desk.intents() == []


async def test_a_vendor_without_a_way_hears_nothing(desk: Desk) -> None:
    await desk.open()
    assert (await desk.tell(State.RECEIVED)).startswith("skipped")


async def test_a_disabled_vendor_hears_nothing(desk: Desk) -> None:
    await desk.open(webhook_url="https://vendor.example/hook", disabled=True)
    assert await desk.tell(State.RECEIVED) == "skipped: vendor is disabled"
    assert await desk.intents() == []


async def test_a_vendor_that_is_gone_hears_nothing(desk: Desk) -> None:
    await desk.open(webhook_url="https://vendor.example/hook")
    await desk.db.redis.delete(desk.db.keys("vendor", "v_1"))
    assert await desk.tell(State.RECEIVED) == "skipped: vendor is disabled"


async def test_nothing_that_is_told_names_the_doctor(desk: Desk) -> None:
    await desk.open(webhook_url="https://vendor.example/hook", room_id=ROOM, consent=True)
    await desk.join()
    await desk.tell(State.JOINED)
    assert len(await desk.intents()) == 2
    for intent in await desk.intents():
        assert str(MEMBER) not in intent.content.model_dump_json().replace(str(ROOM), "")
