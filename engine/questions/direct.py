"""Direct chats with members, as far as the engine spoke there: no webhook tells of them, so they are read.

{c}:spoken_to       zset    account ids by when the engine last asked them something
{c}:direct:<room>   record  whose direct chat a room is, and up to which message it was read (expires after a month)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.clock import DAY, MINUTE
from engine.commit import Record
from engine.erasure import Records

if TYPE_CHECKING:
    from engine.clock import Clock
    from engine.commit import Commit, Database

ROUND = 3 * MINUTE
"""Seconds between two looks at direct chats."""

LISTENING = 2 * DAY
"""How long an answer to a private word is waited for, seconds."""

AT_ONCE = 10
"""Direct chats that are read in one round, those first that were spoken to last: every one is a request."""

KEPT = 31 * DAY


class Direct(Record):
    """A member's direct chat; messages up to `read_until` (a message id) were read."""

    account_id: int
    read_until: int = 0


def spoke_to(commit: Commit, account_id: int) -> None:
    """The engine asks somebody something now; wherever it is read, they may answer in their direct chat."""
    commit.rank(commit.db.keys("spoken_to"), str(account_id), commit.now)


async def spoken_to(commit: Commit) -> list[int]:
    """Whom the engine asked lately, the last one first."""
    key = commit.db.keys("spoken_to")
    for old in await commit.db.ranked(key, high=commit.now - LISTENING):
        commit.unrank(key, old)
    found = await commit.db.ranked(key, low=commit.now - LISTENING)
    return [int(account_id) for account_id in reversed(found)]


async def forget_direct(db: Database, clock: Clock, account_id: int) -> int:
    """Forget where and when the engine spoke to somebody. Returns how many chats there were."""

    def without(direct: Direct) -> Direct | None:
        return None if direct.account_id == account_id else direct

    commit = db.commit(clock.now())
    commit.unrank(db.keys("spoken_to"), str(account_id))
    await db.apply(commit)
    return await Records(db, clock).change("direct", Direct, without)


async def direct_chat(commit: Commit, room_id: int) -> Direct | None:
    """Whose direct chat a room is, to be changed; None for any other room."""
    return await commit.read(commit.db.keys("direct", room_id), Direct)


def put_direct_chat(commit: Commit, room_id: int, direct: Direct) -> None:
    """Write what `direct_chat` looked for."""
    commit.write(commit.db.keys("direct", room_id), direct, ttl=KEPT)
