"""Active hours: when members may be asked. Pure: zone, spans and the holiday calendar come in as values.

A day's active spans are its weekday or weekend spans without the quiet hours, which always win. On a day on which
clinics are closed (お盆, the turn of the year) no span begins.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING

from engine.clock import ActiveSeconds, Epoch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from zoneinfo import ZoneInfo

HORIZON_DAYS = 400
"""How far ahead an active moment is looked for; a calendar without one in this span has none."""

SATURDAY = 5
DaySpan = tuple[time, time]
"""Start and end of a span in local time; an end at or before the start lies on the next day."""

WHOLE_DAY: DaySpan = (time(), time())


@dataclass(frozen=True, slots=True)
class ActiveHours:
    """A calendar. `always` makes every hour of every day active that is not quiet."""

    zone: ZoneInfo
    weekday: tuple[DaySpan, ...]
    weekend: tuple[DaySpan, ...]
    quiet: DaySpan | None
    is_holiday: Callable[[date], bool]
    always: bool = False
    is_closed: Callable[[date], bool] = lambda _: False

    def is_active(self, moment: Epoch) -> bool:
        """True if members may be asked at `moment`."""
        return self.next_active(moment) == moment

    def next_active(self, moment: Epoch) -> Epoch | None:
        """The first active moment from `moment` on; None if the calendar has none."""
        for start, end in self._spans_from(moment):
            if moment < end:
                return max(start, moment)
        return None

    def add(self, moment: Epoch, span: ActiveSeconds) -> Epoch | None:
        """The moment at which `span` active seconds have passed since `moment`; None if that never comes."""
        left = float(span)
        for start, end in self._spans_from(moment):
            begin = max(start, moment)
            if begin >= end:
                continue
            if left <= end - begin:
                return Epoch(begin + left)
            left -= end - begin
        return None

    def between(self, start: Epoch, end: Epoch) -> ActiveSeconds:
        """Active seconds from `start` to `end`."""
        total = 0.0
        for begin, finish in self._spans_from(start):
            if begin >= end:
                break
            total += max(0.0, min(finish, end) - max(begin, start))
        return ActiveSeconds(total)

    def _spans_from(self, moment: Epoch) -> Iterator[tuple[Epoch, Epoch]]:
        """Active spans in order, none inside another, from the day of `moment` on."""
        first = datetime.fromtimestamp(moment, self.zone).date()
        for offset in range(HORIZON_DAYS):
            yield from self._spans_on(first + timedelta(days=offset))

    def _spans_on(self, day: date) -> list[tuple[Epoch, Epoch]]:
        """What is active between two midnights: the day's own spans and what reaches into it from the day before."""
        begin, end = self._on(day, WHOLE_DAY)
        days = (day - timedelta(days=1), day)
        spans = [self._on(each, span) for each in days for span in self._spans_of(each)]
        inside = ((max(start, begin), min(finish, end)) for start, finish in spans)
        active = merge(span for span in inside if span[0] < span[1])
        quiets = [self._on(each, self.quiet) for each in days] if self.quiet else []
        for quiet in quiets:
            active = [part for span in active for part in without(span, quiet)]
        return active

    def _spans_of(self, day: date) -> tuple[DaySpan, ...]:
        if self.always:
            return (WHOLE_DAY,)
        if self.is_closed(day):
            return ()
        free = day.weekday() >= SATURDAY or self.is_holiday(day)
        return self.weekend if free else self.weekday

    def _on(self, day: date, span: DaySpan) -> tuple[Epoch, Epoch]:
        """A span of local time on a day, in epoch seconds."""
        start, end = span
        last = day + timedelta(days=1) if end <= start else day
        begin = datetime.combine(day, start, self.zone).timestamp()
        return Epoch(begin), Epoch(datetime.combine(last, end, self.zone).timestamp())


def merge(spans: Iterator[tuple[Epoch, Epoch]]) -> list[tuple[Epoch, Epoch]]:
    """The union of spans, in order."""
    merged: list[tuple[Epoch, Epoch]] = []
    for start, end in sorted(spans):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def without(span: tuple[Epoch, Epoch], hole: tuple[Epoch, Epoch]) -> list[tuple[Epoch, Epoch]]:
    """What is left of a span when `hole` is taken out."""
    start, end = span
    parts = [(start, min(end, hole[0])), (max(start, hole[1]), end)]
    return [part for part in parts if part[0] < part[1]]
