"""Changing records wherever they stand: what retention and the forgetting of a person are made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from engine.away import redis_errors
from engine.commit import Applied, Record
from engine.errors import Transient

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

    from engine.clock import Clock
    from engine.commit import Commit, Database

R = TypeVar("R", bound=Record)

BATCH = 200
"""Records looked at in one round trip and changed in one commit."""

TRIES = 20
"""Runs of a batch whose records somebody else changes meanwhile."""


async def keys_of(db: Database, *parts: str) -> AsyncIterator[str]:
    """Every key below a part of the names; those that come or go meanwhile may be missing or gone."""
    with redis_errors():
        async for key in db.redis.scan_iter(match=f"{db.keys(*parts)}:*", count=1000):
            yield str(key)


def _nothing(_: Commit, __: R) -> None:
    """Nothing else belongs to the change."""


@dataclass(frozen=True, slots=True)
class Records:
    """All records of one kind at a time. Raises `Transient` while Redis is away."""

    db: Database
    clock: Clock

    async def change(
        self,
        kind: str,
        model: type[R],
        change: Callable[[R], R | None],
        also: Callable[[Commit, R], None] = _nothing,
    ) -> int:
        """Give every record to `change` and write what it returns; None erases, the same one stays.

        `also` adds to the commit what else belongs to the change of this record. What expires goes on expiring.
        Returns how many were changed.
        """
        changed = 0
        keys = [key async for key in keys_of(self.db, kind)]
        for start in range(0, len(keys), BATCH):
            batch = keys[start : start + BATCH]
            found = zip(batch, await self.db.read_many(batch, model), strict=True)
            meant = [key for key, record in found if record is not None and change(record) is not record]
            if meant:
                changed += await self._write(meant, model, change, also)
        return changed

    async def _write(
        self,
        keys: Sequence[str],
        model: type[R],
        change: Callable[[R], R | None],
        also: Callable[[Commit, R], None],
    ) -> int:
        for _ in range(TRIES):
            commit, changed = self.db.commit(self.clock.now()), 0
            for key in keys:
                record = await commit.read(key, model)
                new = change(record) if record is not None else record
                if record is None or new is record:
                    continue
                changed += 1
                also(commit, record)
                if new is None:
                    commit.erase(key)
                else:
                    commit.write(key, new)
            if (await self.db.apply(commit))[0] is Applied.DONE:
                return changed
        raise Transient("too many conflicts")
