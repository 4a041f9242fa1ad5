"""Signs of life: each process says so while its own loop turns; who is silent longer than `STALE` is not well.

{c}:beats  hash    `<part>@<host>:<pid>` -> JSON {at, last_webhook}
{c}:born   string  when this database began; another value means that it was emptied or replaced
"""

from __future__ import annotations

import os
import socket
from contextlib import suppress
from typing import TYPE_CHECKING

from pydantic import ValidationError
from redis.exceptions import WatchError

from engine.away import redis_errors
from engine.commit import Database, Record

if TYPE_CHECKING:
    from collections.abc import Mapping

EVERY = 5.0
"""Seconds between two signs of life."""

STALE = 30.0
"""Seconds of silence after which a process counts as dead."""

FORGET = 3600.0
"""Seconds after which a dead process's entry is removed."""


class Beat(Record):
    """One process's last sign of life; `last_webhook` is the ingress's last genuine webhook."""

    at: float
    last_webhook: float | None = None


def own_name(part: str) -> str:
    """How this process signs."""
    return f"{part}@{socket.gethostname()}:{os.getpid()}"


async def beat(db: Database, part: str, beat: Beat) -> None:
    """Say that `part` (a worker's name or `ingress`) is alive."""
    with redis_errors():
        await db.redis.hset(db.keys("beats"), own_name(part), beat.model_dump_json())  # type: ignore[misc]


async def born(db: Database, now: float) -> str:
    """When this database began, as whoever came first wrote it."""
    with redis_errors():
        await db.redis.set(db.keys("born"), repr(now), nx=True)
        return str(await db.redis.get(db.keys("born")))


async def beats(db: Database, now: float) -> dict[str, Beat]:
    """Last signs of life by `part@host:pid`; long dead ones are removed."""
    with redis_errors():
        found: Mapping[str, str] = await db.redis.hgetall(db.keys("beats"))  # type: ignore[misc]
    known: dict[str, Beat] = {}
    for name, data in found.items():
        try:
            known[name] = Beat.model_validate_json(data)
        except ValidationError:
            continue
    dead = {name: found[name] for name, beat in known.items() if beat.at < now - FORGET}
    if dead:
        await _forget(db, dead)
    return {name: beat for name, beat in known.items() if name not in dead}


async def _forget(db: Database, dead: Mapping[str, str]) -> None:
    """Remove entries, but not of one that gave another sign since they were read: a machine that slept wakes up."""
    key = db.keys("beats")
    with redis_errors(), suppress(WatchError):
        async with db.redis.pipeline() as pipe:
            await pipe.watch(key)
            if await pipe.hmget(key, [*dead]) == [*dead.values()]:  # type: ignore[misc]
                pipe.multi()  # type: ignore[no-untyped-call]
                pipe.hdel(key, *dead)
                await pipe.execute()


def is_alive(known: Mapping[str, Beat], part: str, now: float, host: str | None = None) -> bool:
    """True if some process of the part gave a sign within `STALE`; one from the future was given by another clock."""
    prefix = f"{part}@{host}:" if host else f"{part}@"
    return any(abs(now - beat.at) < STALE for name, beat in known.items() if name.startswith(prefix))
