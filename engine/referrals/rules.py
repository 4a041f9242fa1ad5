"""Which vendor told whom, and what the vendor may hear of it. Pure.

    received ──code and membership──▶ joined ──first words on a board──▶ active
        ├──90 days──▶ expired
        └──an admin──▶ declined

A vendor hears only what the doctor agreed to: by writing the code themselves, or as the vendor states in `consent`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

ALPHABET = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
"""Letters of a code: none that is read as another one."""

CODE_LETTERS = 8
_CODE = re.compile(r"(?<![A-Z0-9])YR-?([2-9A-HJ-NP-Z]{4})-?([2-9A-HJ-NP-Z]{4})(?![A-Z0-9])")
_WIDE = dict.fromkeys(map(ord, "－ーｰ‐‑−–—―"), "-")
_WIDE |= {code: chr(code - 0xFEE0) for code in range(0xFF10, 0xFF5B)}


class State(StrEnum):
    """Where a referral is."""

    RECEIVED = "received"
    JOINED = "joined"
    ACTIVE = "active"
    EXPIRED = "expired"
    DECLINED = "declined"


class Step(StrEnum):
    """What a vendor is told, as the type of the webhook."""

    RECEIVED = "referral.received"
    JOINED = "referral.joined"
    FIRST_POST = "referral.first_post"
    DECLINED = "referral.declined"
    EXPIRED = "referral.expired"


def make_code(random_bytes: bytes) -> str:
    """A code such as `YR-7K3M-2QXA` from at least eight random bytes."""
    letters = "".join(ALPHABET[byte % len(ALPHABET)] for byte in random_bytes[:CODE_LETTERS])
    return f"YR-{letters[:4]}-{letters[4:]}"


def find_codes(text: str) -> list[str]:
    """Codes in what somebody wrote, in any width and case, with or without hyphens; each once."""
    plain = text.translate(_WIDE).upper()
    return list(dict.fromkeys(f"YR-{left}-{right}" for left, right in _CODE.findall(plain)))


@dataclass(frozen=True, slots=True)
class Waiting:
    """A referral that waits for its doctor; times in epoch seconds."""

    referral_id: str
    received_at: float
    expires_at: float
    state: State


def may_attribute(referral: Waiting, joined_at: float | None, now: float) -> str | None:
    """Why a membership is not due to a referral; None if it is. Who was here before was not brought by it."""
    if referral.state is not State.RECEIVED:
        return f"referral is {referral.state}"
    if now >= referral.expires_at:
        return "expired"
    if joined_at is None or joined_at < referral.received_at:
        return "was a member before"
    return None


def steps_told(state: State, *, consent: bool, wrote_code: bool) -> Sequence[Step]:
    """What the vendor is told when a referral comes into a state."""
    may_know = consent or wrote_code
    told: dict[State, Iterable[Step]] = {
        State.RECEIVED: (Step.RECEIVED,),
        State.JOINED: (Step.JOINED,) if may_know else (),
        State.ACTIVE: (Step.FIRST_POST,) if may_know else (),
        State.EXPIRED: (Step.EXPIRED,),
        State.DECLINED: (Step.DECLINED,),
    }
    return tuple(told[state])
