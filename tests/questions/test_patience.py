"""When it is time to ask somebody: the Kaplan-Meier curve of how long questions wait."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.calendar import build_hours
from engine.clock import DAY, HOUR, MINUTE, Epoch
from engine.questions.patience import EARLIEST, ENOUGH, Curve, Wait, first_ask, goes_on_watching, learn, watch
from engine.settings import Community
from tests.fakes import tokyo


def answered(*seconds: float) -> list[Wait]:
    return [Wait(each, answered=True) for each in seconds]


def waiting(*seconds: float) -> list[Wait]:
    return [Wait(each, answered=False) for each in seconds]


def test_the_textbook_example() -> None:
    """Six questions, two of them still open when we stopped looking: 5/6, then 5/6 · 3/4, then that · 1/2."""
    curve = learn([*answered(1, 3, 5), *waiting(2, 4, 6)])
    assert list(curve.at) == [1, 3, 5]
    assert curve.still == pytest.approx((5 / 6, 5 / 6 * 3 / 4, 5 / 6 * 3 / 4 * 1 / 2))


def test_an_open_question_is_not_an_unanswered_one() -> None:
    assert learn([*answered(10), *waiting(1)]).waiting(10) == 0
    assert learn([*answered(10), *waiting(20)]).waiting(10) == 0.5


def test_who_stops_waiting_in_the_moment_of_an_answer_was_still_waiting() -> None:
    assert learn([*answered(5), *waiting(5)]).still == (0.5,)


def test_of_nothing_nothing_is_learnt() -> None:
    curve = learn([])
    assert curve == Curve()
    assert curve.hope(0) == 0


def test_until_enough_questions_are_known_the_settings_hold() -> None:
    assert first_ask(learn(answered(*[MINUTE] * (ENOUGH - 1)))) is None
    assert first_ask(learn(answered(*[MINUTE] * ENOUGH))) == EARLIEST


def test_where_nearly_everything_is_answered_within_the_hour_nobody_is_asked_before() -> None:
    quick = learn(answered(*[(each % 60) * MINUTE for each in range(600)]))
    assert HOUR - 20 * MINUTE <= (first_ask(quick) or 0) <= HOUR


def test_where_answers_hardly_come_by_themselves_somebody_is_asked_as_soon_as_may_be() -> None:
    slow = learn([*answered(*[each * HOUR for each in range(1, 51)]), *waiting(*[60 * HOUR] * 250)])
    assert first_ask(slow) == EARLIEST


def test_hope_is_the_chance_within_the_next_hour_of_those_that_still_wait() -> None:
    curve = learn([*answered(HOUR / 2, 3 * HOUR / 2), *waiting(5 * HOUR, 5 * HOUR)])
    assert curve.hope(0) == pytest.approx(1 / 4)
    assert curve.hope(HOUR) == pytest.approx(1 / 3)
    assert curve.hope(2 * HOUR) == 0


@given(st.lists(st.builds(Wait, st.floats(0, 1e6), st.booleans()), max_size=400))
def test_the_curve_only_falls_and_the_ask_is_never_before_anybody_could_read(waits: list[Wait]) -> None:
    curve = learn(waits)
    assert all(0 <= later <= earlier + 1e-12 for earlier, later in zip((1.0, *curve.still), curve.still, strict=False))
    assert (first_ask(curve) or EARLIEST) >= EARLIEST
    assert 0 <= curve.hope(HOUR) <= 1


HOURS = build_hours(Community.model_validate({"active_hours": {"holidays": "none"}}))
NOON = tokyo("2026-11-24 13:00")
TWO_DAYS_LATER = Epoch(NOON + 2 * DAY)


@pytest.mark.parametrize(
    ("asks", "answers", "expected"),
    [
        pytest.param([], [HOUR], Wait(HOUR, answered=True), id="an answer by itself"),
        pytest.param([], [2 * HOUR, HOUR], Wait(HOUR, answered=True), id="the first of two"),
        pytest.param([30 * MINUTE], [HOUR], Wait(30 * MINUTE, answered=False), id="one after the invitation is not"),
        pytest.param([90 * MINUTE], [HOUR], Wait(HOUR, answered=True), id="one before the invitation is"),
        pytest.param([], [7 * HOUR], Wait(2.5 * HOUR, answered=True), id="only active hours count"),
        pytest.param([], [], Wait(11 * HOUR, answered=False), id="nobody until now"),
    ],
)
def test_how_long_a_question_waited_by_itself(asks: list[float], answers: list[int], expected: Wait) -> None:
    """Active are 12:30 to 15:00 and 19:30 to 22:30."""
    found = watch(int(NOON), [NOON + ask for ask in asks], [int(NOON + at) for at in answers], TWO_DAYS_LATER, HOURS)
    assert (found.answered, round(found.seconds)) == (expected.answered, round(expected.seconds))


def test_one_in_ten_goes_on_being_watched() -> None:
    assert 60 <= sum(goes_on_watching(f"q{number}") for number in range(1000)) <= 140
