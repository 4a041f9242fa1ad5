"""Whom to ask when an answer does not come by itself, and whether to ask at all. Pure."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from engine.clock import DAY, Epoch
from engine.questions.rules import State

if TYPE_CHECKING:
    from collections.abc import Iterable

    from engine.questions.rules import Known

WEEK = 7 * DAY

TOO_LATE = DAY
"""Seconds after which an invitation that was not sent (a brake, a machine that was off) is dropped."""

SPACING = 60.0
"""Seconds between two invitations in one room."""


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
