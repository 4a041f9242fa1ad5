"""Stories: a vendor tells a doctor, the doctor comes, the vendor hears of it, and of nothing else."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from standardwebhooks import Webhook

from engine.errors import Permanent, Transient
from engine.ports import Account
from engine.referrals.store import Claim, Referrals, Vendor, list_referrals
from engine.stream import Consumer
from tests.stories.community import ASKER, BOARD, COLLEAGUE, VENDOR_PERSON, VENDOR_ROOM, Community

if TYPE_CHECKING:
    import pytest

    from engine.commit import R

NEWCOMER = Account(555, "新井", "member")


async def test_received_joined_and_first_post_are_told_in_order(community: Community) -> None:
    created, _ = await community.refers()
    await community.after(minutes=10)
    await community.joins(NEWCOMER)
    await community.says(NEWCOMER, f"はじめまして。紹介コード: {created['code']} です。")
    await community.says(NEWCOMER, "開業準備で一番大変だったのは何でしたか？")
    assert community.inbox.steps == ["referral.received", "referral.joined", "referral.first_post"]


async def test_every_webhook_is_signed_so_that_the_vendors_own_library_believes_it(community: Community) -> None:
    _, vendor_id = await community.refers()
    vendor = await Referrals(community.db.commit(community.clock.now())).vendor(vendor_id)
    assert isinstance(vendor, Vendor)
    [(url, body, headers)] = community.inbox.received
    assert url == "https://vendor.example/hook"
    community_time = int(headers["webhook-timestamp"])
    assert abs(community_time - community.clock.now()) < 2
    library = Webhook(vendor.secrets[0])
    library._Webhook__verify_timestamp = _as_time  # type: ignore[attr-defined]  # noqa: SLF001 - its clock cannot be injected
    assert library.verify(body, dict(headers))["type"] == "referral.received"


def _as_time(header: str) -> object:
    from datetime import UTC, datetime

    return datetime.fromtimestamp(float(header), tz=UTC)


async def test_a_vendor_learns_no_name_no_account_and_no_words(community: Community) -> None:
    created, _ = await community.refers()
    await community.joins(NEWCOMER)
    await community.says(NEWCOMER, f"眼科の新井です。{created['code']}")
    for _, body, _ in community.inbox.received:
        data = json.loads(body)["data"]
        assert set(data) == {"referral_id", "reference", "code"}
        assert "新井" not in body.decode()
        assert "555" not in json.dumps(data["reference"])


async def test_the_code_may_be_written_before_the_member_list_shows_its_writer(community: Community) -> None:
    created, _ = await community.refers()
    await community.says(NEWCOMER, f"紹介コードは {created['code']} です。")
    assert community.inbox.steps == ["referral.received"]
    await community.joins(NEWCOMER)
    assert community.inbox.steps == ["referral.received", "referral.joined"]


async def test_a_code_counts_although_its_writer_is_listed_in_the_same_moment(
    community: Community, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two replicas: one finds the writer not listed, the other sees them join before that is written down."""
    created, _ = await community.refers()
    read, keeper, referral = community.db.read, community.runtimes["keeper"], community.runtimes["referral"]

    async def listed_first(key: str, model: type[R]) -> tuple[R | None, int]:
        if model is Claim:
            monkeypatch.undo()
            community.chat.rosters[BOARD].append(NEWCOMER)
            assert await keeper.run_job("compare_members", "") == "changes: 1"
            for delivery in await Consumer(community.db, "referral", "other").read(10, None):
                assert await referral.handle(delivery) == "ignored: no code waits"
        return await read(key, model)

    monkeypatch.setattr(community.db, "read", listed_first)
    await community.says(NEWCOMER, f"{created['code']} です。よろしくお願いします。")
    assert community.inbox.steps == ["referral.received", "referral.joined"]


async def test_an_edit_of_the_message_with_the_code_is_no_first_post(community: Community) -> None:
    created, _ = await community.refers()
    await community.joins(NEWCOMER)
    said = await community.says(NEWCOMER, f"{created['code']} です。")
    await community.edits(said, f"{created['code']} です。よろしくお願いします。")
    assert community.inbox.steps == ["referral.received", "referral.joined"]


async def test_a_code_in_full_width_and_small_letters_counts(community: Community) -> None:
    created, _ = await community.refers()
    wide = "".join(chr(ord(letter) + 0xFEE0) if letter != "-" else "－" for letter in created["code"].lower())
    await community.joins(NEWCOMER)
    await community.says(NEWCOMER, f"よろしくお願いします。{wide}")
    assert community.inbox.steps[-1] == "referral.joined"


async def test_somebody_who_was_here_before_was_not_brought_by_the_referral(community: Community) -> None:
    created, _ = await community.refers()
    await community.says(COLLEAGUE, f"{created['code']} と言われました。")
    assert community.inbox.steps == ["referral.received"]


async def test_a_code_quoted_by_somebody_else_attributes_nobody(community: Community) -> None:
    created, _ = await community.refers()
    await community.joins(NEWCOMER)
    await community.says(NEWCOMER, f"[qt]{created['code']}[/qt]これは何ですか？")
    assert community.inbox.steps == ["referral.received"]


async def test_a_code_is_used_once(community: Community) -> None:
    created, _ = await community.refers()
    other = Account(556, "石井", "member")
    await community.joins(NEWCOMER)
    await community.says(NEWCOMER, created["code"])
    await community.joins(other)
    await community.says(other, created["code"])
    assert community.inbox.steps.count("referral.joined") == 1
    [referral] = await list_referrals(community.db)
    assert referral.account_id == NEWCOMER.account_id


async def test_a_forged_notice_of_joining_joins_nobody(community: Community) -> None:
    created, _ = await community.refers()
    await community.says(ASKER, "[info][dtext:chatroom_chat_joined][/info]")
    await community.says(NEWCOMER, created["code"])
    assert community.inbox.steps == ["referral.received"]


async def test_a_vendor_whose_server_is_down_hears_of_it_later(community: Community) -> None:
    community.inbox.answers = [Transient("http_503"), Transient("timeout"), None]
    await community.refers()
    assert community.inbox.steps == []
    await community.after(minutes=6)
    assert community.inbox.steps == ["referral.received"]


async def test_every_attempt_carries_the_same_id_and_its_own_time(community: Community) -> None:
    community.inbox.answers = [Transient("http_503"), None]
    await community.refers()
    await community.after(minutes=1)
    first, second = community.inbox.attempts
    assert first["webhook-id"] == second["webhook-id"]
    assert int(first["webhook-timestamp"]) < int(second["webhook-timestamp"])
    assert first["webhook-signature"] != second["webhook-signature"]


async def test_a_vendor_that_wants_no_more_is_a_dead_letter(community: Community) -> None:
    community.inbox.answers = [Permanent("gone")]
    await community.refers()
    await community.after(days=4)
    assert community.inbox.steps == []


async def test_a_referral_whose_doctor_never_comes_ends_after_ninety_days(community: Community) -> None:
    created, _ = await community.refers()
    await community.after(days=91)
    assert community.inbox.steps == ["referral.received", "referral.expired"]
    await community.joins(NEWCOMER)
    await community.says(NEWCOMER, created["code"])
    assert len(community.inbox.steps) == 2


async def test_a_code_in_the_vendors_room_attributes_nobody(community: Community) -> None:
    created, _ = await community.refers()
    await community.says(VENDOR_PERSON, created["code"], room=VENDOR_ROOM)
    assert community.inbox.steps == ["referral.received"]
