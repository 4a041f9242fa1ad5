"""When members are there: how often they write in each of the week's 168 hours. Pure.

What they wrote four weeks ago counts half. Somebody who wrote little is taken for like everybody else.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from engine.clock import DAY, HOUR, Epoch

if TYPE_CHECKING:
    from collections.abc import Mapping
    from zoneinfo import ZoneInfo

HOURS = 168
HALF_LIFE = 28 * DAY
BEGINNING = 1_767_225_600.0
"""The moment (2026-01-01 UTC) at which a message weighs one; later ones weigh more, which is the same as older ones
weighing less, but nothing has to be counted anew as time goes by."""

OTHERS = 20.0
"""Messages after which somebody's own habits weigh as much as everybody's."""

EVEN = 5.0
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


def availability(own: Mapping[int, float], everybody: Mapping[int, float], hour: int, now: float) -> float:
    """How likely somebody is there in an hour of the week, from `SELDOM` to 1 (their best hour).

    `own` and `everybody` are sums of `fading` by hour of the week, as of `now`.
    """
    counted = 1 / fading(now)
    share = OTHERS / (sum(everybody.values()) * counted + EVEN * HOURS)
    blended = [
        own.get(each, 0.0) * counted + (everybody.get(each, 0.0) * counted + EVEN) * share for each in range(HOURS)
    ]
    smooth = [(blended[each - 1] + 2 * blended[each] + blended[(each + 1) % HOURS]) / 4 for each in range(HOURS)]
    return max(SELDOM, smooth[hour] / max(smooth))


def best_hour(chances: Mapping[Epoch, float]) -> Epoch:
    """Of moments ahead (in order) with the availability in each, the first that is nearly as good as the best."""
    best = max(chances.values())
    return next(moment for moment, chance in chances.items() if chance >= GOOD * best)


def hours_from(start: Epoch, end: Epoch) -> list[Epoch]:
    """`start`, and the beginning of every hour after it, before `end`."""
    first = start - start % HOUR + HOUR
    return [start, *(Epoch(first + each * HOUR) for each in range(max(0, int((end - first + HOUR - 1) // HOUR))))]
