"""What should happen when a message arrives, and whom to ask when an answer does not. Pure.

open ──answer by another member──▶ answered ──thanks by the asker──▶ thanked
│                                                                    ▲
├──thanks or 解決 by the asker───────────────────────────────────────┘
└──#質問ではない, deleted──▶ withdrawn                     never closed by time
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from engine.clock import DAY, Epoch

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

WEEK = 7 * DAY

TOO_LATE = DAY
"""Seconds after which an invitation that was not sent (a brake, a machine that was off) is dropped."""

SPACING = 60.0
"""Seconds between two invitations in one room."""


class State(StrEnum):
    """Where a question is; see the drawing above."""

    OPEN = "open"
    ANSWERED = "answered"
    THANKED = "thanked"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True)
class Known:
    """What the rules need to know of a question: identity, asker, state, who answered, whom the engine asked."""

    question_id: str
    message_id: str
    asker: int
    asked_at: int
    state: State
    answerers: frozenset[int] = frozenset()
    asked: frozenset[int] = frozenset()
    passed: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Heard:
    """A message as the rules hear it. `can_answer` is false for vendors and the engine itself."""

    message_id: str
    author: int
    sent_at: int
    is_question: bool = False
    reason: str = ""
    is_thanks: bool = False
    is_solved: bool = False
    is_pass: bool = False
    is_withdrawn: bool = False
    has_words: bool = True
    can_answer: bool = True
    replies_to: frozenset[str] = frozenset()
    mentions: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class OpenQuestion:
    """Take the message for a question."""


@dataclass(frozen=True, slots=True)
class RecordAnswer:
    """The message answers a question."""

    question_id: str


@dataclass(frozen=True, slots=True)
class RecordPass:
    """The author would rather not answer this one."""

    question_id: str


@dataclass(frozen=True, slots=True)
class CloseThanked:
    """The asker is content."""

    question_id: str


@dataclass(frozen=True, slots=True)
class Withdraw:
    """It is no question after all."""

    question_id: str


Decision = OpenQuestion | RecordAnswer | RecordPass | CloseThanked | Withdraw


def on_message(heard: Heard, questions: Sequence[Known], engine: int) -> list[Decision]:
    """Decide about a new message in a room whose not withdrawn questions are `questions` (oldest first)."""
    if heard.is_withdrawn:
        return [Withdraw(question.question_id) for question in _own(heard, questions)[-1:]]
    if heard.is_pass:
        return [RecordPass(question.question_id) for question in _asked_and_silent(heard, questions)[-1:]]
    decisions: list[Decision] = [RecordAnswer(found.question_id) for found in answered_by(heard, questions, engine)]
    if (heard.is_thanks or heard.is_solved) and not heard.is_question:
        decisions += [CloseThanked(question.question_id) for question in _own(heard, questions)[-1:]]
    if heard.is_question:
        decisions.append(OpenQuestion())
    return decisions


def answered_by(heard: Heard, questions: Iterable[Known], engine: int) -> list[Known]:
    """Questions that a message answers: by replying to one, by mentioning its asker, or to the engine that asked."""
    if not heard.can_answer or not heard.has_words or heard.is_question:
        return []
    others = [question for question in questions if question.asker != heard.author]
    replied = [question for question in others if question.message_id in heard.replies_to]
    if replied:
        return replied
    asked = _asked_and_silent(heard, others)[-1:]
    if asked and engine in heard.mentions:
        return asked
    waiting = [question for question in others if question.state is State.OPEN and question.asker in heard.mentions]
    return waiting[-1:]


def _own(heard: Heard, questions: Iterable[Known]) -> list[Known]:
    """Questions of the author that still wait for thanks."""
    return [q for q in questions if q.asker == heard.author and q.state in (State.OPEN, State.ANSWERED)]


def _asked_and_silent(heard: Heard, questions: Iterable[Known]) -> list[Known]:
    """Questions for which the engine asked the author, who has not reacted yet."""
    return [
        question
        for question in questions
        if heard.author in question.asked and heard.author not in question.answerers | question.passed
    ]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A member who might be asked: times of the engine's earlier invitations, epoch seconds."""

    account_id: int
    asked_at: tuple[float, ...] = ()
    paused_until: float = 0.0
    may_be_asked: bool = True


@dataclass(frozen=True, slots=True)
class Caps:
    """How often one person may be asked."""

    per_day: int
    per_week: int


def left_out(candidate: Candidate, question: Known, caps: Caps, now: Epoch) -> str | None:
    """Why somebody is not asked, from a closed list; None if they may be."""
    this_day = sum(at > now - DAY for at in candidate.asked_at)
    reasons = (
        (candidate.account_id == question.asker, "asker"),
        (not candidate.may_be_asked, "vendor or staff"),
        (candidate.account_id in question.asked, "asked before"),
        (candidate.account_id in question.answerers, "answered already"),
        (candidate.paused_until > now, "paused"),
        (this_day >= caps.per_day, "day cap"),
        (_load(candidate, now) >= caps.per_week, "week cap"),
    )
    return next((reason for holds, reason in reasons if holds), None)


def choose(question: Known, candidates: Iterable[Candidate], caps: Caps, now: Epoch) -> Candidate | None:
    """Whom to ask: the one who was asked least this week; equals by a draw that the question's id decides."""
    free = [candidate for candidate in candidates if left_out(candidate, question, caps, now) is None]
    return min(free, key=lambda candidate: (_load(candidate, now), _draw(question, candidate)), default=None)


def _load(candidate: Candidate, now: Epoch) -> int:
    return sum(at > now - WEEK for at in candidate.asked_at)


def _draw(question: Known, candidate: Candidate) -> bytes:
    """Deterministic lot: the same question and people give the same choice."""
    return hashlib.blake2s(f"{question.question_id}:{candidate.account_id}".encode()).digest()


def may_still_ask(
    question: Known, decided_at: float, paused_until: float, now: Epoch, *, under_moderation: bool = False
) -> str | None:
    """Checked again at the moment of sending: why the invitation is no longer wanted; None if it is."""
    if question.state is State.WITHDRAWN:
        return "withdrawn"
    if question.state is not State.OPEN:
        return "answered"
    if under_moderation:
        return "under moderation"
    if paused_until > now:
        return "paused"
    return "too late" if now - decided_at > TOO_LATE else None


def next_free(last_ask: float | None, now: Epoch) -> Epoch:
    """When a room may read the next invitation: a machine that slept must not pour out what it missed."""
    if last_ask is None or not now - SPACING < last_ask <= now:
        return now
    return Epoch(last_ask + SPACING)
