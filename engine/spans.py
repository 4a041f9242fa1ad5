"""How settings write time: durations, spans of a day, days of the year. Pure."""

from __future__ import annotations

import re
from datetime import date, time
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from engine.clock import DAY, HOUR, MINUTE

_TIME = r"(?:[01][0-9]|2[0-3]):[0-5][0-9]|24:00"
_DAYS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_UNITS = {"s": 1.0, "m": MINUTE, "h": HOUR, "d": DAY}


LONGEST = 36_500 * DAY
"""A century: whatever is longer is a slip of the finger, and the calendar of computers ends in the year 9999."""


def parse_duration(text: object) -> float:
    """`"90s"`, `"15m"`, `"2h"`, `"30d"` in seconds."""
    match = re.fullmatch(r"(\d{1,12})([smhd])", text) if isinstance(text, str) else None
    if match is None:
        raise ValueError('a duration is a number and a unit, for example "90s", "2h" or "30d"')
    seconds = int(match[1]) * _UNITS[match[2]]
    if seconds > LONGEST:
        raise ValueError('a duration is at most "36500d"')
    return seconds


class Span(BaseModel):
    """A span of a day, `"12:30-15:00"`; the end may lie after midnight (`"23:00-07:00"`)."""

    model_config = ConfigDict(frozen=True)
    start: time
    end: time


def parse_span(text: object) -> Span:
    """Read `"12:30-15:00"`; `"24:00"` is midnight."""
    match = re.fullmatch(rf"({_TIME})-({_TIME})", text) if isinstance(text, str) else None
    if match is None:
        raise ValueError('a span of hours looks like "12:30-15:00"')
    start, end = (time() if part == "24:00" else time.fromisoformat(part) for part in match.groups())
    return Span(start=start, end=end)


def parse_quiet(text: object) -> Span | None:
    """Read a span, or `"none"` for no quiet hours."""
    return None if text == "none" else parse_span(text)


class Closure(BaseModel):
    """Days of every year on which clinics are closed and nobody is asked: months and days, both ends included."""

    model_config = ConfigDict(frozen=True)
    first: tuple[int, int]
    last: tuple[int, int]

    def includes(self, day: date) -> bool:
        """Whether a day lies in it; one that ends before it begins reaches over the new year."""
        moment = (day.month, day.day)
        if self.first <= self.last:
            return self.first <= moment <= self.last
        return moment >= self.first or moment <= self.last


def parse_closure(text: object) -> Closure:
    """Read `"12-29..01-03"`."""
    match = re.fullmatch(r"(\d\d)-(\d\d)\.\.(\d\d)-(\d\d)", text) if isinstance(text, str) else None
    if match is None:
        raise ValueError('days of the year look like "12-29..01-03"')
    first_month, first_day, last_month, last_day = map(int, match.groups())
    for month, day in ((first_month, first_day), (last_month, last_day)):
        if not (1 <= month <= len(_DAYS) and 1 <= day <= _DAYS[month - 1]):
            raise ValueError(f"{month:02d}-{day:02d} is no day of the year")
    return Closure(first=(first_month, first_day), last=(last_month, last_day))


Duration = Annotated[float, BeforeValidator(parse_duration)]
Lasting = Annotated[Duration, Field(gt=0)]
YearSpan = Annotated[Closure, BeforeValidator(parse_closure)]
DaySpan = Annotated[Span, BeforeValidator(parse_span)]
Quiet = Annotated[Span | None, BeforeValidator(parse_quiet)]
