"""Codes, attribution, and what a vendor may hear. The sentence is the id."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.referrals.rules import (
    ALPHABET,
    State,
    Step,
    Waiting,
    find_codes,
    make_code,
    may_attribute,
    steps_told,
)
from engine.referrals.texts import acknowledgement

CODE = "YR-7K3M-2QXA"

# -- codes ------------------------------------------------------------------------------------------------------------

FOUND = [
    ("as it was given", CODE),
    ("small letters", "yr-7k3m-2qxa"),
    ("without hyphens", "YR7K3M2QXA"),
    ("with one of the hyphens", "YR-7K3M2QXA"),
    ("in full width", "ＹＲ－７Ｋ３Ｍ－２ＱＸＡ"),
    ("in small full width", "ｙｒ－７ｋ３ｍ－２ｑｘａ"),
    ("with the long vowel sign that a Japanese keyboard gives", "YRー7K3Mー2QXA"),
    ("with its half-width form", "YRｰ7K3Mｰ2QXA"),
    ("with minus signs", "YR−7K3M−2QXA"),
    ("with dashes", "YR–7K3M—2QXA"),
    ("with the hyphens of typography", "YR‐7K3M‑2QXA"),
    ("with a horizontal bar", "YR―7K3M―2QXA"),
    ("between Japanese words", "紹介コードはYR-7K3M-2QXAです"),
    ("in brackets", "(YR-7K3M-2QXA)"),
    ("after a line break", "はじめまして。\nYR-7K3M-2QXA"),
    ("at the end of a sentence", "コードは YR-7K3M-2QXA。"),
    ("twice is once", f"{CODE} すみません、{CODE.lower()} です"),
]


@pytest.mark.parametrize("text", [pytest.param(text, id=name) for name, text in FOUND])
def test_a_code_is_read(text: str) -> None:
    assert find_codes(text) == [CODE]


NOT_FOUND = [
    ("nothing", ""),
    ("no code", "はじめまして。よろしくお願いします。"),
    ("a letter too few", "YR-7K3M-2QX"),
    ("a letter too many", "YR-7K3M-2QXAB"),
    ("a digit too many", "YR-7K3M-2QXA9"),
    ("something before it", "AYR-7K3M-2QXA"),
    ("letters that no code has: 0", "YR-7K3M-2QX0"),
    ("letters that no code has: 1", "YR-1K3M-2QXA"),
    ("letters that no code has: I", "YR-IK3M-2QXA"),
    ("letters that no code has: O", "YR-OK3M-2QXA"),
    ("another beginning", "YS-7K3M-2QXA"),
    ("a hyphen elsewhere", "YR-7K3-M2QXA"),
    ("two hyphens", "YR--7K3M-2QXA"),
    ("torn by a line break", "YR-7K3M-\n2QXA"),
    ("a vendor's own number", "AB-2024-0012"),
]


@pytest.mark.parametrize("text", [pytest.param(text, id=name) for name, text in NOT_FOUND])
def test_no_code_is_read(text: str) -> None:
    assert find_codes(text) == []


def test_several_codes_come_in_the_order_in_which_they_were_written() -> None:
    assert find_codes("YR-BBBB-BBBB と YR-AAAA-AAAA と YR-BBBB-BBBB") == ["YR-BBBB-BBBB", "YR-AAAA-AAAA"]


@given(st.binary(min_size=8, max_size=16))
def test_every_code_made_is_read_again(random_bytes: bytes) -> None:
    code = make_code(random_bytes)
    assert re.fullmatch(rf"YR-[{ALPHABET}]{{4}}-[{ALPHABET}]{{4}}", code)
    assert find_codes(f"コードは{code.lower()}です") == [code]


@given(st.text())
def test_whatever_is_written_what_is_read_is_a_code(text: str) -> None:
    assert all(re.fullmatch(rf"YR-[{ALPHABET}]{{4}}-[{ALPHABET}]{{4}}", code) for code in find_codes(text))


def test_each_letter_is_as_likely_as_any_other() -> None:
    """256 is a multiple of 32, so no letter is favoured."""
    letters = [make_code(bytes([byte] * 8))[3] for byte in range(256)]
    assert {letters.count(letter) for letter in ALPHABET} == {256 // len(ALPHABET)}


# -- attribution ------------------------------------------------------------------------------------------------------

WAITING = Waiting("rf_1", received_at=100.0, expires_at=200.0, state=State.RECEIVED)


@pytest.mark.parametrize(
    ("joined_at", "now"),
    [
        pytest.param(150.0, 160.0, id="joined after it was received"),
        pytest.param(100.0, 100.0, id="joined in the same moment"),
        pytest.param(199.0, 199.9, id="a moment before it expires"),
    ],
)
def test_a_membership_is_due_to_the_referral(joined_at: float, now: float) -> None:
    assert may_attribute(WAITING, joined_at, now) is None


@pytest.mark.parametrize(
    ("state", "joined_at", "now", "reason"),
    [
        pytest.param(State.RECEIVED, 99.9, 150.0, "was a member before", id="who was here before"),
        pytest.param(State.RECEIVED, None, 150.0, "was a member before", id="who was here before anybody counted"),
        pytest.param(State.RECEIVED, 150.0, 200.0, "expired", id="in the moment it expires"),
        pytest.param(State.RECEIVED, 150.0, 999.0, "expired", id="long after it expired"),
        pytest.param(State.JOINED, 150.0, 160.0, "referral is joined", id="a code that somebody used"),
        pytest.param(State.ACTIVE, 150.0, 160.0, "referral is active", id="a code whose doctor posts"),
        pytest.param(State.EXPIRED, 150.0, 160.0, "referral is expired", id="one that was closed by time"),
        pytest.param(State.DECLINED, 150.0, 160.0, "referral is declined", id="one that an admin declined"),
    ],
)
def test_a_membership_is_not_due_to_it(state: State, joined_at: float | None, now: float, reason: str) -> None:
    assert may_attribute(replace(WAITING, state=state), joined_at, now) == reason


# -- what a vendor hears ----------------------------------------------------------------------------------------------

TOLD = [
    ("that it was received, always", State.RECEIVED, False, False, (Step.RECEIVED,)),
    ("of the joining when the vendor says the doctor agreed", State.JOINED, True, False, (Step.JOINED,)),
    ("of the joining when the doctor wrote the code", State.JOINED, False, True, (Step.JOINED,)),
    ("nothing of a joining nobody agreed to tell", State.JOINED, False, False, ()),
    ("of the first post with consent", State.ACTIVE, True, False, (Step.FIRST_POST,)),
    ("of the first post of who wrote the code", State.ACTIVE, False, True, (Step.FIRST_POST,)),
    ("nothing of a first post nobody agreed to tell", State.ACTIVE, False, False, ()),
    ("that it expired", State.EXPIRED, False, False, (Step.EXPIRED,)),
    ("that it was declined", State.DECLINED, False, False, (Step.DECLINED,)),
]


@pytest.mark.parametrize(
    ("state", "consent", "wrote_code", "steps"), [pytest.param(*row[1:], id=row[0]) for row in TOLD]
)
def test_a_vendor_hears(*, state: State, consent: bool, wrote_code: bool, steps: tuple[Step, ...]) -> None:
    assert tuple(steps_told(state, consent=consent, wrote_code=wrote_code)) == steps


def test_no_step_is_without_somebody_who_hears_it() -> None:
    told = {step for state in State for step in steps_told(state, consent=True, wrote_code=True)}
    assert told == set(Step)


@pytest.mark.parametrize("step", list(Step))
def test_what_a_vendor_reads_holds_its_reference_and_nothing_that_acts(step: Step) -> None:
    text = acknowledgement(step, "crm-[toall]7", CODE)
    assert "crm-［toall］7" in text
    assert CODE in text
    assert text.startswith("[info][title]")
    assert text.count("[") == 4
