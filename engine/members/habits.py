"""When members are there: how often they write in each of the week's 168 hours. Pure.

What they wrote four weeks ago counts half. Somebody who wrote little is taken for like everybody else, and an hour of
the week for like the same hour of other days.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from engine.clock import DAY, HOUR, Epoch

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from zoneinfo import ZoneInfo

HOURS = 168
HALF_LIFE = 28 * DAY
BEGINNING = 1_767_225_600.0
"""The moment (2026-01-01 UTC) at which a message weighs one; later ones weigh more, which is the same as older ones
weighing less, but nothing has to be counted anew as time goes by."""

OTHERS = 84.0
"""Messages that everybody's habits are worth beside somebody's own: one for every other hour of the week."""

EVEN = 20.0
"""Messages in each hour that everybody is believed to have written: a few early ones must not look like a habit."""

SELDOM = 0.1
"""Availability is never less: people also look at other times than they write."""

GOOD = 0.8
"""An hour this near to the best ahead is good enough not to wait longer."""


def hour_of_week(moment: float, zone: ZoneInfo) -> int:
    """0 is Monday's first hour, 167 Sunday's last, by the zone's clock."""
    local = datetime.fromtimestamp(moment, zone)
    return local.weekday() * 24 + local.hour


def fading(moment: float) -> float:
    """What something of this moment counts, so that the same four weeks before counted half."""
    return float(2.0 ** ((moment - BEGINNING) / HALF_LIFE))


@dataclass(frozen=True, slots=True)
class Presence:
    """How likely somebody is there in each hour of the week, from `SELDOM` to 1 (their best hour)."""

    hours: tuple[float, ...] = (1.0,) * HOURS

    def at(self, moment: float, zone: ZoneInfo) -> float:
        """How likely they are there at a moment."""
        return self.hours[hour_of_week(moment, zone)]

    def best(self, moments: Sequence[Epoch], zone: ZoneInfo) -> Epoch:
        """Of moments ahead (in order) the first that is nearly as good as the best of them."""
        chances = [self.at(moment, zone) for moment in moments]
        best = max(chances)
        return next(moment for moment, chance in zip(moments, chances, strict=True) if chance >= GOOD * best)


def presence(own: Mapping[int, float], everybody: Mapping[int, float], now: float) -> Presence:
    """What somebody's messages and everybody's, sums of `fading` by hour of the week, say as of `now`."""
    counted = 1 / fading(now)
    share = OTHERS / (sum(everybody.values()) * counted + EVEN * HOURS)
    week = [math.log1p(own.get(each, 0.0) * counted) for each in range(HOURS)]  # ten messages in an hour are one visit
    day = [sum(week[each::24]) / 7 for each in range(24)]
    blended = [
        (week[each] + day[each % 24]) / 2 + (everybody.get(each, 0.0) * counted + EVEN) * share for each in range(HOURS)
    ]
    smooth = [(blended[each - 1] + 2 * blended[each] + blended[(each + 1) % HOURS]) / 4 for each in range(HOURS)]
    best = max(smooth)
    return Presence(tuple(max(SELDOM, each / best) for each in smooth))


def hours_from(start: Epoch, end: Epoch) -> list[Epoch]:
    """`start`, and the beginning of every hour after it, before `end`."""
    first = start - start % HOUR + HOUR
    return [start, *(Epoch(first + each * HOUR) for each in range(max(0, int((end - first + HOUR - 1) // HOUR))))]
