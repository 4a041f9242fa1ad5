"""What the keeper remembers.

{c}:look:<room>  record  the last look at a room's messages
{c}:losses       record  the last losses of messages
{c}:silence      record  workers found silent, and since when
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.clock import DAY
from engine.commit import Commit, Record
from engine.upkeep.rules import Look

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from engine.commit import Database

LOSSES_KEPT = 20
LOSSES_SHOWN = 30 * DAY
"""Seconds after the last loss for which they are shown."""


class LookRecord(Record):
    """The last look at a room."""

    look: Look


class Silence(Record):
    """Workers found silent, and since when somebody is."""

    workers: tuple[str, ...]
    since: float


class Loss(Record):
    """Messages of a room that can no longer be read, sent between these times (epoch seconds)."""

    room_id: int
    start: int
    end: int


class Losses(Record):
    """The last losses, oldest first."""

    losses: tuple[Loss, ...] = ()


class Upkeep:
    """Reads and writes through one commit."""

    def __init__(self, commit: Commit) -> None:
        self._commit = commit
        self._keys = commit.db.keys

    async def look(self, room_id: int) -> Look | None:
        """The last look at a room, to be followed by the next; None before the first."""
        found = await self._commit.read(self._keys("look", room_id), LookRecord)
        return found.look if found else None

    def put_look(self, room_id: int, look: Look) -> None:
        """Write a look that `look` was asked for."""
        self._commit.write(self._keys("look", room_id), LookRecord(look=look))

    async def looks(self, room_ids: Iterable[int]) -> dict[int, Look | None]:
        """The last looks at these rooms, to choose by."""
        ids = list(room_ids)
        found = await self._commit.db.read_many([self._keys("look", room_id) for room_id in ids], LookRecord)
        return {room_id: record.look if record else None for room_id, record in zip(ids, found, strict=True)}

    async def silence(self) -> Silence | None:
        """Who was silent in the last round, to be followed by this one's."""
        return await self._commit.read(self._keys("silence"), Silence)

    def put_silence(self, silence: Silence) -> None:
        """Write what `silence` was asked for."""
        self._commit.write(self._keys("silence"), silence)

    async def add_loss(self, loss: Loss) -> None:
        """Remember a loss, to be shown to the admins."""
        key = self._keys("losses")
        known = await self._commit.read(key, Losses) or Losses()
        self._commit.write(key, Losses(losses=(*known.losses, loss)[-LOSSES_KEPT:]), ttl=LOSSES_SHOWN)


async def losses(db: Database) -> Sequence[Loss]:
    """The last losses, oldest first."""
    found, _ = await db.read(db.keys("losses"), Losses)
    return found.losses if found else ()
