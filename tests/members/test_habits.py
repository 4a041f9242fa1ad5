"""When members are there, learnt from when they write."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.clock import DAY, HOUR, Epoch
from engine.members.habits import HALF_LIFE, HOURS, SELDOM, Presence, fading, hour_of_week, hours_from, presence

TOKYO = ZoneInfo("Asia/Tokyo")
MONDAY = Epoch(datetime(2026, 11, 30, 0, 0, tzinfo=TOKYO).timestamp())


def wrote(*moments: float) -> dict[int, float]:
    found: dict[int, float] = {}
    for moment in moments:
        hour = hour_of_week(moment, TOKYO)
        found[hour] = found.get(hour, 0.0) + fading(moment)
    return found


@pytest.mark.parametrize(
    ("moment", "hour"),
    [
        pytest.param(MONDAY, 0, id="the first second of the week"),
        pytest.param(MONDAY - 1, 167, id="the last second of the week"),
        pytest.param(MONDAY + HOUR - 1, 0, id="the last second of an hour"),
        pytest.param(MONDAY + 2 * DAY + 13 * HOUR, 61, id="Wednesday at one"),
    ],
)
def test_hours_are_those_of_the_communitys_clock(moment: float, hour: int) -> None:
    assert hour_of_week(moment, TOKYO) == hour


def test_of_somebody_nothing_is_known_of_every_hour_is_as_good() -> None:
    assert set(presence({}, {}, MONDAY).hours) == {1.0}


def test_who_writes_at_noon_is_there_at_noon_also_on_other_days() -> None:
    own = wrote(*(MONDAY + day * DAY + 12.5 * HOUR for day in range(5)))
    known = presence(own, own, MONDAY + 7 * DAY)
    saturday_noon, monday_night = 5 * 24 + 12, 22
    assert known.hours[12] > 0.95
    assert known.hours[saturday_noon] > known.hours[monday_night] >= SELDOM


def test_many_messages_in_one_hour_are_one_visit() -> None:
    burst = presence(wrote(*[MONDAY] * 50), {}, MONDAY)
    assert burst.hours[100] > SELDOM


def test_four_weeks_count_half() -> None:
    assert fading(MONDAY + HALF_LIFE) == pytest.approx(2 * fading(MONDAY))


def test_an_old_habit_fades_behind_a_new_one() -> None:
    own = wrote(*[MONDAY + 9 * HOUR + week * 7 * DAY for week in range(4)], MONDAY + 26 * 7 * DAY + 20 * HOUR)
    known = presence(own, {}, MONDAY + 26 * 7 * DAY + DAY)
    assert known.hours[20] > known.hours[9]


def test_the_first_hour_that_is_nearly_as_good_is_taken() -> None:
    hours = [0.2] * HOURS
    hours[12], hours[13] = 0.85, 1.0
    moments = hours_from(Epoch(MONDAY + 10.5 * HOUR), Epoch(MONDAY + 15 * HOUR))
    assert Presence(tuple(hours)).best(moments, TOKYO) == MONDAY + 12 * HOUR


def test_where_no_hour_is_better_nobody_waits() -> None:
    moments = hours_from(Epoch(MONDAY + 10.5 * HOUR), Epoch(MONDAY + 15 * HOUR))
    assert Presence().best(moments, TOKYO) == moments[0] == MONDAY + 10.5 * HOUR


@pytest.mark.parametrize(
    ("start", "end", "count"),
    [
        pytest.param(0, 0, 1, id="nothing ahead is still now"),
        pytest.param(0, 1800, 1, id="within the hour"),
        pytest.param(1800, 3600, 1, id="the end does not count"),
        pytest.param(1800, 3601, 2, id="the next hour does"),
        pytest.param(0, 7200, 2, id="from a full hour on"),
    ],
)
def test_the_hours_ahead(start: float, end: float, count: int) -> None:
    assert len(hours_from(Epoch(MONDAY + start), Epoch(MONDAY + end))) == count


@given(st.dictionaries(st.integers(0, HOURS - 1), st.floats(0, 1e6)), st.floats(MONDAY, MONDAY + 900 * DAY))
def test_presence_is_never_nothing_and_never_more_than_one(own: dict[int, float], now: float) -> None:
    known = presence(own, own, now)
    assert all(SELDOM <= each <= 1 for each in known.hours)
    assert max(known.hours) == 1.0
