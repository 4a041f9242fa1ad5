"""Chatwork's two rate limits. Pure: the time comes in as an argument."""

from __future__ import annotations

import math
from collections import defaultdict, deque
from dataclasses import dataclass

REQUESTS = 300  # per token, all endpoints together …
REQUESTS_WINDOW = 300  # … in five minutes, counted from the second of the first request
POSTS = 10  # per room, messages and tasks together, whoever posts …
POSTS_WINDOW = 10.0  # … in any ten seconds


@dataclass(frozen=True, slots=True)
class Allowance:
    """What the three `x-ratelimit-…` headers say, and whether this request was within the limit."""

    allowed: bool
    remaining: int
    reset: int

    def headers(self) -> dict[str, str]:
        """Return the three headers that every response carries."""
        return {
            "x-ratelimit-limit": str(REQUESTS),
            "x-ratelimit-remaining": str(self.remaining),
            "x-ratelimit-reset": str(self.reset),
        }


def untouched(now: float) -> Allowance:
    """Return the headers for a request that belongs to no token."""
    return Allowance(allowed=True, remaining=REQUESTS, reset=math.floor(now) + REQUESTS_WINDOW)


class RequestLimit:
    """Requests of each token in its running window."""

    def __init__(self) -> None:
        self._windows: dict[str, tuple[int, int]] = {}

    def take(self, token: str, now: float) -> Allowance:
        """Count one request; a refused one costs nothing further."""
        this_second = math.floor(now)
        start, used = self._windows.get(token, (this_second, 0))
        if now >= start + REQUESTS_WINDOW:
            start, used = this_second, 0
        allowed = used < REQUESTS
        used += allowed
        self._windows[token] = (start, used)
        return Allowance(allowed=allowed, remaining=REQUESTS - used, reset=start + REQUESTS_WINDOW)


class PostLimit:
    """Posts into each room during the last ten seconds."""

    def __init__(self) -> None:
        self._posts: defaultdict[int, deque[float]] = defaultdict(deque)

    def take(self, room_id: int, now: float) -> bool:
        """Count one post, unless the room has had its ten."""
        posts = self._posts[room_id]
        while posts and posts[0] <= now - POSTS_WINDOW:
            posts.popleft()
        if len(posts) >= POSTS:
            return False
        posts.append(now)
        return True
