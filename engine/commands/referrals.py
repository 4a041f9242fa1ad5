"""`yuruyuru referrals`: which vendor told whom, and what the vendor was told."""

from __future__ import annotations

from typing import Any

import click

from engine.commands.office import Office, as_json, asynchronous, opened, show_one, show_rows, when
from engine.errors import Refused
from engine.members.store import Members
from engine.outbox import Intent, intent_key
from engine.referrals.progress import join, tell
from engine.referrals.rules import State
from engine.referrals.store import Referral, Referrals, list_referrals


@click.group()
def referrals() -> None:
    """Which vendor told whom, and what the vendor was told."""


@referrals.command(name="list")
@as_json
@asynchronous
async def list_(as_json: bool) -> None:
    """Show all referrals, oldest first."""
    async with opened() as office:
        rows = [_row(referral) for referral in await list_referrals(office.db)]
    columns = ("id", "vendor_id", "state", "code", "reference", "account_id", "received_at")
    show_rows(rows, columns=columns, as_json=as_json, empty="No referrals yet.")


@referrals.command()
@click.argument("referral_id")
@as_json
@asynchronous
async def show(referral_id: str, as_json: bool) -> None:
    """Show a referral with every acknowledgement and what became of it."""
    async with opened() as office:
        referral = await _known(Referrals(office.commit()), referral_id)
        row = _row(referral) | {"acknowledgements": await _acknowledgements(office, referral)}
    show_one(row, as_json=as_json)


@referrals.command()
@click.argument("referral_id")
@click.argument("account_id", type=int)
@as_json
@asynchronous
async def match(referral_id: str, account_id: int, as_json: bool) -> None:
    """Attribute a member to a referral by hand. The vendor hears of it only if it stated the doctor's consent."""
    async with opened() as office:
        commit = office.commit()
        store = Referrals(commit)
        referral = await _known(store, referral_id)
        if referral.state is not State.RECEIVED:
            raise Refused(f"{referral_id} is {referral.state}; only a received referral can be matched")
        if await Members(commit).get(account_id) is None:
            raise Refused(f"no member {account_id}; see: yuruyuru members list")
        if await store.of_member(account_id) is not None:
            raise Refused(f"member {account_id} was brought by another referral")
        joined = await join(referral, account_id, wrote_code=False, commit=commit)
        await office.apply(commit)
    show_one(_row(joined), as_json=as_json)


@referrals.command()
@click.argument("referral_id")
@as_json
@asynchronous
async def decline(referral_id: str, as_json: bool) -> None:
    """Say no to a referral; the vendor hears of it."""
    async with opened() as office:
        commit = office.commit()
        store = Referrals(commit)
        referral = await _known(store, referral_id)
        if referral.state is not State.RECEIVED:
            raise Refused(f"{referral_id} is {referral.state}; only a received referral can be declined")
        declined = referral.model_copy(update={"state": State.DECLINED})
        store.put(declined)
        await tell(declined, State.DECLINED, commit)
        commit.fact("referral_declined", referral_id=referral_id, vendor_id=referral.vendor_id)
        await office.apply(commit)
    show_one(_row(declined), as_json=as_json)


async def _known(store: Referrals, referral_id: str) -> Referral:
    referral = await store.get(referral_id)
    if referral is None:
        raise Refused(f"no referral {referral_id}; see: yuruyuru referrals list")
    return referral


async def _acknowledgements(office: Office, referral: Referral) -> list[dict[str, Any]]:
    keys = [intent_key(office.db.keys, intent_id) for intent_id in referral.intents]
    found = await office.db.read_many(keys, Intent)
    return [
        {
            "id": intent.id,
            "state": intent.state.value,
            "attempts": intent.attempts,
            "receipt": intent.receipt,
            "reason": intent.reason,
        }
        for intent in found
        if intent is not None
    ]


def _row(referral: Referral) -> dict[str, Any]:
    return {
        "id": referral.id,
        "vendor_id": referral.vendor_id,
        "state": referral.state.value,
        "code": referral.code,
        "reference": referral.reference,
        "consent": referral.consent,
        "account_id": referral.account_id,
        "received_at": when(referral.received_at),
        "joined_at": when(referral.joined_at),
    }
