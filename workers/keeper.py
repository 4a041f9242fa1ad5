"""Makes the others trustworthy: compares member lists, fills gaps, finds overdue work, watches the watchers.

Admins see a line in their room when something needs a person. Safe to run twice: every job looks anew at what is there.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from engine import heartbeat
from engine.backups.daily import is_due, name_of, tidy
from engine.backups.lost import lost_time, read_again
from engine.backups.store import Community
from engine.chatwork.markup import parse
from engine.clock import DAY, HOUR, MINUTE, Epoch
from engine.errors import Ignored, Permanent, Transient
from engine.events import MemberJoined, MemberLeft, MessageCreated
from engine.log import get_logger
from engine.members.rules import Joined, Left, RoleChanged, compare
from engine.members.store import Member, Members
from engine.outbox import ChatContent, Intent, Kind, put
from engine.ports import Lane, Wake
from engine.retention import retain
from engine.routes import WORKERS
from engine.standing import standing
from engine.stream import forget_consumers, trim
from engine.upkeep import texts
from engine.upkeep.gaps import ROUND, look_at, said_at, urgent_rooms
from engine.upkeep.rules import digest_due
from engine.upkeep.store import Silence, Upkeep

if TYPE_CHECKING:
    from collections.abc import Mapping

    from engine.commit import Commit
    from engine.ports import Account
    from engine.upkeep.gaps import Seen
    from workers.runtime import Deps, Job

log = get_logger()

OVERDUE = 10.0
"""Seconds after its due time at which work counts as forgotten by arq and is started again."""

STUCK = 10 * MINUTE
"""Seconds after its due time at which work is reported."""

PATIENCE = 2 * MINUTE
"""Seconds for which a worker must be silent before the admins hear of it."""

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
    if changes or roster is None or not roster.is_drawn_from:
        members.put_roster(room_id, roster, roles)
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
    await trim(commit.db, WORKERS, KEPT_ENTRIES, commit.now - deps.community.retention.messages)
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


async def retain_no_longer(_: str, commit: Commit, deps: Deps) -> str:
    """Let go of what the settings want kept no longer, as far as it does not expire by itself."""
    gone = await retain(commit.db, deps.clock, commit.now - deps.community.retention.messages)
    if gone:
        commit.fact("retention_ended", **gone)
    return f"let go: {gone}"


async def fill_gaps(_: str, commit: Commit, deps: Deps) -> str:
    """Look at the rooms' newest messages, the most urgent rooms first, and publish what no webhook told."""
    rooms = [room.room_id for room in deps.community.rooms if room.role != "vendor"]
    filled = 0
    for room_id, tally in (await urgent_rooms(rooms, commit, deps.chat)).items():
        seen = await look_at(room_id, tally, commit, deps.chat, deps.own_account_id)
        if seen is not None:
            filled += seen.missing
            await _report(seen, commit, deps)
    commit.events.sort(key=said_at)  # what was said in one room may answer another's
    return f"filled: {filled}"


async def _report(seen: Seen, commit: Commit, deps: Deps) -> None:
    """Tell the admins what a person must see to; each thing once a day."""
    zone = deps.hours.zone
    if seen.lost is not None:
        lost = seen.lost
        commit.alarm("gap_unrecoverable", room_id=lost.room_id, since=lost.start, until=lost.end)
        await Upkeep(commit).add_loss(lost)
        await _tell_admins(
            f"lost-{lost.room_id}-{lost.end}", texts.lost_messages(lost.start, lost.end, zone), commit, deps
        )
    if seen.webhooks_silent:
        commit.alarm("webhook_silent", room_id=seen.room_id, missing=seen.missing)
        await _tell_admins(f"webhook-{int(commit.now // DAY)}", texts.silent_webhooks(seen.missing), commit, deps)
    caught_up = await read_again(seen.room_id, commit)
    if caught_up is not None:
        text = texts.restored(caught_up.taken_at, caught_up.restored_at, zone)
        await _tell_admins(f"restored-{int(caught_up.restored_at)}", text, commit, deps)


async def back_up(_: str, commit: Commit, deps: Deps) -> str:
    """Copy the community once a day; that none could be made is told once a day, too."""
    folder, name = deps.backups, deps.community.community.id
    try:
        if folder is None or not await asyncio.to_thread(is_due, folder, name, commit.now, deps.hours.zone):
            return "skipped: there is one of today, or no place for any"
        made = await Community(commit.db).copy(folder / name_of(name, commit.now), commit.now)
        gone = await asyncio.to_thread(tidy, folder, name, commit.now)
    except Permanent as failure:
        commit.alarm("backup_failed", reason=failure.reason)
        await _tell_admins(f"backup-{int(commit.now // DAY)}", texts.no_backup(), commit, deps)
        return f"failed: {failure.reason}"
    held = made.contents
    log.info("backup_made", file=made.path.name, keys=held.keys, entries=held.entries, bytes=made.size, removed=gone)
    return f"made: {made.path.name}"


async def tell_digest(_: str, commit: Commit, deps: Deps) -> str:
    """Once in the morning, tell the admins in a few lines how things stand. A day that was missed is over."""
    date = digest_due(commit.now, deps.hours.zone)
    if date is None:
        return "skipped: not in the morning"
    lost = await lost_time(commit)
    if lost is not None and digest_due(Epoch(lost.restored_at), deps.hours.zone) == date:
        return "skipped: restored this morning, so it may have been told"
    now = await standing(commit.db, commit.now)
    counts = texts.Counts(now.asked, now.answered, now.waiting, now.open_cases, len(now.dead))
    losses = [(loss.room_id, loss.start, loss.end) for loss in now.losses if loss.end >= commit.now - DAY]
    told = await _tell_admins(date, texts.digest(counts, losses, deps.hours.zone), commit, deps, kind=Kind.DIGEST)
    return f"told: {date}" if told else "skipped: told today"


async def tell_stopped(worker: str, commit: Commit, deps: Deps) -> str:
    """A worker buried so much that it stopped by itself."""
    await _tell_admins(f"stopped-{worker}-{int(commit.now // HOUR)}", texts.stopped_worker(worker), commit, deps)
    return "told"


async def tell_emptied(_: str, commit: Commit, deps: Deps) -> str:
    """A worker found another database than the one it knew: what the engine remembered is gone."""
    await _tell_admins(f"emptied-{int(commit.now // HOUR)}", texts.emptied_database(), commit, deps)
    return "told"


async def _tell_admins(subject: str, text: str, commit: Commit, deps: Deps, *, kind: Kind = Kind.ALARM) -> bool:
    """Write to every admin room, once for a subject; False if all of it was written before."""
    told = False
    for room_id in deps.community.rooms_of("admin"):
        intent = Intent(
            id=f"{kind}-{subject}-{room_id}",
            worker="keeper",
            kind=kind,
            lane=Lane.REPLY if kind is Kind.ALARM else Lane.DIGEST,
            subject=subject,
            content=ChatContent(room_id=room_id, body=text),
            created_at=commit.now,
        )
        told = await put(commit, intent) or told
    return told


JOBS: Mapping[str, Job] = {
    "compare_members": compare_members,
    "compare_room": compare_room,
    "sweep": sweep,
    "watch": watch,
    "fill_gaps": fill_gaps,
    "retain_no_longer": retain_no_longer,
    "back_up": back_up,
    "tell_digest": tell_digest,
    "tell_emptied": tell_emptied,
    "tell_stopped": tell_stopped,
}
PERIODIC: Mapping[str, float] = {
    "compare_members": 5 * MINUTE,
    "sweep": 15.0,
    "watch": MINUTE,
    "fill_gaps": ROUND,
    "retain_no_longer": DAY,
    "tell_digest": HOUR / 4,
    "back_up": 5 * MINUTE,
}
