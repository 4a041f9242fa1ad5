"""Time, injected: who needs the time asks a `Clock`; only `SystemClock` looks at the machine's.

Wall time and active time are different types, so that "two hours" cannot be added to the wrong one.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NewType, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

Epoch = NewType("Epoch", float)
"""Wall time, seconds since 1970-01-01 UTC."""

ActiveSeconds = NewType("ActiveSeconds", float)
"""A span counted only while the community is active (`engine/questions/active_hours.py`)."""

MINUTE = 60.0
HOUR = 60 * MINUTE
DAY = 24 * HOUR


class Clock(Protocol):
    """Where the time comes from."""

    def now(self) -> Epoch:
        """Wall time now."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> Epoch:
        """Wall time now."""
        return Epoch(time.time())


class Drift:
    """Notices when the wall clock is set, or the machine slept: compares it with a clock that only goes forward."""

    def __init__(self, clock: Clock, forward: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._forward = forward
        self._gap = clock.now() - forward()

    def step(self) -> float:
        """Seconds by which the wall clock moved more (or, negative, less) than time passed, since the last call."""
        gap = self._clock.now() - self._forward()
        step, self._gap = gap - self._gap, gap
        return step


def after(moment: Epoch, seconds: float) -> Epoch:
    """Wall time `seconds` after `moment`."""
    return Epoch(moment + seconds)
