"""Attributes a doctor's joining to the vendor who referred them, and acknowledges every step to that vendor.

Vendors see referral ids, their own references and steps, never a name. Safe to run twice: a referral joins once, and
each acknowledgement's id names referral, step and way.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.chatwork.markup import parse
from engine.errors import Ignored
from engine.members.store import Members
from engine.referrals.progress import join, tell
from engine.referrals.rules import State, find_codes, may_attribute
from engine.referrals.store import Referral, Referrals, list_referrals

if TYPE_CHECKING:
    from collections.abc import Mapping

    from engine.commit import Commit
    from engine.events import MemberJoined, MessageCreated, MessageUpdated, ReferralJoined, ReferralReceived
    from workers.runtime import Deps, Job


async def on_message(event: MessageCreated | MessageUpdated, commit: Commit, deps: Deps) -> str:
    """A code in somebody's own words attributes them; a joined doctor's next words are the first post."""
    if deps.community.role_of(event.room_id) != "board":
        raise Ignored("not a board")
    parsed = parse(event.body)
    if parsed.is_system:
        raise Ignored("a notice of Chatwork's")
    known = await Referrals(commit).of_member(event.account_id)
    if known is not None and known.code in find_codes(parsed.text):
        raise Ignored("the code itself is no post")
    if known is not None and event.kind == "message_updated":
        raise Ignored("an edit is no post")
    if known is not None:
        return await _first_post(known, commit)
    codes = find_codes(parsed.text)
    if not codes:
        raise Ignored("no code")
    return await _claim(event.account_id, codes[0], commit, deps)


async def _first_post(referral: Referral, commit: Commit) -> str:
    """Words of a referred doctor after the one that held the code."""
    if referral.state is not State.JOINED:
        raise Ignored("spoke before")
    active = referral.model_copy(update={"state": State.ACTIVE})
    Referrals(commit).put(active)
    return await tell(active, State.ACTIVE, commit)


async def _claim(account_id: int, code: str, commit: Commit, deps: Deps) -> str:
    """Attribute a code now if its writer is listed, else when they are."""
    if not await _is_listed(account_id, commit, deps):
        await Referrals(commit).put_claim(account_id, code)
        return "waiting: writer is not listed yet"
    return await _attribute(account_id, code, commit)


async def _is_listed(account_id: int, commit: Commit, deps: Deps) -> bool:
    """Whether a board's member list shows somebody. Read with its version: a list that shows them meanwhile counts.

    Otherwise the code would wait for a joining that was handled already.
    """
    rosters = [await Members(commit).roster(room_id) for room_id in deps.community.rooms_of("board")]
    return any(roster is not None and account_id in roster.roles for roster in rosters)


async def _attribute(account_id: int, code: str, commit: Commit) -> str:
    referral = await Referrals(commit).of_code(code)
    if referral is None:
        raise Ignored("no referral has this code")
    member = (await Members(commit).look_up([account_id])).get(account_id)
    refusal = may_attribute(referral.waiting(), member.joined_at if member else None, commit.now)
    if refusal is not None:
        commit.fact("referral_not_attributed", referral_id=referral.id, reason=refusal)
        return f"skipped: {refusal}"
    await join(referral, account_id, wrote_code=True, commit=commit)
    return f"joined: {referral.id}"


async def on_member_joined(event: MemberJoined, commit: Commit, deps: Deps) -> str:
    """Somebody is listed now; a code they wrote before counts now."""
    if deps.community.role_of(event.room_id) != "board":
        raise Ignored("not a board")
    code = await Referrals(commit).claim(event.account_id)
    if code is None or await Referrals(commit).of_member(event.account_id) is not None:
        raise Ignored("no code waits")
    return await _attribute(event.account_id, code, commit)


async def on_referral_received(event: ReferralReceived, commit: Commit, _: Deps) -> str:
    """A vendor referred somebody: say that it arrived."""
    referral = await Referrals(commit).get(event.referral_id)
    if referral is None:
        raise Ignored("forgotten")
    return await tell(referral, State.RECEIVED, commit)


async def on_referral_joined(event: ReferralJoined, commit: Commit, _: Deps) -> str:
    """The referred doctor is here: say so, as far as the doctor agreed."""
    referral = await Referrals(commit).get(event.referral_id)
    if referral is None:
        raise Ignored("forgotten")
    return await tell(referral, State.JOINED, commit)


async def expire(_: str, commit: Commit, __: Deps) -> str:
    """End referrals whose doctor did not come in time, and say so."""
    overdue = [
        referral
        for referral in await list_referrals(commit.db)
        if referral.state is State.RECEIVED and referral.expires_at <= commit.now
    ]
    for seen in overdue:
        referral = await Referrals(commit).get(seen.id)
        if referral is not None and referral.state is State.RECEIVED:
            expired = referral.model_copy(update={"state": State.EXPIRED})
            Referrals(commit).put(expired)
            await tell(expired, State.EXPIRED, commit)
            commit.fact("referral_expired", referral_id=referral.id)
    return f"expired: {len(overdue)}"


JOBS: Mapping[str, Job] = {"expire": expire}
PERIODIC: Mapping[str, float] = {"expire": 3600.0}
