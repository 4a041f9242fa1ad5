"""A referral's way from one state to the next, the same from the worker, the command line and the clock.

Each step the vendor may hear is an intent named after referral and step, so a step is told once, whoever repeats it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.events import ReferralJoined
from engine.outbox import ChatContent, Content, Intent, Kind, MailContent, VendorContent, put
from engine.ports import Lane
from engine.referrals import texts
from engine.referrals.rules import State, Step, steps_told
from engine.referrals.store import Referral, Referrals, Vendor

if TYPE_CHECKING:
    from engine.commit import Commit


async def join(referral: Referral, account_id: int, *, wrote_code: bool, commit: Commit) -> Referral:
    """A member is this referral's doctor: attributed, told by the worker once the event is handled."""
    referrals = Referrals(commit)
    joined = referral.model_copy(
        update={
            "state": State.JOINED,
            "account_id": account_id,
            "wrote_code": wrote_code,
            "joined_at": commit.now,
        }
    )
    referrals.put(joined)
    await referrals.of_member(account_id)
    referrals.bind(account_id, referral.id)
    commit.publish(ReferralJoined(referral_id=referral.id, account_id=account_id, joined_at=int(commit.now)))
    commit.fact("referral_joined", referral_id=referral.id, vendor_id=referral.vendor_id)
    return joined


async def tell(referral: Referral, state: State, commit: Commit) -> str:
    """Tell the vendor of a state, on every way they left with us. Returns the outcome."""
    referrals = Referrals(commit)
    vendor = await referrals.vendor(referral.vendor_id)
    if vendor is None or vendor.disabled:
        return "skipped: vendor is disabled"
    told: list[str] = []
    for step in steps_told(state, consent=referral.consent, wrote_code=referral.wrote_code):
        for way, content in _ways(vendor, referral, step):
            intent = _acknowledgement(referral, step, way, content, commit)
            if await put(commit, intent):
                told.append(intent.id)
    if not told:
        return "skipped: told before, nothing the vendor may hear, or no way to tell"
    referrals.put(referral.model_copy(update={"intents": (*referral.intents, *told)}))
    return f"told: {len(told)}"


def _ways(vendor: Vendor, referral: Referral, step: Step) -> list[tuple[str, Content]]:
    """The vendor's ways to hear of a step. Identifiers only: nothing here names the doctor."""
    data = {"referral_id": referral.id, "reference": referral.reference, "code": referral.code}
    ways: list[tuple[str, Content]] = []
    if vendor.webhook_url is not None:
        ways.append(("webhook", VendorContent(vendor_id=vendor.id, type=step, data=data)))
    if vendor.room_id is not None:
        body = texts.acknowledgement(step, referral.reference, referral.code)
        ways.append(("room", ChatContent(room_id=vendor.room_id, body=body)))
    if vendor.email is not None:
        subject, text = texts.mail(step, vendor.name, referral.reference, referral.code)
        ways.append(("mail", MailContent(vendor_id=vendor.id, subject=subject, text=text)))
    return ways


def _acknowledgement(referral: Referral, step: Step, way: str, content: Content, commit: Commit) -> Intent:
    return Intent(
        id=f"{step.replace('.', '_')}-{referral.id}-{way}",
        worker="referral",
        kind=Kind.ACKNOWLEDGEMENT,
        lane=Lane.REPLY if way == "room" else Lane.DIGEST,
        subject=referral.id,
        content=content,
        created_at=commit.now,
    )
