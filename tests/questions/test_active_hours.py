"""Active hours: at every boundary by hand, and for any calendar by properties."""

from __future__ import annotations

from datetime import date, datetime, time
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.clock import DAY, HOUR, MINUTE, ActiveSeconds, Epoch
from engine.questions.active_hours import ActiveHours, DaySpan, merge, without
from tests.fakes import TOKYO, tokyo

HOLIDAY = date(2026, 11, 23)
"""A Monday."""


def span(text: str) -> DaySpan:
    start, end = text.split("-")
    return time.fromisoformat(start), time.fromisoformat(end)


def hours(
    *,
    weekday: str = "12:30-15:00 19:30-22:30",
    weekend: str = "09:00-22:30",
    quiet: str | None = "23:00-07:00",
    always: bool = False,
    zone: ZoneInfo = TOKYO,
    closed: frozenset[date] = frozenset(),
) -> ActiveHours:
    """The default calendar, with one holiday."""
    return ActiveHours(
        zone=zone,
        weekday=tuple(map(span, weekday.split())),
        weekend=tuple(map(span, weekend.split())),
        quiet=span(quiet) if quiet else None,
        is_holiday=lambda day: day == HOLIDAY,
        always=always,
        is_closed=closed.__contains__,
    )


NEW_YEAR = frozenset({date(2026, 12, 31), date(2027, 1, 1)})


class TestClosures:
    @pytest.mark.parametrize(
        ("moment", "active"),
        [
            pytest.param("2026-12-30 22:29:59", True, id="the evening before belongs to an ordinary day"),
            pytest.param("2026-12-31 12:30:00", False, id="on a closed day the noon break is nobody's"),
            pytest.param("2027-01-01 12:30:00", False, id="nor is a holiday among the closed days"),
            pytest.param("2027-01-02 08:59:59", False, id="the day after begins as ever"),
            pytest.param("2027-01-02 09:00:00", True, id="and is active from then on"),
        ],
    )
    def test_nobody_is_asked_on_a_closed_day(self, moment: str, *, active: bool) -> None:
        assert hours(closed=NEW_YEAR).is_active(tokyo(moment)) is active

    def test_a_span_that_began_before_ends_as_it_would(self) -> None:
        calendar = hours(weekday="22:00-02:00", quiet=None, closed=NEW_YEAR)
        assert calendar.is_active(tokyo("2026-12-31 01:59:59"))
        assert not calendar.is_active(tokyo("2026-12-31 22:00:00"))

    def test_active_time_stands_still_meanwhile(self) -> None:
        calendar = hours(closed=NEW_YEAR)
        assert calendar.between(tokyo("2026-12-30 22:30"), tokyo("2027-01-02 09:00")) == ActiveSeconds(0)
        assert calendar.next_active(tokyo("2026-12-30 22:30")) == tokyo("2027-01-02 09:00")

    def test_who_is_always_active_is_so_on_closed_days(self) -> None:
        assert hours(always=True, closed=NEW_YEAR).is_active(tokyo("2027-01-01 12:00"))


class TestIsActive:
    @pytest.mark.parametrize(
        ("moment", "active"),
        [
            pytest.param("2026-11-24 12:29:59", False, id="a second before the noon break nobody is asked"),
            pytest.param("2026-11-24 12:30:00", True, id="the first second of the noon break is active"),
            pytest.param("2026-11-24 14:59:59", True, id="the last second of the noon break is active"),
            pytest.param("2026-11-24 15:00:00", False, id="the end itself is no longer active"),
            pytest.param("2026-11-24 17:00:00", False, id="in the afternoon there are patients"),
            pytest.param("2026-11-24 19:30:00", True, id="the evening begins"),
            pytest.param("2026-11-24 22:30:00", False, id="the evening ends"),
            pytest.param("2026-11-24 09:00:00", False, id="a working day has no weekend morning"),
            pytest.param("2026-11-21 09:00:00", True, id="Saturday begins in the morning"),
            pytest.param("2026-11-22 17:00:00", True, id="Sunday afternoon is active"),
            pytest.param("2026-11-22 08:59:59", False, id="Sunday sleeps until nine"),
            pytest.param("2026-11-23 17:00:00", True, id="a holiday on a Monday counts as weekend"),
            pytest.param("2026-11-30 17:00:00", False, id="the next Monday is a Monday"),
        ],
    )
    def test_the_default_calendar(self, moment: str, *, active: bool) -> None:
        assert hours().is_active(tokyo(moment)) is active

    @pytest.mark.parametrize(
        ("calendar", "moment", "active"),
        [
            pytest.param(hours(weekday="22:00-00:00"), "2026-11-24 22:59:59", True, id="until quiet begins"),
            pytest.param(
                hours(weekday="22:00-00:00"), "2026-11-24 23:00:00", False, id="quiet hours win at their start"
            ),
            pytest.param(hours(weekday="05:00-09:00"), "2026-11-24 06:59:59", False, id="quiet hours win to their end"),
            pytest.param(
                hours(weekday="05:00-09:00"), "2026-11-24 07:00:00", True, id="after quiet hours it is active"
            ),
            pytest.param(
                hours(weekday="22:00-02:00", weekend="09:00-10:00", quiet=None),
                "2026-11-25 01:59:59",
                True,
                id="a span over midnight goes on the next day",
            ),
            pytest.param(
                hours(weekday="22:00-02:00", quiet=None), "2026-11-25 02:00:00", False, id="and ends the next day"
            ),
            pytest.param(
                hours(weekday="22:00-02:00", weekend="09:00-10:00", quiet=None),
                "2026-11-28 01:00:00",
                True,
                id="Friday's evening ends on Saturday",
            ),
            pytest.param(
                hours(weekday="22:00-02:00", weekend="09:00-10:00", quiet=None),
                "2026-11-29 01:00:00",
                False,
                id="Saturday has no such evening",
            ),
            pytest.param(hours(quiet="13:00-14:00"), "2026-11-24 13:30", False, id="quiet hours at noon cut a hole"),
            pytest.param(hours(quiet="13:00-14:00"), "2026-11-24 14:00", True, id="after the hole it goes on"),
            pytest.param(hours(always=True), "2026-11-24 17:00", True, id="always means the afternoon, too"),
            pytest.param(hours(always=True), "2026-11-24 23:00", False, id="always does not mean the night"),
            pytest.param(
                hours(always=True, quiet=None), "2026-11-24 03:00", True, id="always without quiet hours does"
            ),
            pytest.param(hours(always=True, quiet=None), "2026-11-24 00:00", True, id="midnight is no gap"),
            pytest.param(hours(quiet="00:00-00:00"), "2026-11-24 13:00", False, id="a day can be quiet altogether"),
            pytest.param(hours(weekday=""), "2026-11-24 13:00", False, id="working days can be left out"),
        ],
    )
    def test_another_calendar(self, calendar: ActiveHours, moment: str, *, active: bool) -> None:
        assert calendar.is_active(tokyo(moment)) is active

    def test_the_zone_decides(self) -> None:
        noon = Epoch(datetime(2026, 11, 24, 13, tzinfo=ZoneInfo("Europe/Berlin")).timestamp())
        assert hours(zone=ZoneInfo("Europe/Berlin")).is_active(noon)
        assert not hours(zone=ZoneInfo("Asia/Kathmandu")).is_active(noon)


class TestNextActive:
    @pytest.mark.parametrize(
        ("moment", "expected"),
        [
            pytest.param("2026-11-24 13:00", "2026-11-24 13:00", id="now, when it is active"),
            pytest.param("2026-11-24 12:00", "2026-11-24 12:30", id="the noon break that comes"),
            pytest.param("2026-11-24 15:00", "2026-11-24 19:30", id="the evening, once the break is over"),
            pytest.param("2026-11-24 22:30", "2026-11-25 12:30", id="tomorrow, once the evening is over"),
            pytest.param("2026-11-27 23:00", "2026-11-28 09:00", id="Saturday morning after Friday night"),
            pytest.param("2026-11-20 23:59:59", "2026-11-21 09:00", id="from the last second of a day"),
            pytest.param("2026-11-22 22:30", "2026-11-23 09:00", id="the holiday's morning after Sunday"),
        ],
    )
    def test_is_the_first_moment_from_now_on(self, moment: str, expected: str) -> None:
        assert hours().next_active(tokyo(moment)) == tokyo(expected)

    @pytest.mark.parametrize(
        "calendar",
        [
            pytest.param(hours(weekday="", weekend=""), id="no active hours at all"),
            pytest.param(hours(weekday="23:00-07:00", weekend="01:00-02:00"), id="all of them in quiet hours"),
            pytest.param(hours(always=True, quiet="12:00-12:00"), id="quiet all day, although always"),
        ],
    )
    def test_never_comes_in_a_calendar_without_active_hours(self, calendar: ActiveHours) -> None:
        now = tokyo("2026-11-24 13:00")
        assert calendar.next_active(now) is None
        assert calendar.add(now, ActiveSeconds(1)) is None
        assert calendar.between(now, Epoch(now + 7 * DAY)) == ActiveSeconds(0)


class TestAdd:
    @pytest.mark.parametrize(
        ("moment", "seconds", "expected"),
        [
            pytest.param("2026-11-24 13:00", 0, "2026-11-24 13:00", id="nothing is now"),
            pytest.param("2026-11-24 16:00", 0, "2026-11-24 19:30", id="nothing is the next active moment"),
            pytest.param("2026-11-24 13:00", 2 * HOUR, "2026-11-24 15:00", id="to the very end of the noon break"),
            pytest.param("2026-11-24 13:00", 2 * HOUR + 1, "2026-11-24 19:30:01", id="a second more is the evening"),
            pytest.param("2026-11-24 22:00", HOUR, "2026-11-25 13:00", id="the rest is tomorrow"),
            pytest.param("2026-11-24 23:30", HOUR, "2026-11-25 13:30", id="the night does not count"),
            pytest.param("2026-11-27 22:00", HOUR, "2026-11-28 09:30", id="the rest is on Saturday"),
        ],
    )
    def test_counts_active_seconds_only(self, moment: str, seconds: float, expected: str) -> None:
        assert hours().add(tokyo(moment), ActiveSeconds(seconds)) == tokyo(expected)

    def test_hours_that_two_days_share_count_once(self) -> None:
        """Monday evening's span reaches into Tuesday, which begins at midnight."""
        calendar = hours(weekday="00:00-04:00 22:00-02:00", quiet=None)
        monday = tokyo("2026-11-24 22:00")
        assert calendar.add(monday, ActiveSeconds(6 * HOUR)) == tokyo("2026-11-25 04:00")
        assert calendar.between(monday, tokyo("2026-11-25 05:00")) == 6 * HOUR


class TestBetween:
    @pytest.mark.parametrize(
        ("start", "end", "seconds"),
        [
            pytest.param("2026-11-24 13:00", "2026-11-24 13:00", 0, id="no time at all"),
            pytest.param("2026-11-24 15:00", "2026-11-24 19:30", 0, id="an afternoon of patients"),
            pytest.param("2026-11-24 23:00", "2026-11-25 07:00", 0, id="a night"),
            pytest.param("2026-11-24 14:00", "2026-11-24 20:00", 1.5 * HOUR, id="the ends of two spans"),
            pytest.param("2026-11-24 00:00", "2026-11-25 00:00", 5.5 * HOUR, id="a working day"),
            pytest.param("2026-11-23 00:00", "2026-11-24 00:00", 13.5 * HOUR, id="a holiday"),
            pytest.param("2026-11-24 20:00", "2026-11-24 13:00", 0, id="backwards is nothing"),
        ],
    )
    def test_counts_active_seconds_only(self, start: str, end: str, seconds: float) -> None:
        assert hours().between(tokyo(start), tokyo(end)) == seconds


def moments() -> st.SearchStrategy[Epoch]:
    start = int(tokyo("2026-01-01 00:00"))
    return st.integers(start, start + int(365 * DAY)).map(Epoch)


def spans(zone: str) -> st.SearchStrategy[ActiveHours]:
    """Any calendar of a zone, to the minute."""
    times = st.builds(time, st.integers(0, 23), st.sampled_from([0, 1, 30, 59]))
    days = st.lists(st.tuples(times, times), max_size=3).map(tuple)
    return st.builds(
        ActiveHours,
        zone=st.just(ZoneInfo(zone)),
        weekday=days,
        weekend=days,
        quiet=st.none() | st.tuples(times, times),
        is_holiday=st.just(lambda day: day.day % 9 == 0),
        always=st.booleans(),
    )


def calendars() -> st.SearchStrategy[ActiveHours]:
    """Berlin's clocks change twice a year, Tokyo's never."""
    return spans("Asia/Tokyo") | spans("Europe/Berlin")


def is_quiet(calendar: ActiveHours, moment: Epoch) -> bool:
    """By the clock on the wall."""
    if calendar.quiet is None:
        return False
    start, end = calendar.quiet
    now = datetime.fromtimestamp(moment, calendar.zone).time()
    return start <= now < end if start < end else now >= start or now < end


class TestAnyCalendar:
    @settings(deadline=None)
    @given(calendars(), moments())
    def test_the_next_active_moment_is_active_and_not_past(self, calendar: ActiveHours, moment: Epoch) -> None:
        found = calendar.next_active(moment)
        assert found is None or (found >= moment and calendar.is_active(found))

    @settings(deadline=None)
    @given(spans("Asia/Tokyo"), moments())
    def test_nobody_is_asked_in_quiet_hours(self, calendar: ActiveHours, moment: Epoch) -> None:
        found = calendar.next_active(moment)
        assert found is None or not is_quiet(calendar, found)
        assert not (is_quiet(calendar, moment) and calendar.is_active(moment))

    @settings(deadline=None)
    @given(calendars(), moments(), st.integers(1, int(20 * HOUR)))
    def test_between_measures_what_add_added(self, calendar: ActiveHours, moment: Epoch, seconds: int) -> None:
        later = calendar.add(moment, ActiveSeconds(seconds))
        assert later is None or calendar.between(moment, later) == pytest.approx(seconds)

    @settings(deadline=None)
    @given(calendars(), moments(), st.integers(0, int(3 * DAY)), st.integers(0, int(3 * DAY)))
    def test_parts_of_a_time_add_up(self, calendar: ActiveHours, moment: Epoch, first: int, second: int) -> None:
        middle, end = Epoch(moment + first), Epoch(moment + first + second)
        whole = calendar.between(moment, end)
        assert whole == pytest.approx(calendar.between(moment, middle) + calendar.between(middle, end))
        assert 0 <= whole <= first + second

    @settings(deadline=None)
    @given(spans("Asia/Tokyo"), moments())
    def test_an_active_minute_is_active_to_its_last_second(self, calendar: ActiveHours, moment: Epoch) -> None:
        minute = Epoch(moment - moment % MINUTE)
        assert calendar.is_active(minute) == calendar.is_active(Epoch(minute + 59))


@pytest.mark.parametrize(
    ("spans", "expected"),
    [
        pytest.param([], [], id="nothing stays nothing"),
        pytest.param([(3, 4), (1, 2)], [(1, 2), (3, 4)], id="spans are put in order"),
        pytest.param([(1, 3), (2, 4)], [(1, 4)], id="spans that overlap become one"),
        pytest.param([(1, 2), (2, 3)], [(1, 3)], id="spans that touch become one"),
        pytest.param([(1, 9), (2, 3)], [(1, 9)], id="a span inside another adds nothing"),
    ],
)
def test_merge(spans: list[tuple[Epoch, Epoch]], expected: list[tuple[Epoch, Epoch]]) -> None:
    assert merge(iter(spans)) == expected


@pytest.mark.parametrize(
    ("hole", "expected"),
    [
        pytest.param((0, 3), [(3, 9)], id="the beginning is taken"),
        pytest.param((5, 12), [(2, 5)], id="the end is taken"),
        pytest.param((4, 5), [(2, 4), (5, 9)], id="the middle is taken"),
        pytest.param((0, 12), [], id="all is taken"),
        pytest.param((2, 9), [], id="exactly all is taken"),
        pytest.param((0, 2), [(2, 9)], id="a hole before it takes nothing"),
        pytest.param((9, 12), [(2, 9)], id="a hole after it takes nothing"),
    ],
)
def test_without(hole: tuple[Epoch, Epoch], expected: list[tuple[Epoch, Epoch]]) -> None:
    assert without((Epoch(2), Epoch(9)), hole) == expected
