"""When an acknowledgement is tried again. Pure: the time and the dice come in as arguments."""

from __future__ import annotations

from email.utils import parsedate_to_datetime
from typing import Final

SECOND, MINUTE, HOUR = 1.0, 60.0, 3600.0

RETRY_DELAYS: Final = (
    0.0,
    5 * SECOND,
    5 * MINUTE,
    30 * MINUTE,
    2 * HOUR,
    5 * HOUR,
    10 * HOUR,
    14 * HOUR,
    20 * HOUR,
    24 * HOUR,
)
"""Seconds to wait before each attempt, the first included: the example in Standard Webhooks 1.0.0, 75.6 hours long."""

JITTER: Final = 0.1
LONGEST_WISH: Final = max(RETRY_DELAYS)


def retry_at(attempt: int, now: float, jitter: float, retry_after: float | None = None) -> float | None:
    """Give the epoch second of the next attempt, None when there is none.

    `attempt` is how many were made, so 0 asks for the first one. `jitter` is a random number from 0 to 1: up to a
    tenth of the delay is added and nothing taken away, so that no retry is early. `retry_after` is the receiver's own
    wish in seconds; it can lengthen the wait up to a day, never shorten it.
    """
    if attempt >= len(RETRY_DELAYS):
        return None
    planned = RETRY_DELAYS[attempt]
    wish = min(retry_after or 0.0, LONGEST_WISH)
    return now + max(planned, wish) * (1 + JITTER * jitter)


def parse_retry_after(header: str | None, now: float) -> float | None:
    """Read `Retry-After` (RFC 9110, 10.2.3: seconds or an HTTP date) as seconds from `now`, 0 to a day.

    None for no header and for one that makes no sense: a receiver's mistake must not stop its own webhooks.
    """
    if header is None:
        return None
    if header.isascii() and header.isdigit():
        return min(float(header[:9]), LONGEST_WISH)
    try:
        moment = parsedate_to_datetime(header).timestamp()
    except (ValueError, OverflowError):
        return None
    return min(max(moment - now, 0.0), LONGEST_WISH)
