"""The calendar built from the settings: zone, holidays, spans."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest

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
