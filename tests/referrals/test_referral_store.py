"""What is remembered about vendors and referrals, and how long."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from engine.clock import DAY
from engine.referrals.rules import State
from engine.referrals.store import (
    Answered,
    Referral,
    Referrals,
    Vendor,
    hashed,
    list_referrals,
    list_vendors,
)

if TYPE_CHECKING:
    from engine.commit import Commit, Database
    from tests.fakes import FakeClock

MEMBER = 555


def vendor(vendor_id: str = "v_1", key: str = "yr_key", *, disabled: bool = False, created_at: float = 1.0) -> Vendor:
    return Vendor(
        id=vendor_id, name="みほん商事", key_hash=hashed(key), secrets=("whsec_x",), created_at=created_at,
        disabled=disabled,
    )  # fmt: skip


def referral(referral_id: str = "rf_1", code: str = "YR-AAAA-AAAA", *, received_at: float = 1.0) -> Referral:
    return Referral(
        id=referral_id, vendor_id="v_1", code=code, reference="crm-1", consent=True, received_at=received_at,
        expires_at=100.0,
    )  # fmt: skip


class Desk:
    """A new commit for every act, as every handler has."""

    def __init__(self, db: Database, clock: FakeClock) -> None:
        self.db = db
        self.clock = clock

    def open(self) -> tuple[Referrals, Commit]:
        commit = self.db.commit(self.clock.now())
        return Referrals(commit), commit

    async def put(self, one: Vendor, *, old_key_hash: str | None = None) -> None:
        referrals, commit = self.open()
        await referrals.vendor(one.id)
        await referrals.put_vendor(one, old_key_hash=old_key_hash)
        await self.db.apply(commit)

    async def add(self, one: Referral) -> None:
        referrals, commit = self.open()
        await referrals.add(one)
        await self.db.apply(commit)

    async def opens(self, key: str) -> str | None:
        found = await self.open()[0].vendor_of_key(key)
        return found.id if found else None


@pytest.fixture
def desk(db: Database, clock: FakeClock) -> Desk:
    return Desk(db, clock)


async def test_a_vendor_is_known_by_its_key_which_is_stored_nowhere(desk: Desk) -> None:
    await desk.put(vendor())
    assert await desk.opens("yr_key") == "v_1"
    for key in await desk.db.redis.keys():
        assert "yr_key" not in key
        if await desk.db.redis.type(key) == "hash":
            assert "yr_key" not in str(await desk.db.redis.hgetall(key))  # type: ignore[misc]  # types of both clients


@pytest.mark.parametrize("key", ["", "yr_ke", "yr_key ", "YR_KEY", "v_1"])
async def test_no_other_word_is_its_key(desk: Desk, key: str) -> None:
    await desk.put(vendor())
    assert await desk.opens(key) is None


async def test_the_hash_of_a_key_is_no_key(desk: Desk) -> None:
    await desk.put(vendor())
    assert await desk.opens(hashed("yr_key")) is None


async def test_a_disabled_vendors_key_opens_nothing(desk: Desk) -> None:
    await desk.put(vendor())
    await desk.put(vendor(disabled=True))
    assert await desk.opens("yr_key") is None


async def test_after_a_rotation_only_the_new_key_opens(desk: Desk) -> None:
    await desk.put(vendor())
    await desk.put(vendor(key="yr_new"), old_key_hash=hashed("yr_key"))
    assert (await desk.opens("yr_key"), await desk.opens("yr_new")) == (None, "v_1")


async def test_vendors_are_listed_by_age(desk: Desk) -> None:
    await desk.put(vendor("v_2", "b", created_at=2.0))
    await desk.put(vendor("v_1", "a", created_at=1.0))
    assert [one.id for one in await list_vendors(desk.db)] == ["v_1", "v_2"]


async def test_referrals_are_listed_by_age_and_what_vanished_is_left_out(desk: Desk) -> None:
    await desk.add(referral("rf_2", "YR-BBBB-BBBB", received_at=2.0))
    await desk.add(referral("rf_1", "YR-AAAA-AAAA", received_at=1.0))
    assert [one.id for one in await list_referrals(desk.db)] == ["rf_1", "rf_2"]
    await desk.db.redis.delete(desk.db.keys("referral", "rf_1"))
    assert [one.id for one in await list_referrals(desk.db)] == ["rf_2"]


async def test_of_nobody_there_is_an_empty_list(desk: Desk) -> None:
    assert (await list_vendors(desk.db), await list_referrals(desk.db)) == ([], [])


async def test_a_code_leads_to_its_referral_and_no_other(desk: Desk) -> None:
    await desk.add(referral())
    found = await desk.open()[0].of_code("YR-AAAA-AAAA")
    assert found == referral()
    assert await desk.open()[0].of_code("YR-AAAA-AAAB") is None


async def test_a_member_is_bound_to_who_brought_them(desk: Desk) -> None:
    await desk.add(referral())
    referrals, commit = desk.open()
    assert await referrals.of_member(MEMBER) is None
    referrals.bind(MEMBER, "rf_1")
    await desk.db.apply(commit)
    assert await desk.open()[0].of_member(MEMBER) == referral()
    assert await desk.open()[0].of_member(MEMBER + 1) is None


async def test_a_claim_waits_a_month_and_the_last_one_counts(desk: Desk) -> None:
    assert await desk.open()[0].claim(MEMBER) is None
    for code in ("YR-AAAA-AAAA", "YR-BBBB-BBBB"):
        referrals, commit = desk.open()
        await referrals.put_claim(MEMBER, code)
        await desk.db.apply(commit)
    assert await desk.open()[0].claim(MEMBER) == "YR-BBBB-BBBB"
    assert await desk.db.redis.ttl(desk.db.keys("claim", MEMBER)) == pytest.approx(30 * DAY, abs=5)


async def test_an_idempotency_key_is_kept_a_day_and_not_in_the_open(desk: Desk) -> None:
    referrals, commit = desk.open()
    assert await referrals.answered("v_1", "secret-key") is None
    referrals.put_answered("v_1", "secret-key", Answered(request_hash="h", referral_id="rf_1"))
    await desk.db.apply(commit)
    found = await desk.open()[0].answered("v_1", "secret-key")
    assert found is not None
    assert found.referral_id == "rf_1"
    assert await desk.open()[0].answered("v_2", "secret-key") is None
    [key] = await desk.db.redis.keys()
    assert "secret-key" not in key
    assert await desk.db.redis.ttl(key) == pytest.approx(DAY, abs=5)


async def test_vendor_and_key_are_not_run_together(desk: Desk) -> None:
    """`a` with `b:c` is another pair than `a:b` with `c`; vendors' ids hold no colon, so they cannot be confused."""
    referrals, commit = desk.open()
    await referrals.answered("v_1", "1:x")
    referrals.put_answered("v_1", "1:x", Answered(request_hash="h", referral_id="rf_1"))
    await desk.db.apply(commit)
    assert await desk.open()[0].answered("v_11", "x") is None


def test_bytes_that_are_no_text_have_a_hash_of_their_own() -> None:
    assert hashed("\udcff") != hashed("\udcfe") != hashed("ÿ")


def test_the_rules_see_a_referral_as_it_stands() -> None:
    joined = referral().model_copy(update={"state": State.JOINED})
    seen = joined.waiting()
    assert (seen.referral_id, seen.received_at, seen.expires_at, seen.state) == ("rf_1", 1.0, 100.0, State.JOINED)
