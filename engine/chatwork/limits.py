"""Chatwork's two limits, kept by all processes together in Redis, so that no 429 is ever earned.

300 requests / 5 min for the token, 10 posts / 10 s for a room (https://developer.chatwork.com/docs/endpoints). Windows
are a little longer than Chatwork's, because a request is counted here before it is counted there. The less important
a request, the earlier it finds the token's window full: there is always room left to moderate.
"""

from __future__ import annotations

import uuid
from importlib import resources
from typing import TYPE_CHECKING

from engine.commit import redis_errors
from engine.errors import Transient
from engine.ports import Lane

if TYPE_CHECKING:
    from redis.asyncio import Redis

    from engine.clock import Clock
    from engine.keys import Keys

TOKEN_SPAN_MS = 303_000
ROOM_SPAN_MS = 10_500
ROOM_POSTS = 10
TOKEN_SHARE = {Lane.MODERATION: 295, Lane.REPLY: 285, Lane.NUDGE: 255, Lane.DIGEST: 225, Lane.KEEPER: 200}
"""How many of the 300 requests may have been used when a request of this lane still goes out."""


class Limiter:
    """Admits requests. Raises `Transient(retry_after)` when a window is full."""

    def __init__(self, redis: Redis, keys: Keys, clock: Clock) -> None:
        self._clock = clock
        self._keys = keys
        self._script = redis.register_script(resources.files("engine.chatwork").joinpath("limits.lua").read_text())
        self._redis = redis

    async def admit(self, lane: Lane, *, post_to: int | None = None) -> None:
        """Count one request of `lane`, and one post when it goes to a room."""
        now = int(self._clock.now() * 1000)
        windows: list[str] = [self._keys("limit", "token")]
        limits: list[int] = [TOKEN_SPAN_MS, TOKEN_SHARE[lane]]
        if post_to is not None:
            windows.append(self._keys("limit", "room", post_to))
            limits += [ROOM_SPAN_MS, ROOM_POSTS]
        with redis_errors():
            paused = await self._redis.pttl(self._keys("limit", "paused"))
            wait = await self._script(keys=windows, args=[now, uuid.uuid4().hex, *limits])
        if paused > 0:
            raise Transient("rate_limited", retry_after=paused / 1000)
        if wait:
            raise Transient("rate_limited", retry_after=int(wait) / 1000)

    async def obey(self, seconds: float) -> None:
        """Chatwork said 429 although we counted: nobody asks again before `seconds` are over."""
        with redis_errors():
            await self._redis.set(self._keys("limit", "paused"), "1", px=max(1, int(seconds * 1000)))
