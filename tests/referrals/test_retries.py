"""When an acknowledgement is tried again."""

from __future__ import annotations

import itertools
from email.utils import formatdate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.referrals.retries import RETRY_DELAYS, parse_retry_after, retry_at

NOW = 1_700_000_000.0
DAY = 86_400.0


def test_the_schedule_is_the_specifications() -> None:
    hours = [seconds / 3600 for seconds in itertools.accumulate(RETRY_DELAYS)]
    assert len(hours) == 10
    assert hours[-1] == pytest.approx(75 + 35 / 60 + 5 / 3600)


@pytest.mark.parametrize(("attempt", "delay"), list(enumerate(RETRY_DELAYS)))
def test_each_attempt_waits_its_turn(attempt: int, delay: float) -> None:
    assert retry_at(attempt, NOW, jitter=0) == NOW + delay


@pytest.mark.parametrize("attempt", [10, 11, 1000])
def test_after_ten_attempts_there_is_no_other(attempt: int) -> None:
    assert retry_at(attempt, NOW, jitter=0) is None
    assert retry_at(attempt, NOW, jitter=0, retry_after=5) is None


@given(attempt=st.integers(0, 9), jitter=st.floats(0, 1), wish=st.none() | st.floats(0, 10 * DAY))
def test_no_retry_is_early_and_none_much_too_late(attempt: int, jitter: float, wish: float | None) -> None:
    moment = retry_at(attempt, NOW, jitter, wish)
    assert moment is not None
    least = max(RETRY_DELAYS[attempt], min(wish or 0, DAY))
    assert least <= moment - NOW + 1e-6
    assert moment - NOW <= least * 1.1 + 1e-6


@pytest.mark.parametrize(
    ("wish", "wait"),
    [
        pytest.param(1.0, 300.0, id="a shorter wish does not shorten the wait"),
        pytest.param(600.0, 600.0, id="a longer one is obeyed"),
        pytest.param(10 * DAY, DAY, id="but not beyond a day"),
        pytest.param(None, 300.0, id="without a wish the schedule decides"),
    ],
)
def test_the_receivers_wish(wish: float | None, wait: float) -> None:
    assert retry_at(2, NOW, jitter=0, retry_after=wish) == NOW + wait


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        pytest.param("0", 0.0, id="at once"),
        pytest.param("120", 120.0, id="seconds"),
        pytest.param("9" * 400, DAY, id="endless"),
        pytest.param(formatdate(NOW + 90, usegmt=True), 90.0, id="a date to come"),
        pytest.param(formatdate(NOW - 90, usegmt=True), 0.0, id="a date gone by"),
        pytest.param(formatdate(NOW + 10 * DAY, usegmt=True), DAY, id="a date far off"),
        pytest.param(None, None, id="no header"),
        pytest.param("", None, id="an empty header"),
        pytest.param("soon", None, id="a word"),
        pytest.param("-5", None, id="a negative number"),
        pytest.param("1.5", None, id="a fraction"),
        pytest.param("٣٠", None, id="digits of another script"),
        pytest.param("Mon, 99 Foo 2026 99:99:99 GMT", None, id="a date that is none"),
        pytest.param("Mon, 01 Jan 0001 00:00:00 +2359", 0.0, id="a date before time"),
    ],
)
def test_retry_after_is_read_with_patience(header: str | None, seconds: float | None) -> None:
    assert parse_retry_after(header, NOW) == seconds


@given(st.text(max_size=40))
def test_any_retry_after_gives_a_bounded_wait(header: str) -> None:
    wait = parse_retry_after(header, NOW)
    assert wait is None or 0 <= wait <= DAY
