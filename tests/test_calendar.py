"""The calendar built from the settings: zone, holidays, spans."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest
from pydantic import ValidationError

from engine.calendar import build_hours
from engine.errors import Refused
from engine.settings import Community
from tests.fakes import tokyo

if TYPE_CHECKING:
    from engine.questions.active_hours import ActiveHours


def built(*, timezone: str = "Asia/Tokyo", **active_hours: Any) -> ActiveHours:
    return build_hours(Community.model_validate({"community": {"timezone": timezone}, "active_hours": active_hours}))


def test_the_defaults_are_tokyos() -> None:
    hours = built()
    assert hours.zone == ZoneInfo("Asia/Tokyo")
    assert not hours.always
    assert hours.quiet is not None


@pytest.mark.parametrize(
    ("country", "day", "free"),
    [
        pytest.param("JP", date(2026, 11, 23), True, id="勤労感謝の日 is free"),
        pytest.param("JP", date(2026, 9, 22), True, id="a day between two holidays is free in Japan"),
        pytest.param("JP", date(2026, 11, 24), False, id="the day after is not"),
        pytest.param("DE", date(2026, 11, 23), False, id="another country has other holidays"),
        pytest.param("none", date(2026, 1, 1), False, id="holidays can be switched off, even New Year's Day"),
    ],
)
def test_public_holidays(country: str, day: date, *, free: bool) -> None:
    assert built(holidays=country).is_holiday(day) is free


def test_quiet_hours_can_be_switched_off() -> None:
    hours = built(quiet="none", always=True)
    assert hours.quiet is None
    assert hours.is_active(tokyo("2026-11-24 03:00"))


@pytest.mark.parametrize(
    "zone",
    [
        pytest.param("Asia/Tokio", id="a misspelt zone"),
        pytest.param("", id="no zone"),
        pytest.param("../../etc/passwd", id="a path that leads elsewhere"),
        pytest.param("Asia", id="a continent"),
        pytest.param("東京", id="a zone in Japanese"),
    ],
)
def test_an_unknown_zone_is_refused_with_an_example(zone: str) -> None:
    with pytest.raises(Refused, match=r"community\.timezone: .* is no zone; try Asia/Tokyo"):
        built(timezone=zone)


def test_an_unknown_country_is_refused_with_the_way_out() -> None:
    with pytest.raises(Refused, match=r"active_hours\.holidays: XX is not known; use a country code or none"):
        built(holidays="XX")


@pytest.mark.parametrize(
    ("day", "closed"),
    [
        pytest.param(date(2026, 8, 12), False, id="the day before お盆 is a day like others"),
        pytest.param(date(2026, 8, 13), True, id="お盆 begins"),
        pytest.param(date(2026, 8, 16), True, id="お盆 ends"),
        pytest.param(date(2026, 8, 17), False, id="after お盆 there are patients"),
        pytest.param(date(2026, 12, 28), False, id="仕事納め is still asked"),
        pytest.param(date(2026, 12, 29), True, id="年末 begins"),
        pytest.param(date(2027, 1, 1), True, id="元日 lies within it, over the turn of the year"),
        pytest.param(date(2027, 1, 3), True, id="三が日 ends it"),
        pytest.param(date(2027, 1, 4), False, id="仕事始め is asked again"),
        pytest.param(date(2028, 2, 29), False, id="a leap day is nobody's closure"),
    ],
)
def test_the_days_on_which_clinics_are_closed(day: date, *, closed: bool) -> None:
    assert built().is_closed(day) is closed
    assert not built(closed=[]).is_closed(day)


def test_other_days_can_be_named() -> None:
    assert built(closed=["02-28..03-01"]).is_closed(date(2028, 2, 29))


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("12-29-01-03", id="without the two dots"),
        pytest.param("8-13..8-16", id="months of one digit"),
        pytest.param("13-01..13-02", id="a thirteenth month"),
        pytest.param("02-30..03-01", id="a thirtieth of February"),
        pytest.param("00-10..01-03", id="a month of nothing"),
        pytest.param("2026-12-29..2027-01-03", id="a single year's days"),
        pytest.param(813, id="a number"),
    ],
)
def test_what_is_no_span_of_days_is_refused(text: object) -> None:
    with pytest.raises(ValidationError):
        built(closed=[text])
