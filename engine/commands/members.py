"""`yuruyuru members`: who is here and how they respond. For admins only."""

from __future__ import annotations

import dataclasses
import sys
from typing import TYPE_CHECKING, Any

import click

from engine.commands import forgetting
from engine.commands.office import Office, as_json, asynchronous, opened, show_one, show_rows, when
from engine.errors import Refused
from engine.members.rules import faded, responsiveness, typical_delay
from engine.members.store import Member, Members, list_members
from engine.spans import parse_duration

if TYPE_CHECKING:
    from collections.abc import Mapping

    from engine.commands.forgetting import Forgotten


@click.group()
def members() -> None:
    """Who is here and how they respond (for admins only)."""


@members.command(name="list")
@as_json
@asynchronous
async def list_(as_json: bool) -> None:
    """Show everybody, longest known first; there is no ranking."""
    async with opened() as office:
        rows = [await _row(office, member) for member in await list_members(office.db)]
    columns = ("account_id", "name", "asks", "responses", "answers", "responsiveness", "paused_until")
    show_rows(rows, columns=columns, as_json=as_json, empty="No members known yet; the keeper reads the rooms' lists.")


@members.command()
@click.argument("account_id", type=int)
@as_json
@asynchronous
async def show(account_id: int, as_json: bool) -> None:
    """Show one member. Counts fade by half in a half-life; who was never asked is unknown, not bad."""
    async with opened() as office:
        member = await Members(office.commit()).get(account_id)
        if member is None:
            raise Refused(f"no member {account_id}; see: yuruyuru members list")
        row = await _row(office, member)
    show_one(row, as_json=as_json)


@members.command()
@click.argument("account_id", type=int)
@click.option(
    "--for", "span", default="7d", show_default=True, help='How long, for example "2h" or "30d"; "0d" ends it.'
)
@as_json
@asynchronous
async def pause(account_id: int, span: str, as_json: bool) -> None:
    """Ask a member nothing for a while."""
    try:
        seconds = parse_duration(span)
    except ValueError as error:
        raise Refused(str(error)) from None
    async with opened() as office:
        commit = office.commit()
        member = await Members(commit).get(account_id)
        if member is None:
            raise Refused(f"no member {account_id}; see: yuruyuru members list")
        paused = member.model_copy(update={"paused_until": commit.now + seconds if seconds else 0.0})
        Members(commit).put(paused)
        await office.apply(commit)
    show_one({"account_id": account_id, "paused_until": when(paused.paused_until or None)}, as_json=as_json)


@members.command()
@click.argument("account_id", type=int)
@click.option("--yes", is_flag=True, help="Do not ask whether it is meant.")
@as_json
def forget(account_id: int, yes: bool, as_json: bool) -> None:
    """Erase a person's words and profile for good; tells what must stay, and why."""
    if sys.stdin.isatty() and not yes:
        click.confirm(f"Forget account {account_id}? This cannot be undone", abort=True, err=True)
    forgotten = _forget(account_id)
    if as_json:
        show_one({"account_id": account_id, **dataclasses.asdict(forgotten)}, as_json=True)
        return
    click.echo(f"Account {account_id}: erased {_counted(forgotten.erased)}.")
    for one in forgotten.stays:
        click.echo(f"Stays: {one.what} - {one.why}.")


@asynchronous
async def _forget(account_id: int) -> Forgotten:
    async with opened() as office:
        return await forgetting.forget(office, account_id)


def _counted(erased: Mapping[str, int]) -> str:
    return (
        ", ".join(f"{count} {what.replace('_', ' ')}" for what, count in erased.items()) or "nothing: nothing was known"
    )


async def _row(office: Office, member: Member) -> dict[str, Any]:
    commit = office.commit()
    tally = faded(await Members(commit).tally(member.account_id), commit.now, office.community.score.half_life)
    share, delay = responsiveness(tally), typical_delay(tally)
    return {
        "account_id": member.account_id,
        "name": member.name,
        "joined_at": when(member.joined_at),
        "paused_until": when(member.paused_until) if member.paused_until > commit.now else None,
        "asks": round(tally.asks, 2),
        "responses": round(tally.responses, 2),
        "responsiveness": None if share is None else round(share, 2),
        "typical_delay_seconds": None if delay is None else round(delay),
        "answers": round(tally.answers, 2),
        "thanks": round(tally.thanks, 2),
    }
