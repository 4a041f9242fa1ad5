"""What is kept no longer than `[retention] messages` although its key does not expire by itself.

Texts of messages expire by themselves. Here go what hangs on them: questions, the words of cases, dead letters.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.dead import list_dead, unbury
from engine.moderation.store import forget_evidence
from engine.outbox import intent_key
from engine.questions.forgetting import forget_questions

if TYPE_CHECKING:
    from engine.clock import Clock
    from engine.commit import Database


async def retain(db: Database, clock: Clock, before: float) -> dict[str, int]:
    """Let go of what is older than `before` (epoch seconds); returns how much of what. Safe to run twice."""
    gone = {
        "questions": await forget_questions(db, clock, lambda question: question.asked_at < before),
        "cases_without_words": await forget_evidence(db, clock, lambda case: case.opened_at < before),
        "dead_letters": await _forget_dead_letters(db, clock, before),
    }
    return {what: count for what, count in gone.items() if count}


async def _forget_dead_letters(db: Database, clock: Clock, before: float) -> int:
    """Nobody wanted them for so long."""
    commit = db.commit(clock.now())
    old = [letter for letter in await list_dead(db) if letter.died_at < before]
    for letter in old:
        unbury(commit, letter.id)
        if letter.source == "intent":
            commit.erase(intent_key(db.keys, letter.subject))
    await db.apply(commit)
    return len(old)
