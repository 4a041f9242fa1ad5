"""The record of events: one Redis Stream, one consumer group for each worker.

`Publisher` gathers the events of concurrent requests into one round trip (group commit), so that waiting for the disk
costs no throughput. `Consumer` reads new entries and takes over what a dead consumer left.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from redis.exceptions import ResponseError

from engine.away import redis_errors
from engine.commit import Commit, Database, Entry
from engine.errors import Transient
from engine.events import parse_envelope

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from engine.clock import Clock
    from engine.events import Envelope

BATCH = 256
"""Events in one group commit at most."""

PAGE = 500
"""Entries read at once where many are looked at."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """One hand-over of an entry to a consumer; `data` is the envelope as stored, `times` counts hand-overs."""

    entry: Entry
    data: str
    times: int


class Publisher:
    """Publishes envelopes; concurrent callers share one atomic script call."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock
        self._waiting: list[tuple[Envelope, asyncio.Future[bool]]] = []
        self._flush: asyncio.Task[None] | None = None

    async def publish(self, envelope: Envelope) -> bool:
        """Publish; True if the id was new. Raises `Transient` while Redis is away: then nothing was promised."""
        future: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._waiting.append((envelope, future))
        if self._flush is None or self._flush.done():
            self._flush = asyncio.create_task(self._run())
        return await future

    async def publish_all(self, envelopes: Sequence[Envelope]) -> list[bool]:
        """Publish several in order, in one script call."""
        commit = Commit(self._db, self._clock.now(), events=list(envelopes))
        _, added = await self._db.apply(commit)
        return added

    async def _run(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting[:BATCH], self._waiting[BATCH:]
            try:
                added = await self.publish_all([envelope for envelope, _ in batch])
            except Transient as away:
                for _, future in batch:
                    if not future.done():
                        future.set_exception(away)
                continue
            for (_, future), new in zip(batch, added, strict=True):
                if not future.done():
                    future.set_result(new)


class Consumer:
    """One reader of the stream in a worker's group. Raises `Transient` while Redis is away."""

    def __init__(self, db: Database, group: str, name: str) -> None:
        self._db = db
        self.group = group
        self.name = name

    async def ensure_group(self) -> None:
        """Create the group at the beginning of the stream unless it exists; also after a flushed database."""
        with redis_errors():
            try:
                await self._db.redis.xgroup_create(self._db.keys.stream, self.group, id="0", mkstream=True)
            except ResponseError as error:
                if not str(error).startswith("BUSYGROUP"):
                    raise

    async def read(self, count: int, block_ms: int | None) -> list[Delivery]:
        """New entries, at most `count`; waits up to `block_ms` for the first (None: does not wait)."""
        with redis_errors():
            try:
                reply = await self._db.redis.xreadgroup(
                    self.group, self.name, {self._db.keys.stream: ">"}, count=count, block=block_ms
                )
            except ResponseError as error:
                if not str(error).startswith("NOGROUP"):
                    raise
                await self.ensure_group()
                return []
        return [self._delivery(entry_id, fields, 1) for _, entries in reply for entry_id, fields in entries]

    async def claim(self, min_idle_ms: int, count: int) -> list[Delivery]:
        """Take over entries that somebody read and did not finish for `min_idle_ms`."""
        with redis_errors():
            try:
                reply = await self._db.redis.xautoclaim(
                    self._db.keys.stream, self.group, self.name, min_idle_ms, "0-0", count=count
                )
            except ResponseError as error:
                if not str(error).startswith("NOGROUP"):
                    raise
                await self.ensure_group()
                return []
            entries = [(entry_id, fields) for entry_id, fields in reply[1] if fields]
            times = await self._times([entry_id for entry_id, _ in entries])
        return [self._delivery(entry_id, fields, times.get(entry_id, 1)) for entry_id, fields in entries]

    async def _times(self, entry_ids: list[str]) -> dict[str, int]:
        """How often each pending entry was handed over."""
        if not entry_ids:
            return {}
        rows = await self._db.redis.xpending_range(
            self._db.keys.stream, self.group, entry_ids[0], entry_ids[-1], 1000, self.name
        )
        return {row["message_id"]: int(row["times_delivered"]) for row in rows}

    def _delivery(self, entry_id: str, fields: dict[str, str], times: int) -> Delivery:
        return Delivery(Entry(self.group, entry_id), fields.get("e", ""), times)


async def read_entries(db: Database, start: float, end: float) -> AsyncIterator[tuple[str, str]]:
    """Ids and envelopes of the entries added between two times (epoch seconds), oldest first."""
    last, stop = str(int(start * 1000)), str(int(end * 1000))
    while True:
        with redis_errors():
            page = await db.redis.xrange(db.keys.stream, min=last, max=stop, count=PAGE)
        for entry_id, fields in page:
            yield entry_id, fields.get("e", "")
        if len(page) < PAGE:
            return
        last = f"({page[-1][0]}"


async def read_entry(db: Database, entry_id: str) -> Envelope | None:
    """One entry, None if it was trimmed. Raises like `parse_envelope`."""
    with redis_errors():
        found = await db.redis.xrange(db.keys.stream, min=entry_id, max=entry_id)
    return parse_envelope(found[0][1]["e"]) if found else None


async def forget_consumers(db: Database, groups: Sequence[str], idle_ms: int) -> int:
    """Remove readers that have nothing in hand and have not been heard of for long: every restart has a new name."""
    gone = 0
    known = await _groups(db)
    with redis_errors():
        for group in known.keys() & set(groups):
            for reader in await db.redis.xinfo_consumers(db.keys.stream, group):
                if not reader["pending"] and reader["idle"] > idle_ms:
                    await db.redis.xgroup_delconsumer(db.keys.stream, group, reader["name"])
                    gone += 1
    return gone


async def _groups(db: Database) -> dict[str, dict[str, Any]]:
    """The groups by name; while a new engine starts, some are not there yet, or not even the stream."""
    with redis_errors():
        if not await db.redis.exists(db.keys.stream):
            return {}
        return {row["name"]: row for row in await db.redis.xinfo_groups(db.keys.stream)}


async def trim(db: Database, groups: Sequence[str], keep: int, before: float = 0.0) -> int:
    """Drop entries that every group has acknowledged; returns how many went.

    Of those the newest `keep` stay, unless they were added before `before` (epoch seconds).
    """
    info = await _groups(db)
    if not info or any(group not in info for group in groups):
        return 0
    with redis_errors():
        floor = min([await _oldest_needed(db, row) for row in info.values()], key=_entry_order)
        newest = await db.redis.xrevrange(db.keys.stream, count=keep)
        enough = newest[-1][0] if len(newest) == keep else "0-0"
        wanted = max(enough, f"{int(before * 1000)}-0", key=_entry_order)
        floor = min(floor, wanted, key=_entry_order)
        return int(await db.redis.xtrim(db.keys.stream, minid=floor, approximate=False))


async def _oldest_needed(db: Database, row: dict[str, str]) -> str:
    pending = await db.redis.xpending(db.keys.stream, row["name"])
    return str(pending["min"] or row["last-delivered-id"])


def _entry_order(entry_id: str) -> tuple[int, int]:
    left, _, right = entry_id.partition("-")
    return int(left), int(right or 0)
