"""`yuruyuru check`: is everything set up? One line each, with the remedy; exit code 1 if something is not."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

import aiohttp
import click

from engine.calendar import build_hours
from engine.chatwork.client import ChatworkClient
from engine.chatwork.limits import Limiter
from engine.commands.office import Office, as_json, asynchronous, opened, show_rows
from engine.connect import durability_problems
from engine.errors import Permanent, Refused, Transient
from engine.settings import load_community, load_environment, parse_webhook_tokens

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from engine.ports import Account
    from engine.settings import Community, Environment

CLOCK_TOLERANCE = 30.0
TIMEOUT = aiohttp.ClientTimeout(total=10)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at; `remedy` is empty when it is well."""

    what: str
    found: str
    remedy: str = ""


@click.command()
@as_json
@asynchronous
async def check(as_json: bool) -> None:
    """Check settings, token, rooms, rights, Redis and clock; exit code 1 with the remedy if something is wrong."""
    findings = []
    try:
        environment = load_environment()
        community = load_community(environment.yuruyuru_config)
        build_hours(community)
        findings += [_rooms_of(community), _webhook_tokens(environment)]
    except Refused as refusal:
        findings.append(Finding("settings", "wrong", str(refusal)))
    else:
        try:
            async with opened() as office:
                findings += [finding async for finding in _look(office)]
        except Refused as refusal:
            findings.append(Finding("redis", "away", str(refusal)))
    rows = [{"what": f.what, "ok": not f.remedy, "found": f.found, "remedy": f.remedy} for f in findings]
    show_rows(rows, columns=("what", "ok", "found", "remedy"), as_json=as_json, empty="")
    if any(finding.remedy for finding in findings):
        sys.exit(1)


async def _look(office: Office) -> AsyncIterator[Finding]:
    problems = await durability_problems(office.db.redis)
    for problem in problems:
        yield Finding("redis", "would lose accepted events", problem)
    if not problems:
        yield Finding("redis", "answers and keeps what it accepts")
    token = office.environment.chatwork_api_token
    if token is None:
        yield Finding("token", "missing", "set CHATWORK_API_TOKEN or CHATWORK_API_TOKEN_FILE; see README")
        return
    limiter = Limiter(office.db.redis, office.db.keys, office.clock)
    async with ChatworkClient(office.environment.chatwork_api_url, token, limiter) as client:
        try:
            account = await client.me()
        except (Transient, Permanent) as failure:
            yield Finding("token", failure.reason, "is CHATWORK_API_TOKEN right, and CHATWORK_API_URL reachable?")
            return
        yield Finding("token", f"account {account.account_id}")
        for room in office.community.rooms:
            yield await _room(client, room.room_id, room.role, account)
    yield await _clock(office.environment.chatwork_api_url)


def _rooms_of(community: Community) -> Finding:
    found = f"{len(community.rooms)} rooms"
    if not community.rooms_of("board"):
        return Finding("settings", found, 'name a room with role = "board" in the file YURUYURU_CONFIG points to')
    return Finding("settings", found)


def _webhook_tokens(environment: Environment) -> Finding:
    tokens = environment.chatwork_webhook_tokens
    if tokens is None:
        return Finding("webhooks", "no tokens", "set CHATWORK_WEBHOOK_TOKENS; see README, “Connect your Chatwork”")
    return Finding("webhooks", f"{len(parse_webhook_tokens(tokens.get_secret_value()))} tokens")


async def _room(client: ChatworkClient, room_id: int, role: str, account: Account) -> Finding:
    what = f"room {room_id} ({role})"
    try:
        members = await client.members(room_id)
    except (Transient, Permanent) as failure:
        return Finding(what, failure.reason, "add the engine's account to this room, or mend room_id in community.toml")
    own = next((member.role for member in members if member.account_id == account.account_id), None)
    if own is None:
        return Finding(what, "not a member", "add the engine's account to this room")
    if role == "board" and own != "admin":
        return Finding(what, f"role {own}", "make the engine's account an admin of this room")
    if own == "readonly":
        return Finding(what, f"role {own}", "let the engine's account write in this room: make it a member")
    return Finding(what, f"role {own}, {len(members)} members")


async def _clock(url: str) -> Finding:
    """Compare our clock with Chatwork's `Date` header."""
    try:
        async with aiohttp.ClientSession(timeout=TIMEOUT) as session, session.get(url) as answer:
            theirs = parsedate_to_datetime(answer.headers["date"]).timestamp()
    except (aiohttp.ClientError, TimeoutError, KeyError, ValueError):
        return Finding("clock", "could not be compared")
    difference = time.time() - theirs
    if abs(difference) > CLOCK_TOLERANCE:
        return Finding("clock", f"{difference:+.0f} s", "set this machine's clock (NTP)")
    return Finding("clock", f"{difference:+.0f} s")
