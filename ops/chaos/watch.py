"""Looks each second how long work waited that nobody did.

A stall is a span in which a worker's group had entries waiting (in the stream, or in the spool on their way to it) and
finished none. A second in which the database could not be asked belongs to the span before it, as long as that was one.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

import aiohttp

from engine.away import redis_errors
from engine.connect import connect
from engine.errors import Transient
from engine.keys import Keys

if TYPE_CHECKING:
    from ops.chaos.site import Site

EVERY = 1.0


class Watch:
    """`longest` is the longest stall, seconds, and `whose` the worker's."""

    def __init__(self, site: Site) -> None:
        self.longest = 0.0
        self.whose = ""
        self._site = site
        self._redis = connect(site.redis_url)
        self._spooled = 0
        self._before: dict[str, tuple[int, float]] = {}  # entries finished, since when no more are

    async def run(self) -> None:
        """Look until cancelled."""
        try:
            while True:
                with suppress(aiohttp.ClientError, OSError, Transient):
                    await self._look()
                await asyncio.sleep(EVERY)
        finally:
            await self._redis.aclose()

    async def _look(self) -> None:
        now = asyncio.get_running_loop().time()
        with suppress(aiohttp.ClientError, OSError):
            self._spooled = await self._site.spooled()
        with redis_errors():
            groups = await self._redis.xinfo_groups(Keys("main").stream)
        for group in groups:
            finished = (group["entries-read"] or 0) - group["pending"]
            waiting = (group["lag"] or 0) + group["pending"] + self._spooled
            known, since = self._before.get(group["name"], (-1, now))
            if finished != known or not waiting:
                since = now
            self._before[group["name"]] = finished, since
            if now - since > self.longest:
                self.longest, self.whose = now - since, group["name"]
