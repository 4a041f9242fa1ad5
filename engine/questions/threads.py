"""A question and what was said about it: turns, whose fold is the question's state. Pure.

open ◀──the asker explains── clarify
│ ▲ └──somebody asks back──────▲
│ └──「まだ」 by the asker◀──────┬───────────┬──────────┐
├──an answer──────────▶ answered ──thanks──▶ thanked    │
├──it can wait────────────────────────────────────────▶ parked
└──#質問ではない, deleted──▶ withdrawn                      never closed by time
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from engine.clock import DAY, HOUR, MINUTE
from engine.questions.rules import WAITING, Known, State

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from engine.clock import Epoch
    from engine.questions.rules import Heard

LIVELY = 20 * MINUTE
MAYBE_RESTS = 2 * HOUR
ASKED_BACK_RESTS = DAY

AT_LAST = 2**53
"""The time of a deletion: whatever was said to a question, it comes after it."""

MOST_TURNS = 60
"""Turns remembered of one question: the newest, and all answers."""


class Act(StrEnum):
    """What a message does to a question."""

    ANSWERS = "answers"
    MAY_ANSWER = "may answer"
    ASKS_BACK = "asks back"
    EXPLAINS = "explains"
    THANKS = "thanks"
    NOT_YET = "not yet"
    PARKS = "parks"
    TAKES_BACK = "takes back"
    WITHDRAWS = "withdraws"
    IS_DELETED = "is deleted"
    BELONGS = "belongs to another"


class Link(StrEnum):
    """By what a message belongs to a question, surest first."""

    REPLY = "reply"
    TO_ENGINE = "reply to the engine"
    QUOTE = "quote"
    THREAD = "reply to a word about it"
    MENTION = "mention"
    NEXT = "next in the room"
    OWN = "its asker"


@dataclass(frozen=True, slots=True)
class Turn:
    """A message's part in the conversation about a question; `at` in epoch seconds."""

    message_id: str
    account_id: int
    at: int
    act: Act
    link: Link
    confidence: float = 1.0

    @property
    def order(self) -> tuple[int, int]:
        """When it was said, and which of two in one second came first."""
        return self.at, int(self.message_id)


@dataclass(frozen=True, slots=True)
class Thread:
    """A question and all that was said about it, in order; `invited_at`: when the engine asked whom, epoch seconds."""

    known: Known
    nouns: frozenset[str] = frozenset()
    turns: tuple[Turn, ...] = ()
    invited_at: Mapping[int, float] = field(default_factory=dict)

    @property
    def state(self) -> State:
        """Where it is after all turns."""
        return fold(self.turns)

    @property
    def last_at(self) -> int:
        """When something was last said about it."""
        return max(self.known.asked_at, *(turn.at for turn in self.turns), 0)

    @property
    def messages(self) -> frozenset[str]:
        """The question's and everything said about it."""
        return frozenset({self.known.message_id, *(turn.message_id for turn in self.turns)})

    def waits_for(self, heard: Heard) -> bool:
        """Whether the engine had asked the author, who has neither passed nor answered yet."""
        answered = any(turn.account_id == heard.author and turn.act is Act.ANSWERS for turn in self.turns)
        asked = heard.author not in self.known.passed and self.invited_at.get(heard.author, math.inf) <= heard.sent_at
        return asked and not answered

    @property
    def begins(self) -> tuple[int, int]:
        """When the question was asked, and which of two in one second came first."""
        return self.known.asked_at, int(self.known.message_id)

    def heard_anew(self, message_ids: frozenset[str]) -> Thread:
        """The thread before these messages are heard again; what its own message says of itself stays."""

        def stays(turn: Turn) -> bool:
            own = turn.message_id == self.known.message_id and turn.act is not Act.BELONGS
            return own or turn.message_id not in message_ids

        return replace(self, turns=tuple(turn for turn in self.turns if stays(turn)))

    def until(self, heard: Heard) -> Thread:
        """The thread as it was when a message was said."""
        return replace(self, turns=tuple(turn for turn in self.turns if turn.order < heard.order))

    def without(self, message_ids: Iterable[str]) -> Thread:
        """The thread as if these messages had not been."""
        gone = frozenset(message_ids)
        return replace(self, turns=tuple(turn for turn in self.turns if turn.message_id not in gone))

    def with_turn(self, turn: Turn) -> Thread:
        """The thread with one more turn, in its place."""
        turns = sorted((*self.turns, turn), key=lambda each: each.order)
        kept = turns[-MOST_TURNS:]
        earlier = [each for each in turns[:-MOST_TURNS] if each.act is Act.ANSWERS]
        return replace(self, turns=(*earlier, *kept))


def without_message(thread: Thread, message_id: str) -> Thread:
    """The thread after a message was deleted; if that was the question, it is withdrawn unless it was settled."""
    known = thread.known
    if known.message_id != message_id:
        return thread.without({message_id})
    return thread.with_turn(Turn(message_id, known.asker, AT_LAST, Act.IS_DELETED, Link.OWN))


def rewritten(thread: Thread, heard: Heard, at: int) -> Thread:
    """If the question reads otherwise since `at`, it may be taken back by that, or be one again."""
    if thread.known.message_id != heard.message_id:
        return thread
    thread = thread.without({heard.message_id})
    if heard.is_question:
        return thread
    act = Act.WITHDRAWS if heard.is_withdrawn else Act.TAKES_BACK
    return thread.with_turn(Turn(heard.message_id, heard.author, at, act, Link.OWN))


_ALL = frozenset(State) - {State.WITHDRAWN}
_STEPS: Mapping[Act, tuple[frozenset[State], State]] = {
    Act.ANSWERS: (WAITING | {State.PARKED}, State.ANSWERED),
    Act.ASKS_BACK: (frozenset({State.OPEN}), State.CLARIFY),
    Act.EXPLAINS: (frozenset({State.CLARIFY}), State.OPEN),
    Act.THANKS: (_ALL, State.THANKED),
    Act.NOT_YET: (_ALL, State.OPEN),
    Act.PARKS: (WAITING | {State.ANSWERED}, State.PARKED),
    Act.TAKES_BACK: (WAITING, State.WITHDRAWN),
    Act.WITHDRAWS: (_ALL, State.WITHDRAWN),
    Act.BELONGS: (_ALL, State.WITHDRAWN),
    Act.IS_DELETED: (_ALL - {State.THANKED}, State.WITHDRAWN),
}
"""From which states an act leads where; every other leaves the state as it is."""


def fold(turns: Iterable[Turn]) -> State:
    """The state after these turns, in the order in which they were said."""
    state = State.OPEN
    for turn in turns:
        before, after = _STEPS.get(turn.act, (frozenset(), state))
        state = after if state in before else state
    return state


def rests(turns: Sequence[Turn], now: Epoch) -> tuple[float, str] | None:
    """Until when nobody should be asked, epoch seconds, and why, from a closed list; None if nothing speaks against."""
    reasons = [(turn.at + LIVELY, "the thread is lively") for turn in turns]
    reasons += [(turn.at + MAYBE_RESTS, "perhaps answered") for turn in turns if turn.act is Act.MAY_ANSWER]
    if fold(turns) is State.CLARIFY:
        reasons += [(turn.at + ASKED_BACK_RESTS, "asked back") for turn in turns if turn.act is Act.ASKS_BACK]
    return max((each for each in reasons if each[0] > now), default=None)
