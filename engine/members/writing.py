"""Changing one person in a room's member list without harm to the others.

Chatwork replaces the whole list, without any condition. So there is one writer a room, the list is read right before
it is written, and read again afterwards: who came in between, and was thrown out by the write, is put back.
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from redis.exceptions import LockError

from engine.away import redis_errors
from engine.chatwork.markup import parse
from engine.clock import MINUTE
from engine.errors import Permanent, Transient
from engine.log import get_logger
from engine.members.rules import Unsafe, rewritten
from engine.members.store import Members
from engine.ports import Lane

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Mapping

    from redis.asyncio.lock import Lock

    from engine.clock import Clock, Epoch
    from engine.commit import Database
    from engine.ports import Chat, PostedMessage

log = get_logger()

LEASE = 90.0
"""Seconds for which a room has one writer; longer than all of its requests may take together."""

SKEW = 5
"""Seconds by which Chatwork's clock may be behind ours."""

ROUNDS = 3
"""Times that people are put back; each write could throw out somebody new."""

AGAIN_AFTER = 5 * MINUTE
"""Seconds until the keeper has surely looked at the list again."""


@dataclass(frozen=True, slots=True)
class Written:
    """What became of a change. `lost` were thrown out by it and could not be put back: they must be invited again."""

    changed: bool
    put_back: tuple[int, ...] = ()
    lost: tuple[int, ...] = ()


class MemberList:
    """The one writer of a room's member list."""

    def __init__(self, room_id: int, chat: Chat, db: Database, clock: Clock, own_account_id: int) -> None:
        self._room_id = room_id
        self._chat = chat
        self._db = db
        self._clock = clock
        self._own = own_account_id

    async def change(self, account_id: int, role: str | None, *, since: Epoch | None = None) -> Written:
        """Give somebody a role, or take them out (None). Safe to run again: done already, nothing is written.

        `since` is when an earlier run began that may have been cut off: who was thrown out by it is put back, too.
        Raises `Permanent` if Chatwork or our own rules forbid it, `Transient` if it may work later.
        """
        async with self._alone() as lock:
            began = since or self._clock.now()
            before = await self._listed()
            changed = before.get(account_id) != role
            if changed:
                await self._write(await self._safe(before, account_id, role), lock)
                after = await self._listed()
                if after.get(account_id) != role:
                    raise Transient("PUT members: the list does not show the change")
            elif since is None:
                return Written(changed=False)
            return await self._put_back(account_id, began, before.keys() if changed else (), lock, changed=changed)

    @asynccontextmanager
    async def _alone(self) -> AsyncIterator[Lock]:
        """Hold the room. Raises `Transient` while somebody else does."""
        lock = self._db.redis.lock(self._db.keys("writing", self._room_id), timeout=LEASE, blocking=False)
        with redis_errors():
            held = await lock.acquire()
        if not held:
            raise Transient("somebody else is writing this member list", retry_after=SKEW)
        try:
            yield lock
        finally:
            with redis_errors():
                try:
                    await lock.release()
                except LockError:
                    log.warning("member_list_lease_over", room_id=self._room_id)

    async def _listed(self) -> dict[int, str]:
        return {account.account_id: account.role for account in await self._chat.members(self._room_id)}

    async def _safe(self, listed: Mapping[int, str], account_id: int, role: str | None) -> dict[int, str]:
        roster = await Members(self._db.commit(self._clock.now())).roster(self._room_id)
        new = rewritten(listed, roster.roles if roster else {}, self._own, account_id, role)
        if isinstance(new, Unsafe):
            log.error("member_list_refused", room_id=self._room_id, reason=new.reason)
            raise Transient(new.reason, retry_after=AGAIN_AFTER) if new.for_now else Permanent(new.reason)
        return new

    async def _write(self, new: Mapping[int, str], lock: Lock) -> None:
        """Write the list while it is ours to write; whether it arrived, the next look tells."""
        with redis_errors():
            ours = await lock.owned()
        if not ours:  # stopped meanwhile, for so long that somebody else may be at it
            raise Transient("the lease ran out before writing", retry_after=SKEW)
        try:
            became = await self._chat.put_members(self._room_id, new)
        except Transient as failure:
            if not failure.maybe_done:
                raise
            log.warning("member_list_unsure", room_id=self._room_id, reason=failure.reason)
            return
        if became != new:
            log.warning("member_list_differs", room_id=self._room_id, accounts=len(became.items() ^ new.items()))

    async def _put_back(
        self, account_id: int, began: Epoch, before: Iterable[int], lock: Lock, *, changed: bool
    ) -> Written:
        back: list[int] = []
        lost: list[int] = []
        for _ in range(ROUNDS):
            messages = await self._chat.newest_messages(self._room_id, Lane.MODERATION)
            here = await self._listed()
            recent = [message for message in messages if message.sent_at >= began - SKEW]
            out = thrown_out(recent, self._own, before) - here.keys() - {account_id, *lost}
            for who in sorted(out):
                refusal = await self._add(who, lock)
                if refusal is None:
                    back.append(who)
                    log.warning("member_put_back", room_id=self._room_id, account_id=who)
                else:
                    lost.append(who)
                    log.error("member_thrown_out", room_id=self._room_id, account_id=who, reason=refusal)
            if not out:
                break
        return Written(changed, tuple(back), tuple(lost))

    async def _add(self, account_id: int, lock: Lock) -> str | None:
        """Put somebody on the list; returns why Chatwork does not let them be put there."""
        try:
            await self._write(await self._safe(await self._listed(), account_id, "member"), lock)
        except Permanent as refusal:
            return refusal.reason
        return None


def thrown_out(recent: Iterable[PostedMessage], own: int, before: Iterable[int]) -> set[int]:
    """Who may have come and gone by our writing, by what stands in the room since; to be compared with who is there.

    Who wrote (a notice of joining is written by who joined) and was not there before, has come. Whom a notice of our
    own names as removed, was removed by us. Notices can be typed by anybody, so others' count only as a reason not to
    act: they left, or an admin removed them. In a room that hides its members Chatwork writes no such notices: there,
    who came without a word is not found.
    """
    came, removed, left = set[int](), set[int](), set[int]()
    for message in recent:
        came.add(message.account_id)
        notice = parse(message.body).notice
        if notice is None:
            continue
        if "chatroom_deleted" in notice.keys and message.account_id == own:
            removed.update(notice.account_ids)
        elif {"chatroom_deleted", "chatroom_leaved"}.intersection(notice.keys):
            left.update(notice.account_ids)
    return (came - set(before) | removed) - left - {own}
