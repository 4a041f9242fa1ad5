"""An inbox for the webhooks that vendors would receive, so that a demo or a test can see acknowledgements arrive."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

KEPT = 1000


@dataclass(frozen=True, slots=True)
class Received:
    """One request as it came: the raw body is what a signature covers."""

    at: float
    headers: dict[str, str]
    body: bytes


@dataclass(slots=True)
class Inbox:
    """What one vendor received, and the status it answers with."""

    status: int = 204
    received: deque[Received] = field(default_factory=lambda: deque(maxlen=KEPT))
