"""What happens with a case, and who decides. Pure.

    open ──approve──▶ approved ──undo──▶ undone
      └────reject───▶ rejected ──undo──▶ open

Nothing is sent before an admin approved it, unless the policy of `community.toml` lets warnings go by themselves.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


class State(StrEnum):
    """Where a case is."""

    OPEN = "open"
    APPROVED = "approved"
    REJECTED = "rejected"
    UNDONE = "undone"


class Verdict(StrEnum):
    """What an admin says."""

    APPROVE = "approve"
    REJECT = "reject"
    UNDO = "undo"


@dataclass(frozen=True, slots=True)
class Policy:
    """What may happen without an admin."""

    warn_by_itself: bool = False


@dataclass(frozen=True, slots=True)
class OpenCase:
    """Put the message before the admins; `approved` if the policy lets the warning go at once."""

    approved: bool


def on_judgement(action: str, *, already_a_case: bool, by_admin: bool, policy: Policy) -> list[OpenCase]:
    """Decide about a judged message: `review` and `warn` become cases, a message at most once, never an admin's."""
    if action == "none" or already_a_case or by_admin:
        return []
    return [OpenCase(approved=action == "warn" and policy.warn_by_itself)]


def next_state(state: State, verdict: Verdict) -> State | None:
    """The state after a verdict, None where the verdict does not apply."""
    return {
        (State.OPEN, Verdict.APPROVE): State.APPROVED,
        (State.OPEN, Verdict.REJECT): State.REJECTED,
        (State.APPROVED, Verdict.UNDO): State.UNDONE,
        (State.REJECTED, Verdict.UNDO): State.OPEN,
    }.get((state, verdict))


def valid_strikes(expiries: Iterable[float], now: float) -> int:
    """Strikes that still count."""
    return sum(expires > now for expires in expiries)


@dataclass(frozen=True, slots=True)
class CaseCommand:
    """An admin's verdict, typed in the admin room."""

    verdict: Verdict
    case_id: str


@dataclass(frozen=True, slots=True)
class BrakeCommand:
    """「停止」 stops all sending, 「再開」 lets it go on."""

    pull: bool


_VERDICTS = {"承認": Verdict.APPROVE, "却下": Verdict.REJECT, "取消": Verdict.UNDO}
_CASE = re.compile(r"(承認|却下|取消)\s*(c\d{1,12})")
_BRAKE = {"停止": True, "再開": False}


def read_command(text: str) -> CaseCommand | BrakeCommand | None:
    """A command of an admin: the whole message is the command, nothing is guessed."""
    text = text.strip().translate(str.maketrans("ｃＣC０１２３４５６７８９", "ccc0123456789"))
    found = _CASE.fullmatch(text)
    if found:
        return CaseCommand(_VERDICTS[found[1]], found[2])
    return BrakeCommand(_BRAKE[text]) if text in _BRAKE else None
