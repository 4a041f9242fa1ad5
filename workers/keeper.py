"""Makes the others trustworthy: compares member lists, finds overdue work, watches the watchers and the webhooks.

Admins see a line in their room when something needs a person. Safe to run twice: every job looks anew at what is there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine import heartbeat
from engine.chatwork.markup import parse
from engine.clock import DAY, HOUR, MINUTE, Epoch
from engine.commit import Record
from engine.errors import Ignored, Permanent, Transient
from engine.events import MemberJoined, MemberLeft, MessageCreated
from engine.log import get_logger
from engine.members.rules import Joined, Left, RoleChanged, compare
from engine.members.store import Member, Members, Roster
from engine.outbox import ChatContent, Intent, Kind, put
from engine.ports import Lane, Wake
from engine.routes import WORKERS
from engine.stream import trim

if TYPE_CHECKING:
    from collections.abc import Mapping

    from engine.commit import Commit
    from engine.ports import Account
    from workers.runtime import Deps, Job

log = get_logger()

OVERDUE = 10.0
"""Seconds after its due time at which work counts as forgotten by arq and is started again."""

STUCK = 10 * MINUTE
"""Seconds after its due time at which work is reported."""

PATIENCE = 2 * MINUTE
"""Seconds for which a worker must be silent before the admins hear of it."""

QUIET_WEBHOOK = 2 * MINUTE
"""A message this old that no webhook told is missing."""

KEPT_ENTRIES = 1000
"""Entries of the stream kept for looking at, although every worker is done with them."""

MEMBERSHIP = frozenset({"chatroom_chat_joined", "chatroom_added", "chatroom_deleted", "chatroom_leaved"})


async def on_hint(event: MessageCreated, commit: Commit, deps: Deps) -> str:
    """A notice that somebody came or went: only a hint (anybody can type it), so look at the member list soon."""
    notice = parse(event.body).notice
    if deps.community.role_of(event.room_id) is None or notice is None or not MEMBERSHIP.intersection(notice.keys):
        raise Ignored("no hint")
    commit.wake("keeper", "compare_members", "", commit.now)
    return "hint: looking at the member lists"


async def compare_members(_: str, commit: Commit, deps: Deps) -> str:
    """Compare every room's member list with the stored one. The first look learns: nobody has joined by it."""
    changes = 0
    for room in deps.community.rooms:
        try:
            listed = await deps.chat.members(room.room_id)
        except (Transient, Permanent) as failure:
            log.warning("member_list_unread", room_id=room.room_id, reason=failure.reason)
            continue
        changes += await _update_room(room.room_id, listed, commit)
    return f"changes: {changes}"


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
    known = await heartbeat.beats(commit.db, commit.now)
    silent = [worker for worker in WORKERS if not heartbeat.is_alive(known, worker, commit.now)]
    if not await _for_a_while(silent, commit):
        return f"silent: {', '.join(silent) or 'nobody'}"
    log.error("worker_silent", workers=silent)
    text = (
        f"運営の皆さまへ: 自動処理の一部（{'、'.join(silent)}）が止まっているようです。"
        "お手数ですが、システムのご担当へお知らせください。"
    )
    await _tell_admins(f"silent-{int(commit.now // HOUR)}", text, commit, deps)
    return f"told: {', '.join(silent)}"


class Silence(Record):
    """Workers found silent, and since when somebody is."""

    workers: tuple[str, ...]
    since: float


async def _for_a_while(silent: list[str], commit: Commit) -> bool:
    """True if somebody was silent in earlier rounds, too: at a start not everybody speaks at once."""
    key = commit.db.keys("silence")
    before = await commit.read(key, Silence)
    since = before.since if before and before.workers and silent else commit.now
    commit.write(key, Silence(workers=tuple(silent), since=since))
    return bool(silent) and commit.now - since >= PATIENCE


async def listen(_: str, commit: Commit, deps: Deps) -> str:
    """Compare what the rooms hold with what webhooks told: silence is told from a switched-off webhook only so."""
    missing, since = 0, await _watching_since(commit)
    for room in deps.community.rooms:
        if room.role == "vendor":
            continue
        for message in await deps.chat.newest_messages(room.room_id):
            old_enough = since <= message.sent_at <= commit.now - QUIET_WEBHOOK
            if not old_enough or message.account_id == deps.own_account_id:
                continue
            event = MessageCreated(
                room_id=room.room_id, message_id=message.message_id, account_id=message.account_id,
                body="", sent_at=message.sent_at,
            )  # fmt: skip
            missing += not await commit.db.was_seen(event.event_id)
    if missing:
        log.error("webhook_silent", missing=missing)
        text = (
            f"運営の皆さまへ: Chatworkからの通知が{missing}件届いていないようです。"
            "Chatworkの「サービス連携」でWebhookが有効かどうか、ご確認をお願いいたします。"
        )
        await _tell_admins(f"webhook-{int(commit.now // DAY)}", text, commit, deps)
    return f"missing: {missing}"


class Watching(Record):
    """Since when this installation listens; older messages are nobody's fault."""

    since: float


async def _watching_since(commit: Commit) -> Epoch:
    key = commit.db.keys("watching")
    known = await commit.read(key, Watching)
    if known is None:
        known = Watching(since=commit.now)
        commit.write(key, known)
    return Epoch(known.since)


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
    "sweep": sweep,
    "watch": watch,
    "listen": listen,
}
PERIODIC: Mapping[str, float] = {
    "compare_members": 5 * MINUTE,
    "sweep": 15.0,
    "watch": MINUTE,
    "listen": 10 * MINUTE,
}
