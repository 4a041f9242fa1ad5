"""Whom the engine asks, and what it finds at the last look before sending."""

from __future__ import annotations

from dataclasses import replace

import pytest

from engine.clock import DAY, HOUR, Epoch
from engine.questions.choosing import (
    SPACING,
    TOO_LATE,
    WEEK,
    Candidate,
    Caps,
    choose,
    left_out,
    may_still_ask,
    next_free,
)
from engine.questions.rules import Known, State

ASKER, COLLEAGUE, THIRD, ENGINE = 101, 102, 103, 900
NOW = Epoch(1_800_000_000.0)
CAPS = Caps(per_day=1, per_week=3)

FIRST = Known(question_id="q1", message_id="11", asker=ASKER, asked_at=1, state=State.OPEN)
SECOND = Known(question_id="q2", message_id="12", asker=ASKER, asked_at=2, state=State.OPEN)
ANSWERED = replace(FIRST, state=State.ANSWERED, answerers=frozenset({COLLEAGUE}))
THANKED = replace(FIRST, state=State.THANKED, answerers=frozenset({COLLEAGUE}))
ASKED = replace(FIRST, asked=frozenset({COLLEAGUE}))
PASSED = replace(ASKED, passed=frozenset({COLLEAGUE}))
ASKED_AND_ANSWERED = replace(ASKED, state=State.ANSWERED, answerers=frozenset({COLLEAGUE}))


def member(*asked_at: float, account_id: int = COLLEAGUE, paused: float = 0.0, may_be_asked: bool = True) -> Candidate:
    return Candidate(account_id, asked_at, paused, may_be_asked)


LEFT_OUT: list[tuple[str, Candidate, Known, str | None]] = [
    ("somebody never asked is free", member(), FIRST, None),
    ("somebody asked for another question last week is free", member(NOW - 2 * DAY), FIRST, None),
    ("a pause that ends now is over", member(paused=NOW), FIRST, None),
    ("an invitation exactly a day ago no longer counts for the day", member(NOW - DAY), FIRST, None),
    (
        "three invitations, one of them a week ago, are two",
        member(NOW - WEEK, NOW - 3 * DAY, NOW - 2 * DAY),
        FIRST,
        None,
    ),
    ("nobody is asked their own question", member(account_id=ASKER), FIRST, "asker"),
    ("vendors and staff are not asked", member(may_be_asked=False), FIRST, "vendor or staff"),
    ("nobody is asked twice for a question", member(), ASKED, "asked before"),
    ("who passed is not asked again", member(), PASSED, "asked before"),
    ("who answered is not asked", member(), replace(FIRST, answerers=frozenset({COLLEAGUE})), "answered already"),
    ("who paused is left in peace", member(paused=NOW + 1), FIRST, "paused"),
    ("nobody is asked twice a day", member(NOW - 1), FIRST, "day cap"),
    ("nobody is asked twice a day, not even after 23 hours", member(NOW - 23 * HOUR), FIRST, "day cap"),
    ("an invitation from a clock that ran ahead counts", member(NOW + 5), FIRST, "day cap"),
    ("nobody is asked four times a week", member(NOW - 6 * DAY, NOW - 4 * DAY, NOW - 2 * DAY), FIRST, "week cap"),
]


@pytest.mark.parametrize(
    ("candidate", "question", "reason"), [pytest.param(*row, id=sentence) for sentence, *row in LEFT_OUT]
)
def test_who_is_left_out(candidate: Candidate, question: Known, reason: str | None) -> None:
    assert left_out(candidate, question, CAPS, NOW) == reason


@pytest.mark.parametrize(
    ("caps", "reason"),
    [pytest.param(Caps(0, 3), "day cap", id="a day"), pytest.param(Caps(1, 0), "week cap", id="a week")],
)
def test_a_cap_of_nothing_asks_nobody(caps: Caps, reason: str) -> None:
    assert left_out(member(), FIRST, caps, NOW) == reason
    assert choose(FIRST, [member()], caps, NOW) is None


def test_nobody_is_chosen_from_nobody() -> None:
    assert choose(FIRST, [], CAPS, NOW) is None


def test_nobody_is_chosen_where_everybody_is_left_out() -> None:
    candidates = [member(account_id=ASKER), member(NOW - 1), member(account_id=THIRD, paused=NOW + DAY)]
    assert choose(FIRST, candidates, CAPS, NOW) is None


def test_the_one_asked_least_this_week_is_chosen() -> None:
    often, seldom = member(NOW - 5 * DAY, NOW - 3 * DAY), member(NOW - 2 * DAY, account_id=THIRD)
    assert choose(FIRST, [often, seldom], CAPS, NOW) == seldom
    assert choose(FIRST, [seldom, often], CAPS, NOW) == seldom


def test_what_was_long_ago_counts_for_nobody() -> None:
    """Equals are drawn by lot, whatever happened before this week."""
    plain = [member(account_id=number) for number in range(1, 20)]
    long_ago = [replace(candidate, asked_at=(NOW - WEEK,) * candidate.account_id) for candidate in plain]
    first, second = choose(FIRST, plain, CAPS, NOW), choose(FIRST, long_ago, CAPS, NOW)
    assert first
    assert second
    assert first.account_id == second.account_id


def test_the_lot_is_different_for_each_question() -> None:
    """Different members are asked, not always the first of the list."""
    candidates = [member(account_id=number) for number in range(1, 6)]
    chosen = {choose(replace(FIRST, question_id=f"q{n}"), candidates, CAPS, NOW) for n in range(60)}
    assert chosen == set(candidates)


@pytest.mark.parametrize(
    ("question", "paused_until", "reason"),
    [
        pytest.param(FIRST, 0.0, None, id="an open question still wants its answer"),
        pytest.param(FIRST, NOW, None, id="a pause that ends now is over"),
        pytest.param(ANSWERED, 0.0, "answered", id="an answered one does not"),
        pytest.param(THANKED, 0.0, "answered", id="a solved one does not"),
        pytest.param(replace(FIRST, state=State.WITHDRAWN), 0.0, "withdrawn", id="a withdrawn one does not"),
        pytest.param(FIRST, NOW + 1, "paused", id="who paused meanwhile is left in peace"),
        pytest.param(ANSWERED, NOW + 1, "answered", id="the question's reason goes before the person's"),
    ],
)
def test_the_last_look_before_sending(question: Known, paused_until: float, reason: str | None) -> None:
    assert may_still_ask(question, NOW, paused_until, NOW) == reason


@pytest.mark.parametrize(
    ("question", "reason"),
    [
        pytest.param(FIRST, "under moderation", id="nobody is sent to a question that admins look at"),
        pytest.param(ANSWERED, "answered", id="that it is answered is told first"),
    ],
)
def test_a_question_under_moderation_is_not_passed_on(question: Known, reason: str) -> None:
    assert may_still_ask(question, NOW, 0.0, NOW, under_moderation=True) == reason
    assert may_still_ask(question, NOW, NOW + 1, NOW, under_moderation=True) == reason


@pytest.mark.parametrize(
    ("age", "reason"),
    [
        pytest.param(0.0, None, id="decided just now"),
        pytest.param(TOO_LATE, None, id="a day ago is just in time"),
        pytest.param(TOO_LATE + 1, "too late", id="more than a day ago is another day's matter"),
        pytest.param(-3600.0, None, id="decided by a clock that was ahead"),
    ],
)
def test_an_invitation_that_waited_too_long_is_dropped(age: float, reason: str | None) -> None:
    assert may_still_ask(FIRST, NOW - age, 0.0, NOW) == reason


@pytest.mark.parametrize(
    ("last_ask", "wait"),
    [
        pytest.param(None, 0, id="a room that never read one"),
        pytest.param(NOW - SPACING, 0, id="a minute after the last"),
        pytest.param(NOW - 1, SPACING - 1, id="a second after the last"),
        pytest.param(NOW, SPACING, id="in the same moment"),
        pytest.param(NOW + 3600, 0, id="one from a clock that was ahead holds nobody up"),
    ],
)
def test_a_room_reads_invitations_one_after_the_other(last_ask: float | None, wait: float) -> None:
    assert next_free(last_ask, NOW) == NOW + wait
