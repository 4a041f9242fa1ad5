"""What somebody may tell the engine about being asked; what a question and a message are to the rules. Pure.

How a question goes on when people talk about it stands in `conversation.py`, whom to ask in `choosing.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


class State(StrEnum):
    """Where a question is; the drawing stands in `conversation.py`."""

    OPEN = "open"
    CLARIFY = "clarify"
    ANSWERED = "answered"
    THANKED = "thanked"
    PARKED = "parked"
    WITHDRAWN = "withdrawn"


WAITING = frozenset({State.OPEN, State.CLARIFY})
"""States in which a question has no answer."""


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

    def silent(self, account_id: int) -> bool:
        """Whether the engine asked somebody who has not reacted yet."""
        return account_id in self.asked and account_id not in self.answerers | self.passed


@dataclass(frozen=True, slots=True)
class Heard:
    """A message as the rules hear it. `can_answer` is false for vendors and for words that hurt.

    `is_settled` says in words what thanks only let one think (`is_solved`).
    `rests_until` is until when the author wants to be asked nothing, epoch seconds, 0 if nothing is said of it.
    `substance` counts characters beyond thanks, greetings and 「なるほど」; `quotes` are author and time of what it
    quotes, `nouns` what it is about.
    """

    message_id: str
    author: int
    sent_at: int
    is_question: bool = False
    reason: str = ""
    is_thanks: bool = False
    is_solved: bool = False
    is_settled: bool = False
    is_unsolved: bool = False
    is_parked: bool = False
    is_pass: bool = False
    is_withdrawn: bool = False
    rests_until: float = 0.0
    resumes: bool = False
    substance: int = 20
    tells: bool = False
    asks_back: bool = False
    asks_everybody: bool = False
    can_answer: bool = True
    replies_to: frozenset[str] = frozenset()
    quotes: frozenset[tuple[int, int]] = frozenset()
    mentions: frozenset[int] = frozenset()
    nouns: frozenset[str] = frozenset()

    @property
    def order(self) -> tuple[int, int]:
        """When it was said, and which of two in one second came first."""
        return self.sent_at, int(self.message_id)


@dataclass(frozen=True, slots=True)
class RecordPass:
    """The author would rather not answer this one."""

    question_id: str


@dataclass(frozen=True, slots=True)
class Rest:
    """The author wants to be asked nothing until then, epoch seconds; 0: may be asked again."""

    until: float


def to_the_engine(heard: Heard, questions: Sequence[Known], engine: int) -> list[RecordPass | Rest]:
    """What a message tells the engine in a room whose not withdrawn questions are `questions` (oldest first)."""
    silent = _silent(heard, questions)
    if (heard.rests_until or heard.resumes) and (engine in heard.mentions or silent):
        passed = silent if heard.rests_until else []
        return [*(RecordPass(question.question_id) for question in passed), Rest(heard.rests_until)]
    if heard.is_pass:
        return [RecordPass(question.question_id) for question in silent[-1:]]
    return []


def _silent(heard: Heard, questions: Iterable[Known]) -> list[Known]:
    return [question for question in questions if question.silent(heard.author)]
