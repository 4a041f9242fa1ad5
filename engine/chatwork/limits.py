"""Chatwork's two limits, kept by all processes together in Redis, so that no 429 is ever earned.

300 requests / 5 min for the token, 10 posts / 10 s for a room (https://developer.chatwork.com/docs/endpoints). Windows
are a little longer than Chatwork's, because a request is counted here before it is counted there. The less important
a request, the earlier it finds the token's window full: there is always room left to moderate.
"""

from __future__ import annotations

import math
import uuid
from importlib import resources
from typing import TYPE_CHECKING

from engine.away import redis_errors
from engine.errors import Transient
from engine.ports import Lane

if TYPE_CHECKING:
    from redis.asyncio import Redis

    from engine.clock import Clock, Epoch
    from engine.keys import Keys

TOKEN_SPAN_MS = 303_000
ROOM_SPAN_MS = 10_500
ROOM_POSTS = 10
TOKEN = "token"  # noqa: S105 - the name of its pause, not a secret
TOKEN_SHARE = {Lane.MODERATION: 295, Lane.REPLY: 285, Lane.NUDGE: 255, Lane.DIGEST: 225, Lane.KEEPER: 200}
"""How many of the 300 requests may have been used when a request of this lane still goes out."""


PAUSES_KEPT_MS = 3_600_000
"""Longer than any pause; only so that the key does not stay for ever."""


class Limiter:
    """Admits requests. Raises `Transient(retry_after)` when a window is full or Chatwork asked for a pause.

    {c}:limit:token      zset  requests of the token's window by time, ms
    {c}:limit:room:<id>  zset  posts of a room's window by time, ms
    {c}:limit:paused     zset  `token` or a room id -> end of its pause, ms
    """

    def __init__(self, redis: Redis, keys: Keys, clock: Clock) -> None:
        self._clock = clock
        self._keys = keys
        self._script = redis.register_script(resources.files("engine.chatwork").joinpath("limits.lua").read_text())
        self._redis = redis

    def now(self) -> Epoch:
        """The time by which windows and pauses are counted."""
        return self._clock.now()

    async def admit(self, lane: Lane, *, post_to: int | None = None) -> None:
        """Count one request of `lane`, and one post when it goes to a room."""
        windows: list[str] = [self._keys("limit", "token")]
        limits: list[str | int] = [TOKEN, TOKEN_SPAN_MS, TOKEN_SHARE[lane]]
        if post_to is not None:
            windows.append(self._keys("limit", "room", post_to))
            limits += [post_to, ROOM_SPAN_MS, ROOM_POSTS]
        with redis_errors():
            wait = await self._script(
                keys=[self._pauses, *windows], args=[_milliseconds(self.now()), uuid.uuid4().hex, *limits]
            )
        if wait:
            raise Transient("rate_limited", retry_after=int(wait) / 1000, untried=True)

    async def obey(self, seconds: float, *, room_id: int | None = None) -> None:
        """Chatwork said 429 although we counted: nobody asks (or posts to the room) before `seconds` are over."""
        until = _milliseconds(self.now()) + math.ceil(seconds * 1000)
        with redis_errors():
            pipe = self._redis.pipeline()
            pipe.zadd(self._pauses, {TOKEN if room_id is None else str(room_id): until}, gt=True)
            pipe.pexpire(self._pauses, PAUSES_KEPT_MS)
            await pipe.execute()

    @property
    def _pauses(self) -> str:
        return self._keys("limit", "paused")


def _milliseconds(moment: Epoch) -> int:
    return int(moment * 1000)
