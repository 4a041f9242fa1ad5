"""Dead letters: what failed for good, kept with its reason until a person redrives or drops it.

{c}:dead       zset    ids by time
{c}:dead:<id>  record  a dead letter
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from engine.commit import Record

if TYPE_CHECKING:
    from engine.commit import Commit, Database
    from engine.keys import Keys


class DeadLetter(Record):
    """`subject` is an event's envelope, a webhook's raw body (base64), an intent's id, or `job|argument`."""

    id: str
    source: Literal["event", "webhook", "intent", "job"]
    worker: str
    subject: str
    reason: str
    traceback: str | None = None
    died_at: float
    trace: str | None = None


def dead_key(keys: Keys, letter_id: str) -> str:
    """Key of a dead letter."""
    return keys("dead", letter_id)


async def bury(commit: Commit, letter: DeadLetter) -> None:
    """Add a dead letter to a commit; a letter of the same id is replaced."""
    keys = commit.db.keys
    await commit.read(dead_key(keys, letter.id), DeadLetter)
    commit.write(dead_key(keys, letter.id), letter)
    commit.rank(keys.dead_letters, letter.id, letter.died_at)
    commit.fact("dead_lettered", dead_letter=letter.id, source=letter.source, reason=letter.reason)


def unbury(commit: Commit, letter_id: str) -> None:
    """Take a dead letter away: it was redriven, or nobody wants it."""
    commit.erase(dead_key(commit.db.keys, letter_id))
    commit.unrank(commit.db.keys.dead_letters, letter_id)


async def list_dead(db: Database) -> list[DeadLetter]:
    """All dead letters, oldest first."""
    ids = await db.ranked(db.keys.dead_letters)
    found = await db.read_many([dead_key(db.keys, letter_id) for letter_id in ids], DeadLetter)
    return [letter for letter in found if letter is not None]
