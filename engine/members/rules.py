"""Responsiveness: who answers, and how soon. Pure. Admins only: nothing of it ever reaches a room.

Only what a person was asked counts as an opportunity; who was never asked is unknown, not bad. Passing takes the
opportunity back: "not me" is a fair answer. Everything fades by half in a half-life.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Tally:
    """Decayed counts as of `at` (epoch seconds). `log_delay` sums ln(1 + seconds to respond) over `responses`."""

    at: float
    asks: float = 0.0
    responses: float = 0.0
    log_delay: float = 0.0
    answers: float = 0.0
    thanks: float = 0.0


def faded(tally: Tally, now: float, half_life: float) -> Tally:
    """The tally as it counts at `now`; a clock that went back fades nothing."""
    factor = 0.5 ** (max(0.0, now - tally.at) / half_life)
    return Tally(
        at=max(now, tally.at),
        asks=tally.asks * factor,
        responses=tally.responses * factor,
        log_delay=tally.log_delay * factor,
        answers=tally.answers * factor,
        thanks=tally.thanks * factor,
    )


def asked(tally: Tally) -> Tally:
    """The engine's invitation was posted: an opportunity."""
    return replace(tally, asks=tally.asks + 1)


def passed(tally: Tally) -> Tally:
    """They said "not me": no opportunity after all."""
    return replace(tally, asks=max(0.0, tally.asks - 1))


def responded(tally: Tally, delay: float) -> Tally:
    """They answered what they were asked, `delay` seconds later."""
    return replace(tally, responses=tally.responses + 1, log_delay=tally.log_delay + math.log1p(max(0.0, delay)))


def answered(tally: Tally) -> Tally:
    """They answered a question, asked or not."""
    return replace(tally, answers=tally.answers + 1)


def took_back(tally: Tally, weight: float) -> Tally:
    """What counted as an answer was none; `weight` is what is left of it, 0 to 1."""
    return replace(tally, answers=max(0.0, tally.answers - weight))


def thanked(tally: Tally) -> Tally:
    """A question they had answered was called solved."""
    return replace(tally, thanks=tally.thanks + 1)


def responsiveness(tally: Tally) -> float | None:
    """Share of opportunities taken, 0 to 1; None if never asked: unknown."""
    return min(1.0, tally.responses / tally.asks) if tally.asks > 0 else None


EXPECTED, DOUBT = 0.3, 8.0
"""Who was never asked is taken for somebody who answers three times in ten, with the weight of eight invitations."""


def willingness(tally: Tally) -> float:
    """The chance that they answer when asked, 0 to 1: what they showed, shrunk to what one may expect of anybody."""
    responses = min(tally.responses, tally.asks)
    return (responses + EXPECTED * DOUBT) / (tally.asks + DOUBT)


def typical_delay(tally: Tally) -> float | None:
    """Geometric mean of the seconds to respond; None if they never responded."""
    return math.expm1(tally.log_delay / tally.responses) if tally.responses > 0 else None


@dataclass(frozen=True, slots=True)
class Unsafe:
    """A list that must not be written, and why; `for_now` if a later look may say otherwise."""

    reason: str
    for_now: bool = False


MOST_GONE = 1
"""People who may be missing on a new list, compared with all that is known of the room."""


def rewritten(
    listed: Mapping[int, str], known: Mapping[int, str], own: int, account_id: int, role: str | None
) -> dict[int, str] | Unsafe:
    """The room's whole list with one person in another role, or out of it (None).

    `listed` was read a moment ago, `known` is the list as the keeper last saw it: a list that lacks more than one of
    those may have been cut off on its way, and written back it would throw the others out.
    """
    if listed.get(own) != "admin":
        return Unsafe("our own account is no admin of the room")
    if account_id == own:
        return Unsafe("our own account stays as it is")
    new = {who: has for who, has in listed.items() if who != account_id}
    if role is not None:
        new[account_id] = role
    if len((listed.keys() | known.keys()) - new.keys()) > MOST_GONE:
        return Unsafe("more than one person would go", for_now=True)
    return new


@dataclass(frozen=True, slots=True)
class Joined:
    """Somebody is new in a room."""

    account_id: int


@dataclass(frozen=True, slots=True)
class Left:
    """Somebody is no longer in a room."""

    account_id: int


@dataclass(frozen=True, slots=True)
class RoleChanged:
    """Somebody has another role in a room."""

    account_id: int
    role: str


Change = Joined | Left | RoleChanged


def compare(known: Mapping[int, str], listed: Mapping[int, str]) -> list[Change]:
    """What changed between two member lists (account id -> role), by account id."""
    changes: list[Change] = []
    for account_id in sorted(known.keys() | listed.keys()):
        if account_id not in known:
            changes.append(Joined(account_id))
        elif account_id not in listed:
            changes.append(Left(account_id))
        elif known[account_id] != listed[account_id]:
            changes.append(RoleChanged(account_id, listed[account_id]))
    return changes
