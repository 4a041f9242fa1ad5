"""How long questions wait for a first answer, and so: when it is time to ask somebody. Pure.

A Kaplan-Meier curve over active time: a question that nobody answered before the engine asked somebody, or until now,
says only that it waited at least that long (it is censored). https://en.wikipedia.org/wiki/Kaplan-Meier_estimator
"""

from __future__ import annotations

import hashlib
import math
from bisect import bisect_right
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from engine.clock import DAY, HOUR, MINUTE, ActiveSeconds, Epoch

if TYPE_CHECKING:
    from collections.abc import Iterable

    from engine.questions.active_hours import ActiveHours

ENOUGH = 200
"""Questions from which on the curve is believed; until then the settings' `waves` hold."""

HOPE = 0.35
"""The chance of an answer by itself within the next active hour under which somebody is asked."""

WATCHED = 28 * DAY
"""How far back questions are looked at, seconds."""

EARLIEST = 20 * MINUTE
STEP = 10 * MINUTE


WATCHED_ON = 10
"""One question in so many waits as the settings say: who always asks early never learns what would come by itself."""


@dataclass(frozen=True, slots=True)
class Wait:
    """One question: active seconds to its first answer, or (not `answered`) for which it is known to have had none."""

    seconds: float
    answered: bool


def watch(asked_at: int, asks: Iterable[float], answers: Iterable[int], now: Epoch, hours: ActiveHours) -> Wait:
    """How long a question waited by itself: until its first answer, the engine's first invitation, or now."""
    answer = min(answers, default=math.inf)
    end = min(answer, now, min(asks, default=math.inf))
    return Wait(hours.between(Epoch(asked_at), Epoch(end)), answered=end == answer)


@dataclass(frozen=True, slots=True)
class Curve:
    """The chance that a question still waits: `still[i]` from `at[i]` active seconds on; before the first, 1."""

    at: tuple[float, ...] = ()
    still: tuple[float, ...] = ()
    questions: int = 0

    def waiting(self, seconds: float) -> float:
        """The chance that a question has no answer after so many active seconds."""
        step = bisect_right(self.at, seconds)
        return self.still[step - 1] if step else 1.0

    def hope(self, seconds: float, span: float = HOUR) -> float:
        """The chance of an answer by itself within `span` for a question that has waited `seconds`; at the end 0."""
        now = self.waiting(seconds)
        return 1 - self.waiting(seconds + span) / now if now > 0 else 0.0


def goes_on_watching(question_id: str) -> bool:
    """Whether this question is one of those that wait as the settings say; a lot that its id decides."""
    lot = hashlib.blake2s(question_id.encode(), person=b"patience").digest()
    return int.from_bytes(lot[:4]) % WATCHED_ON == 0


def learn(waits: Iterable[Wait]) -> Curve:
    """The product-limit estimate; answers and ends of watching at the same time: the answers come first."""
    known = list(waits)
    answers = Counter(wait.seconds for wait in known if wait.answered)
    left = Counter(wait.seconds for wait in known)
    at_risk, still = len(known), 1.0
    steps = []
    for seconds in sorted(left):
        if answers[seconds]:
            still *= 1 - answers[seconds] / at_risk
            steps.append((seconds, still))
        at_risk -= left[seconds]
    return Curve(tuple(at for at, _ in steps), tuple(value for _, value in steps), len(known))


def first_ask(curve: Curve) -> ActiveSeconds | None:
    """Active time after which a question's first wave is due; None until enough questions are known.

    Never later than where the curve ends, because beyond it nothing is known, and never before anybody could read it.
    """
    if curve.questions < ENOUGH:
        return None
    waited = EARLIEST
    while curve.at and waited < curve.at[-1] and curve.hope(waited) >= HOPE:
        waited += STEP
    return ActiveSeconds(waited)
