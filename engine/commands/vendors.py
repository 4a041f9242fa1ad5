"""`yuruyuru vendors`: who may refer doctors, and how they hear of it."""

from __future__ import annotations

import re
import secrets

import click

from engine.commands.office import Office, as_json, asynchronous, opened, show_one, show_rows, when
from engine.errors import Refused
from engine.referrals.addresses import check_url
from engine.referrals.signing import new_secret
from engine.referrals.store import Referrals, Vendor, hashed, list_vendors

SECRET_BYTES = 32


@click.group()
def vendors() -> None:
    """Who may refer doctors."""


@vendors.command()
@click.argument("name")
@click.option("--webhook", help="https address that hears of every step.")
@click.option("--email", help="Address that hears of every step.")
@click.option("--room", type=int, help="Chatwork room that hears of every step.")
@as_json
@asynchronous
async def add(name: str, webhook: str | None, email: str | None, room: int | None, as_json: bool) -> None:
    """Add a vendor. The API key and the webhook secret are shown this once."""
    async with opened() as office:
        vendor, api_key = await add_vendor(office, name, webhook=webhook, email=email, room=room)
    shown = {"vendor_id": vendor.id, "api_key": api_key, "webhook_secret": vendor.secrets[0]}
    show_one(shown, as_json=as_json)
    if not as_json:
        click.echo("Hand both over on a safe way; the API key cannot be shown again.")


async def add_vendor(
    office: Office, name: str, *, webhook: str | None = None, email: str | None = None, room: int | None = None
) -> tuple[Vendor, str]:
    """Store a vendor; returns it with its API key. Raises `Refused` for an address we would not post to."""
    if not name.strip():
        raise Refused("a vendor needs a name")
    if webhook is not None:
        check_url(webhook, office.environment.allowed_networks)
    if email is not None and not re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s]+", email):
        raise Refused(f"{email} is no e-mail address")
    vendor_id, api_key = f"v_{secrets.token_hex(4)}", _new_key()
    commit = office.commit()
    await Referrals(commit).vendor(vendor_id)
    vendor = Vendor(
        id=vendor_id,
        name=name,
        key_hash=hashed(api_key),
        secrets=(new_secret(secrets.token_bytes(SECRET_BYTES)),),
        webhook_url=webhook,
        email=email,
        room_id=room,
        created_at=commit.now,
    )
    await Referrals(commit).put_vendor(vendor)
    await office.apply(commit)
    return vendor, api_key


@vendors.command(name="list")
@as_json
@asynchronous
async def list_(as_json: bool) -> None:
    """Show all vendors, never their keys."""
    async with opened() as office:
        found = await list_vendors(office.db)
    rows = [
        {
            "vendor_id": vendor.id,
            "name": vendor.name,
            "webhook": vendor.webhook_url,
            "email": vendor.email,
            "room": vendor.room_id,
            "state": "disabled" if vendor.disabled else "active",
            "since": when(vendor.created_at),
        }
        for vendor in found
    ]
    columns = ("vendor_id", "name", "state", "webhook", "email", "room", "since")
    show_rows(rows, columns=columns, as_json=as_json, empty="No vendors yet: yuruyuru vendors add NAME")


@vendors.command()
@click.argument("vendor_id")
@as_json
@asynchronous
async def rotate(vendor_id: str, as_json: bool) -> None:
    """Give a new API key and webhook secret. The old key ends now; until the next rotation both secrets sign."""
    async with opened() as office:
        commit = office.commit()
        referrals = Referrals(commit)
        vendor = await _known(referrals, vendor_id)
        if vendor.disabled:
            raise Refused(f"vendor {vendor_id} is disabled, a new key would be refused, too; see: yuruyuru vendors add")
        api_key = _new_key()
        rotated = vendor.model_copy(
            update={
                "key_hash": hashed(api_key),
                "secrets": (new_secret(secrets.token_bytes(SECRET_BYTES)), vendor.secrets[0]),
                "rotated_at": commit.now,
            }
        )
        await referrals.put_vendor(rotated, old_key_hash=vendor.key_hash)
        await office.apply(commit)
    show_one({"vendor_id": vendor_id, "api_key": api_key, "webhook_secret": rotated.secrets[0]}, as_json=as_json)


@vendors.command()
@click.argument("vendor_id")
@as_json
@asynchronous
async def disable(vendor_id: str, as_json: bool) -> None:
    """Refuse a vendor's key and tell it nothing more."""
    async with opened() as office:
        commit = office.commit()
        referrals = Referrals(commit)
        vendor = await _known(referrals, vendor_id)
        await referrals.put_vendor(vendor.model_copy(update={"disabled": True}))
        await office.apply(commit)
    show_one({"vendor_id": vendor_id, "state": "disabled"}, as_json=as_json)


async def _known(referrals: Referrals, vendor_id: str) -> Vendor:
    vendor = await referrals.vendor(vendor_id)
    if vendor is None:
        raise Refused(f"no vendor {vendor_id}; see: yuruyuru vendors list")
    return vendor


def _new_key() -> str:
    return f"yr_{secrets.token_urlsafe(32)}"
