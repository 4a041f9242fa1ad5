"""Builds the calendar of active hours from the settings: zone and public holidays come from libraries."""

from __future__ import annotations

from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from engine.errors import Refused
from engine.questions.active_hours import ActiveHours

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import date

    from engine.settings import Community


def build_hours(community: Community) -> ActiveHours:
    """The community's calendar. Raises `Refused` for an unknown zone or country."""
    settings = community.active_hours
    try:
        zone = ZoneInfo(community.community.timezone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise Refused(f"community.timezone: {community.community.timezone} is no zone; try Asia/Tokyo") from None
    return ActiveHours(
        zone=zone,
        weekday=tuple((span.start, span.end) for span in settings.weekday),
        weekend=tuple((span.start, span.end) for span in settings.weekend),
        quiet=(settings.quiet.start, settings.quiet.end) if settings.quiet else None,
        is_holiday=_holidays(settings.holidays),
        is_closed=lambda day: any(closure.includes(day) for closure in settings.closed),
        always=settings.always,
    )


def _holidays(country: str) -> Callable[[date], bool]:
    """Whether a day is a public holiday of a country."""
    if country == "none":
        return lambda _: False
    import holidays  # noqa: PLC0415 - takes half a second, and only workers that ask need it

    try:
        calendar = holidays.country_holidays(country)
    except NotImplementedError:
        raise Refused(f"active_hours.holidays: {country} is not known; use a country code or none") from None
    return lambda day: day in calendar
