"""Stops a worker that buries one entry after the other: then not the entries are wrong, but the code or the world.

    whole ──more than MOST dead letters within WITHIN──▶ blown ──a probe that ends well──▶ whole
                                                         └─ one probe every REST seconds

While it is blown nothing is consumed, so nothing more is buried: everything waits in the stream.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

MOST = 20
WITHIN = 60.0
REST = 60.0


class Fuse:
    """Counts endings; `forward` is a clock that only goes forward, in seconds."""

    def __init__(self, forward: Callable[[], float]) -> None:
        self._forward = forward
        self._burials: deque[float] = deque(maxlen=MOST + 1)
        self._probe_at: float | None = None

    @property
    def is_blown(self) -> bool:
        """True while nothing but probes may be consumed."""
        return self._probe_at is not None

    def may_probe(self) -> bool:
        """True once every REST seconds while it is blown."""
        now = self._forward()
        if self._probe_at is None or now < self._probe_at:
            return False
        self._probe_at = now + REST
        return True

    def note(self, *, buried: bool) -> str | None:
        """Take down how an entry ended; returns `blown` or `whole` when that changed something."""
        now = self._forward()
        if not buried:
            mended, self._probe_at = self.is_blown, None
            if mended:
                self._burials.clear()
            return "whole" if mended else None
        self._burials.append(now)
        flood = len(self._burials) > MOST and now - self._burials[0] <= WITHIN
        if not flood or self.is_blown:
            return None
        self._probe_at = now + REST
        return "blown"
