"""What was decided about asking, so that anybody can be told why these people, why then, and why not the others.

{c}:decisions:<question>  record  the newest decisions about a question (expires by retention)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from engine.commit import Record
from engine.erasure import Records
from engine.questions.reasons import Because, Why

if TYPE_CHECKING:
    from engine.clock import Clock
    from engine.commit import Commit, Database

KEPT = 12
"""Decisions remembered for one question."""


class Invitee(Record):
    """One who is asked, for what reason, at what time (epoch seconds), and the chance (0 to 1) that they answer."""

    account_id: int
    why: Why
    word: str = ""
    at: float
    chance: float

    @property
    def because(self) -> Because:
        """The reason with its word."""
        return Because(self.why, self.word)


class Decision(Record):
    """One look at a question: its `wave` (from 0), why now, how many were looked at, who was left out for what."""

    at: float
    wave: int
    now_because: str
    pool: int = 0
    left_out: dict[str, tuple[int, ...]] = Field(default_factory=dict)
    chosen: tuple[Invitee, ...] = ()


class Decisions(Record):
    """The decisions about a question, oldest first."""

    decisions: tuple[Decision, ...] = ()


async def decisions_about(commit: Commit, question_id: str) -> tuple[Decision, ...]:
    """What was decided about a question, oldest first."""
    found = await commit.read(commit.db.keys("decisions", question_id), Decisions)
    return found.decisions if found else ()


async def note(commit: Commit, question_id: str, decision: Decision, ttl: float) -> None:
    """Remember a decision, and log it with this commit."""
    known = await decisions_about(commit, question_id)
    kept = Decisions(decisions=(*known, decision)[-KEPT:])
    commit.write(commit.db.keys("decisions", question_id), kept, ttl=ttl)
    commit.fact(
        "nudge_decided",
        question_id=question_id,
        wave=decision.wave,
        now_because=decision.now_because,
        pool=decision.pool,
        left_out={reason: len(people) for reason, people in decision.left_out.items()},
        chosen=[each.account_id for each in decision.chosen],
    )


async def forget_in_decisions(db: Database, clock: Clock, account_id: int) -> int:
    """Take a person out of every decision. Returns how many questions' decisions knew them."""

    def without(known: Decisions) -> Decisions:
        decisions = tuple(_without(each, account_id) for each in known.decisions)
        return known if decisions == known.decisions else Decisions(decisions=decisions)

    return await Records(db, clock).change("decisions", Decisions, without)


def _without(decision: Decision, account_id: int) -> Decision:
    left_out = {
        reason: tuple(each for each in people if each != account_id) for reason, people in decision.left_out.items()
    }
    chosen = tuple(each for each in decision.chosen if each.account_id != account_id)
    return decision.model_copy(update={"left_out": left_out, "chosen": chosen})
