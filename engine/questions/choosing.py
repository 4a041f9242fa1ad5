"""Whom to ask when an answer does not come by itself. Pure.

A wave asks the fewest people who together are likely enough to answer: those who probably would, who were asked little,
and who are unlike each other and the asker. Asking only the best would tire them and bring the same view every time
(suggesting by relevance alone did worse than nothing in the live test of Yahoo! Answers).
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from engine.clock import DAY, Epoch
from engine.members.profiles import ATTRIBUTES, UNKNOWN, Profile, difference, likeness
from engine.questions.rules import WAITING, State

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from engine.questions.rules import Known

WEEK = 7 * DAY

TOO_LATE = DAY
"""Seconds after which an invitation that was not sent (a brake, a machine that was off) is dropped."""

SPACING = 60.0
"""Seconds between two invitations in one room."""

CURIOSITY = 0.1
"""What somebody never asked has ahead of everybody; it fades with the root of how often they were asked."""

VARIETY = 0.5
"""How much of the best score being exactly like somebody already chosen costs."""

FAR_ENOUGH = 2
"""Attributes in which the second person differs from the asker, so that another "normal" is heard."""

TARGETS = (0.60, 0.80, 0.95)
"""The chance of an answer that the first, second and every later wave is to reach."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A member who might be asked: times of the engine's earlier invitations, epoch seconds.

    `willingness` is the chance that they answer when they read it, `relevance` how near the question is to what they
    know, `availability` how likely they are there at the hour at which they would be asked; all from 0 to 1.
    `times_asked` counts (faded) invitations.
    """

    account_id: int
    asked_at: tuple[float, ...] = ()
    paused_until: float = 0.0
    may_be_asked: bool = True
    at_odds: bool = False  # a moderation case stands between them and the asker
    profile: Profile = UNKNOWN
    willingness: float = 0.5
    relevance: float = 0.5
    availability: float = 1.0
    times_asked: float = 0.0

    @property
    def chance(self) -> float:
        """That an invitation is answered."""
        return self.willingness * self.availability


@dataclass(frozen=True, slots=True)
class Caps:
    """How often one person may be asked."""

    per_day: int
    per_week: int


@dataclass(frozen=True, slots=True)
class Wave:
    """What a wave is to reach: the chance of an answer, by at most so many people, none of them asked too often."""

    target: float
    most: int
    caps: Caps


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks, and whom the engine asked already for this question."""

    profile: Profile = UNKNOWN
    earlier: tuple[Profile, ...] = ()


def wave_of(number: int, most: int, caps: Caps) -> Wave:
    """The wave of this number (from 0)."""
    return Wave(TARGETS[min(number, len(TARGETS) - 1)], most, caps)


def left_out(candidate: Candidate, question: Known, caps: Caps, now: Epoch) -> str | None:
    """Why somebody is not asked, from a closed list; None if they may be."""
    this_day = sum(at > now - DAY for at in candidate.asked_at)
    reasons = (
        (candidate.account_id == question.asker, "asker"),
        (not candidate.may_be_asked, "vendor or staff"),
        (candidate.account_id in question.asked, "asked before"),
        (candidate.account_id in question.answerers, "answered already"),
        (candidate.at_odds, "a case with the asker"),
        (candidate.paused_until > now, "paused"),
        (this_day >= caps.per_day, "day cap"),
        (_load(candidate, now) >= caps.per_week, "week cap"),
    )
    return next((reason for holds, reason in reasons if holds), None)


def score(candidate: Candidate, caps: Caps, now: Epoch) -> float:
    """How good it is to ask somebody, about 0 to 1.1; for who may be asked at all."""
    room = 1 - _load(candidate, now) / caps.per_week
    curiosity = CURIOSITY / math.sqrt(candidate.times_asked + 1)
    return candidate.willingness * candidate.relevance * candidate.availability * room + curiosity


def choose(question: Known, asker: Asker, candidates: Iterable[Candidate], wave: Wave, now: Epoch) -> list[Candidate]:
    """Whom to ask in a wave, best first: as few as reach its target. Equals are drawn by lot, decided by the id."""
    caps = wave.caps
    scores = {each: score(each, caps, now) for each in candidates if left_out(each, question, caps, now) is None}
    best = max(scores.values(), default=1.0)
    chosen: list[Candidate] = []
    while len(chosen) < min(wave.most, len(scores)) and _missed(chosen) > 1 - wave.target:
        company = [*asker.earlier, *(each.profile for each in chosen)]
        rest = _different([each for each in scores if each not in chosen], asker.profile, company)
        chosen.append(
            max(rest, key=lambda each: (scores[each] / best - VARIETY * _alike(each, company), _draw(question, each)))
        )
    return chosen


def _missed(chosen: Sequence[Candidate]) -> float:
    """The chance that nobody of them answers."""
    missed = 1.0
    for each in chosen:
        missed *= 1 - each.chance
    return missed


def _different(rest: Sequence[Candidate], asker: Profile, company: Sequence[Profile]) -> Sequence[Candidate]:
    """For the second person of a question, those who differ enough from the asker, if that is known of any."""
    if len(company) != 1:
        return rest
    return [each for each in rest if difference(each.profile, asker) >= FAR_ENOUGH] or rest


def _alike(candidate: Candidate, company: Iterable[Profile]) -> float:
    return max((likeness(candidate.profile, other) / ATTRIBUTES for other in company), default=0.0)


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
    if question.state not in WAITING:
        return "parked" if question.state is State.PARKED else "answered"
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
