"""What should happen when a message arrives. Pure. Whom to ask when no answer does stands in `choosing.py`.

open ──answer by another member──▶ answered ──thanks by the asker──▶ thanked
│                                                                    ▲
├──thanks or 解決 by the asker───────────────────────────────────────┘
└──#質問ではない, deleted──▶ withdrawn                     never closed by time
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


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
    """A message as the rules hear it. `can_answer` is false for vendors and the engine itself.

    `rests_until` is until when the author wants to be asked nothing, epoch seconds, 0 if nothing is said of it.
    """

    message_id: str
    author: int
    sent_at: int
    is_question: bool = False
    reason: str = ""
    is_thanks: bool = False
    is_solved: bool = False
    is_pass: bool = False
    is_withdrawn: bool = False
    rests_until: float = 0.0
    resumes: bool = False
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


@dataclass(frozen=True, slots=True)
class Rest:
    """The author wants to be asked nothing until then, epoch seconds; 0: may be asked again."""

    until: float


Decision = OpenQuestion | RecordAnswer | RecordPass | CloseThanked | Withdraw | Rest


def on_message(heard: Heard, questions: Sequence[Known], engine: int) -> list[Decision]:
    """Decide about a new message in a room whose not withdrawn questions are `questions` (oldest first)."""
    if heard.is_withdrawn:
        return [Withdraw(question.question_id) for question in _own(heard, questions)[-1:]]
    if (heard.rests_until or heard.resumes) and (engine in heard.mentions or _asked_and_silent(heard, questions)):
        silent = _asked_and_silent(heard, questions) if heard.rests_until else []
        return [*(RecordPass(question.question_id) for question in silent), Rest(heard.rests_until)]
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
