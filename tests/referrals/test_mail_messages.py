"""What stands in an acknowledgement by e-mail, from the vendor's referral to the hand-over."""

from __future__ import annotations

from email.message import EmailMessage
from typing import TYPE_CHECKING

import pytest

from engine.dead import list_dead
from engine.errors import Permanent, Transient
from engine.ports import Account
from engine.referrals import texts
from engine.referrals.rules import Step
from engine.referrals.store import Referrals

if TYPE_CHECKING:
    from tests.stories.community import Community

NEWCOMER = Account(555, "新井", "member")


def letter() -> EmailMessage:
    message = EmailMessage()
    message["To"] = "tanto@vendor.example"
    message["Subject"] = "ご紹介のご報告"
    message["Message-ID"] = "<referral_received-rf_1-mail@yuruyuru>"
    message.set_content("ご紹介を承りました。")
    return message


@pytest.mark.parametrize("step", list(Step))
def test_every_step_has_its_words(step: Step) -> None:
    subject, text = texts.mail(step, "みほん商事", "crm-1", "YR-7K3M-2QXA")
    assert subject == "ご紹介のご報告"
    assert text.startswith("みほん商事 ご担当者様\n")
    assert "貴社の控え: crm-1\n紹介コード: YR-7K3M-2QXA\n" in text


async def test_a_vendor_with_an_address_hears_every_step_by_mail_too(community: Community) -> None:
    created, _ = await community.refers(email="tanto@vendor.example")
    await community.joins(NEWCOMER)
    await community.says(NEWCOMER, f"はじめまして、新井です。{created['code']}")
    assert community.inbox.steps == ["referral.received", "referral.joined"]
    received, joined = community.post_office.sent
    assert [message["To"] for message in (received, joined)] == ["tanto@vendor.example"] * 2
    assert received["Message-ID"] != joined["Message-ID"]
    assert "ご紹介いただいた先生が参加されました" in joined.get_content()
    assert "新井" not in joined.as_string() + joined.get_content()


async def test_a_vendor_without_an_address_gets_no_mail(community: Community) -> None:
    await community.refers()
    assert community.post_office.sent == []


async def test_what_a_vendor_calls_a_doctor_cannot_add_headers(community: Community) -> None:
    await community.refers(email="tanto@vendor.example", reference="x\r\nBcc: all@example.com")
    [message] = community.post_office.sent
    assert message["Bcc"] is None
    assert "Bcc: all@example.com" in message.get_content()


async def test_a_mail_is_tried_again_and_counts_once(community: Community) -> None:
    community.post_office.endings = [Transient("smtp_450"), Transient("smtp: SMTPConnectError")]
    await community.refers(email="tanto@vendor.example")
    assert community.post_office.sent == []
    await community.after(minutes=29)
    assert community.post_office.sent == []
    await community.after(hours=2)
    assert len(community.post_office.sent) == 1


async def test_a_mail_that_never_arrives_is_a_dead_letter(community: Community) -> None:
    community.post_office.endings = [Permanent("smtp_550")]
    await community.refers(email="tanto@vendor.example")
    assert [letter.reason for letter in await list_dead(community.db)] == ["smtp_550"]


async def test_a_vendor_disabled_meanwhile_hears_nothing_more(community: Community) -> None:
    community.post_office.endings = [Transient("smtp_450")]
    _, vendor_id = await community.refers(email="tanto@vendor.example")
    commit = community.db.commit(community.clock.now())
    vendor = await Referrals(commit).vendor(vendor_id)
    assert vendor is not None
    await Referrals(commit).put_vendor(vendor.model_copy(update={"disabled": True}))
    await community.db.apply(commit)
    await community.after(hours=1)
    assert community.post_office.sent == []
