"""Makes the others trustworthy: compares member lists, fills gaps, finds overdue work, watches the watchers.

Admins see a line in their room when something needs a person. Safe to run twice: every job looks anew at what is there.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from engine import heartbeat
from engine.chatwork.markup import parse
from engine.clock import DAY, HOUR, MINUTE
from engine.errors import Ignored, Permanent, Transient
from engine.events import MemberJoined, MemberLeft, MessageCreated
from engine.log import get_logger
from engine.members.rules import Joined, Left, RoleChanged, compare
from engine.members.store import Member, Members, Roster
from engine.outbox import ChatContent, Intent, Kind, put
from engine.ports import Lane, Wake
from engine.routes import WORKERS
from engine.stream import forget_consumers, trim
from engine.upkeep import texts
from engine.upkeep.rules import (
    Look,
    Tally,
    created_id,
    event_of,
    is_worth_telling,
    learned,
    looked,
    looks_due,
    lost_span,
    next_rooms,
    still_untold,
    webhooks_are_silent,
)
from engine.upkeep.store import Silence, Upkeep

if TYPE_CHECKING:
    from collections.abc import Mapping

    from engine.commit import Commit
    from engine.ports import Account
    from engine.upkeep.rules import MessageEvent, Span
    from workers.runtime import Deps, Job

log = get_logger()

OVERDUE = 10.0
"""Seconds after its due time at which work counts as forgotten by arq and is started again."""

STUCK = 10 * MINUTE
"""Seconds after its due time at which work is reported."""

PATIENCE = 2 * MINUTE
"""Seconds for which a worker must be silent before the admins hear of it."""

ROOMS_A_ROUND = 5
"""Rooms looked at for gaps in half a minute: with the counts a fifth of the requests that Chatwork allows."""

ROUND = MINUTE / 2

KEPT_ENTRIES = 1000
"""Entries of the stream kept for looking at, although every worker is done with them."""

MEMBERSHIP = frozenset({"chatroom_chat_joined", "chatroom_added", "chatroom_deleted", "chatroom_leaved"})


async def on_hint(event: MessageCreated, commit: Commit, deps: Deps) -> str:
    """A notice that somebody came or went: only a hint (anybody can type it), so look at the member list soon."""
    notice = parse(event.body).notice
    if deps.community.role_of(event.room_id) is None or notice is None or not MEMBERSHIP.intersection(notice.keys):
        raise Ignored("no hint")
    commit.wake("keeper", "compare_room", str(event.room_id), commit.now)
    return "hint: looking at the member list"


async def compare_members(_: str, commit: Commit, deps: Deps) -> str:
    """Compare every room's member list with the stored one. The first look learns: nobody has joined by it."""
    changes = 0
    for room in deps.community.rooms:
        try:
            changes += await _compare(room.room_id, commit, deps)
        except (Transient, Permanent) as failure:
            log.warning("member_list_unread", room_id=room.room_id, reason=failure.reason)
    return f"changes: {changes}"


async def compare_room(room_id: str, commit: Commit, deps: Deps) -> str:
    """Compare one room's member list. Who came waits for it, so it is tried again soon if it cannot be read now."""
    try:
        return f"changes: {await _compare(int(room_id), commit, deps)}"
    except Permanent as failure:
        raise Ignored(failure.reason) from failure  # `compare_members` says so every time


async def _compare(room_id: int, commit: Commit, deps: Deps) -> int:
    await Members(commit).roster(room_id)  # first: a list older than the roster must not be believed
    return await _update_room(room_id, await deps.chat.members(room_id), commit)


async def _update_room(room_id: int, listed: list[Account], commit: Commit) -> int:
    members = Members(commit)
    roster = await members.roster(room_id)
    roles = {account.account_id: account.role for account in listed}
    changes = compare(roster.roles if roster else {}, roles)
    await _rename(listed, members)
    names = {account.account_id: account.name for account in listed}
    for change in changes:
        match change:
            case Joined(account_id):
                joined_at = int(commit.now) if roster else None
                await _know(account_id, names[account_id], joined_at, members)
                if joined_at is not None:
                    commit.publish(MemberJoined(room_id=room_id, account_id=account_id, seen_at=joined_at))
                    commit.fact("member_joined", room_id=room_id, account_id=account_id)
            case Left(account_id):
                commit.publish(MemberLeft(room_id=room_id, account_id=account_id, seen_at=int(commit.now)))
                commit.fact("member_left", room_id=room_id, account_id=account_id)
            case RoleChanged(account_id, role):
                commit.fact("member_role_changed", room_id=room_id, account_id=account_id, role=role)
    if changes or roster is None:
        members.put_roster(Roster(room_id=room_id, roles=roles))
    return len(changes)


async def _rename(listed: list[Account], members: Members) -> None:
    """People who call themselves something else now are addressed so."""
    known = await members.look_up(account.account_id for account in listed)
    for account in listed:
        member = known.get(account.account_id)
        if member is not None and member.name != account.name:
            await _know(account.account_id, account.name, None, members)


async def _know(account_id: int, name: str, joined_at: int | None, members: Members) -> None:
    """Keep a person; who comes back has joined again."""
    known = await members.get(account_id)
    if known is None:
        members.put(Member(account_id=account_id, name=name, joined_at=joined_at))
    else:
        members.put(known.model_copy(update={"name": name, "joined_at": joined_at or known.joined_at}))


async def sweep(_: str, commit: Commit, __: Deps) -> str:
    """Start overdue work of all workers again; the due time in the database is the truth, arq's job only a wake-up."""
    started = 0
    for worker in WORKERS:
        wakes = commit.db.keys.wakes(worker)
        for member in await commit.db.ranked(wakes, high=commit.now - OVERDUE):
            job, _, argument = member.partition("|")
            if (worker, job) != ("keeper", "sweep"):
                await commit.db.start([Wake(worker, job, argument, commit.now)])
                started += 1
        found = await commit.db.ranked(wakes, high=commit.now - STUCK)
        stuck = [member for member in found if (worker, member) != ("keeper", "sweep|")]  # this very round
        if stuck:
            log.error("work_overdue", of=worker, count=len(stuck), oldest=stuck[0])
    return f"started again: {started}"


async def watch(_: str, commit: Commit, deps: Deps) -> str:
    """Look for workers whose loop stands still, and tell the admins once an hour. Also keeps the stream short."""
    await trim(commit.db, WORKERS, KEPT_ENTRIES)
    await forget_consumers(commit.db, WORKERS, int(DAY * 1000))
    known = await heartbeat.beats(commit.db, commit.now)
    silent = [worker for worker in WORKERS if not heartbeat.is_alive(known, worker, commit.now)]
    if not await _for_a_while(silent, commit):
        return f"silent: {', '.join(silent) or 'nobody'}"
    log.error("worker_silent", workers=silent)
    await _tell_admins(f"silent-{int(commit.now // HOUR)}", texts.silent_workers(silent), commit, deps)
    return f"told: {', '.join(silent)}"


async def _for_a_while(silent: list[str], commit: Commit) -> bool:
    """True if somebody was silent in earlier rounds, too: at a start not everybody speaks at once."""
    upkeep = Upkeep(commit)
    before = await upkeep.silence()
    since = before.since if before and before.workers and silent else commit.now
    upkeep.put_silence(Silence(workers=tuple(silent), since=since))
    return bool(silent) and commit.now - since >= PATIENCE


async def fill_gaps(_: str, commit: Commit, deps: Deps) -> str:
    """Look at the rooms' newest messages, the most urgent rooms first, and publish what no webhook told."""
    rooms = [room.room_id for room in deps.community.rooms if room.role != "vendor"]
    told = await commit.db.told_of(rooms)  # before the counts, see `lost_span`
    counts = await deps.chat.message_counts()
    tallies = {room_id: Tally(counts[room_id], told[room_id]) for room_id in rooms if room_id in counts}
    looks = await Upkeep(commit).looks(rooms)
    most = looks_due(looks.values(), commit.now, ROUND, ROOMS_A_ROUND)
    for room_id in tallies.keys() - {known for known, look in looks.items() if look}:
        looks[room_id] = await _learn(room_id, tallies[room_id], commit)
    chosen = next_rooms(looks, commit.now, most, tallies)
    found = [await _look_at(room_id, tallies.get(room_id), commit, deps) for room_id in chosen]
    return f"filled: {sum(found)}"


async def _learn(room_id: int, tally: Tally, commit: Commit) -> Look:
    """All rooms begin in the first round: what comes while a room waits for its first look is no history."""
    upkeep = Upkeep(commit)
    look = await upkeep.look(room_id) or learned(tally, commit.now)
    upkeep.put_look(room_id, look)
    return look


async def _look_at(room_id: int, tally: Tally | None, commit: Commit, deps: Deps) -> int:
    """Publish what is missing in one room."""
    upkeep = Upkeep(commit)
    look = await upkeep.look(room_id) or Look(since=commit.now, looked_at=commit.now)
    try:
        listed = await deps.chat.newest_messages(room_id, Lane.KEEPER)
    except (Transient, Permanent) as failure:
        log.warning("room_unread", room_id=room_id, reason=failure.reason)
        if not (isinstance(failure, Transient) and failure.untried):  # who was not asked keeps the turn
            upkeep.put_look(room_id, replace(look, looked_at=commit.now))
        return 0
    events = {message.message_id: event_of(room_id, message) for message in listed}
    heard, told = await _known(room_id, events, commit)
    missing = [
        event
        for message_id, event in events.items()
        if message_id not in told and is_worth_telling(event, look.since, commit.now)
    ]
    for event in missing:
        commit.publish(event)
    by_others = sum(event.account_id != deps.own_account_id for event in missing)
    if by_others:
        commit.fact("gap_filled", room_id=room_id, messages=by_others)
    count = None if tally is None else tally.count
    untold = None if tally is None else tally.count - tally.told - still_untold(listed, heard, look.since)
    lost = lost_span(listed, look, untold)
    await _report(room_id, look, lost, missing=by_others, commit=commit, deps=deps)
    seen = looked(look, listed, heard, missing=by_others, now=commit.now, untold=untold, count=count)
    upkeep.put_look(room_id, seen)
    return by_others


async def _known(room_id: int, events: Mapping[str, MessageEvent], commit: Commit) -> tuple[set[str], set[str]]:
    """Messages of which anything was told, and messages told as they stand now."""
    created = {message_id: created_id(room_id, message_id) for message_id in events}
    published = await commit.db.published([*created.values(), *(event.event_id for event in events.values())])
    told = {message_id for message_id, event in events.items() if event.event_id in published}
    return told | {message_id for message_id, event_id in created.items() if event_id in published}, told


async def _report(room_id: int, look: Look, lost: Span | None, *, missing: int, commit: Commit, deps: Deps) -> None:
    """Tell the admins what a person must see to; each thing once a day."""
    if lost is not None:
        commit.alarm("gap_unrecoverable", room_id=room_id, since=lost.start, until=lost.end)
        text = texts.lost_messages(lost.start, lost.end, deps.hours.zone)
        await _tell_admins(f"lost-{room_id}-{lost.end}", text, commit, deps)
    if webhooks_are_silent(look, missing=missing, now=commit.now):
        commit.alarm("webhook_silent", room_id=room_id, missing=missing)
        await _tell_admins(f"webhook-{int(commit.now // DAY)}", texts.silent_webhooks(missing), commit, deps)


async def tell_stopped(worker: str, commit: Commit, deps: Deps) -> str:
    """A worker buried so much that it stopped by itself."""
    await _tell_admins(f"stopped-{worker}-{int(commit.now // HOUR)}", texts.stopped_worker(worker), commit, deps)
    return "told"


async def tell_emptied(_: str, commit: Commit, deps: Deps) -> str:
    """A worker found another database than the one it knew: what the engine remembered is gone."""
    await _tell_admins(f"emptied-{int(commit.now // HOUR)}", texts.emptied_database(), commit, deps)
    return "told"


async def _tell_admins(subject: str, text: str, commit: Commit, deps: Deps) -> None:
    for room_id in deps.community.rooms_of("admin"):
        intent = Intent(
            id=f"alarm-{subject}-{room_id}",
            worker="keeper",
            kind=Kind.ALARM,
            lane=Lane.REPLY,
            subject=subject,
            content=ChatContent(room_id=room_id, body=text),
            created_at=commit.now,
        )
        await put(commit, intent)


JOBS: Mapping[str, Job] = {
    "compare_members": compare_members,
    "compare_room": compare_room,
    "sweep": sweep,
    "watch": watch,
    "fill_gaps": fill_gaps,
    "tell_emptied": tell_emptied,
    "tell_stopped": tell_stopped,
}
PERIODIC: Mapping[str, float] = {
    "compare_members": 5 * MINUTE,
    "sweep": 15.0,
    "watch": MINUTE,
    "fill_gaps": ROUND,
}
