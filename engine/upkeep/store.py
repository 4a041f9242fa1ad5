"""What the keeper remembers.

{c}:look:<room>  record  the last look at a room's messages
{c}:silence      record  workers found silent, and since when
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.commit import Commit, Record
from engine.upkeep.rules import Look

if TYPE_CHECKING:
    from collections.abc import Iterable


class LookRecord(Record):
    """`engine.upkeep.rules.Look`, stored; the message id as text, beyond what a float can hold."""

    since: float
    looked_at: float
    newest: str | None = None
    newest_at: int = 0
    fresh: int = 0
    missing_since: float | None = None
    untold: int | None = None
    untold_last: int | None = None
    sound_at: int = 0

    @classmethod
    def of(cls, look: Look) -> LookRecord:
        """Store a look."""
        return cls(
            since=look.since,
            looked_at=look.looked_at,
            newest=None if look.newest is None else str(look.newest),
            newest_at=look.newest_at,
            fresh=look.fresh,
            missing_since=look.missing_since,
            untold=look.untold,
            untold_last=look.untold_last,
            sound_at=look.sound_at,
        )

    def look(self) -> Look:
        """As the rules see it."""
        return Look(
            since=self.since,
            looked_at=self.looked_at,
            newest=None if self.newest is None else int(self.newest),
            newest_at=self.newest_at,
            fresh=self.fresh,
            missing_since=self.missing_since,
            untold=self.untold,
            untold_last=self.untold_last,
            sound_at=self.sound_at,
        )


class Silence(Record):
    """Workers found silent, and since when somebody is."""

    workers: tuple[str, ...]
    since: float


class Upkeep:
    """Reads and writes through one commit."""

    def __init__(self, commit: Commit) -> None:
        self._commit = commit
        self._keys = commit.db.keys

    async def look(self, room_id: int) -> Look | None:
        """The last look at a room, to be followed by the next; None before the first."""
        found = await self._commit.read(self._keys("look", room_id), LookRecord)
        return found.look() if found else None

    def put_look(self, room_id: int, look: Look) -> None:
        """Write a look that `look` was asked for."""
        self._commit.write(self._keys("look", room_id), LookRecord.of(look))

    async def looks(self, room_ids: Iterable[int]) -> dict[int, Look | None]:
        """The last looks at these rooms, to choose by."""
        ids = list(room_ids)
        found = await self._commit.db.read_many([self._keys("look", room_id) for room_id in ids], LookRecord)
        return {room_id: record.look() if record else None for room_id, record in zip(ids, found, strict=True)}

    async def silence(self) -> Silence | None:
        """Who was silent in the last round, to be followed by this one's."""
        return await self._commit.read(self._keys("silence"), Silence)

    def put_silence(self, silence: Silence) -> None:
        """Write what `silence` was asked for."""
        self._commit.write(self._keys("silence"), silence)
