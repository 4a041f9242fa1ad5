"""Where accepted webhooks are written down: onto the stream, or into the spool file while Redis is away.

Order is kept: while anything lies in the spool, new events queue behind it. The spool is emptied in the background.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
from typing import TYPE_CHECKING, TypeVar

from redis.exceptions import RedisError

from engine.dead import DeadLetter, bury
from engine.errors import Transient
from engine.events import Envelope, parse_envelope
from engine.log import get_logger

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from engine.clock import Clock
    from engine.commit import Database
    from engine.ingress.spool import Spool
    from engine.stream import Publisher

log = get_logger()
T = TypeVar("T")

PATIENCE = 2.0
"""Seconds that Redis may be silent while somebody waits for our answer. A connection that hangs would otherwise keep
a webhook waiting for longer than Chatwork does, and Chatwork never resends."""

DRAIN_PAUSE = 1.0
"""Seconds between two looks at a spool whose Redis is away."""

DRAIN_BATCH = 256
DEAD_LETTER = b"D"
ENVELOPE = b"E"


async def soon(work: Awaitable[T]) -> T:
    """What `work` gives. Raises `Transient` if Redis is silent for too long; what was asked may still be done."""
    try:
        async with asyncio.timeout(PATIENCE):
            return await work
    except TimeoutError:
        raise Transient("redis_silent") from None


class Journal:
    """Keeps envelopes and unreadable bodies. Raises `Transient` only if neither Redis nor the spool can."""

    def __init__(self, db: Database, publisher: Publisher, spool: Spool, clock: Clock) -> None:
        self._db = db
        self._publisher = publisher
        self._spool = spool
        self._clock = clock
        self._turn = asyncio.Lock()

    @property
    def spooled(self) -> int:
        """Records that wait in the spool."""
        return self._spool.pending

    async def keep(self, told: Envelope) -> bool | None:
        """True: published; False: seen before; None: spooled."""
        if not self._spool.pending:
            try:
                return await soon(self._publisher.publish(told))  # published late all the same: seen before
            except Transient as away:
                log.warning("redis_away", reason=away.reason)
        await self._append(ENVELOPE + told.model_dump_json().encode())
        return None

    async def keep_unreadable(self, letter: DeadLetter) -> None:
        """Keep a dead letter."""
        if not self._spool.pending:
            try:
                return await soon(self._bury(letter))
            except Transient as away:
                log.warning("redis_away", reason=away.reason)
        await self._append(DEAD_LETTER + letter.model_dump_json().encode())
        return None

    async def _append(self, record: bytes) -> None:
        async with self._turn:
            await asyncio.to_thread(self._spool.append, [record])

    async def drain(self) -> int:
        """Publish what waits, in order; returns how many records went. Raises `Transient` while Redis is away."""
        gone = 0
        while self._spool.pending:
            async with self._turn:
                records = await asyncio.to_thread(self._spool.read, DRAIN_BATCH)
            read = [self._read(record) for record in records]
            await self._publisher.publish_all([told for told in read if isinstance(told, Envelope)])
            for letter in read:
                if isinstance(letter, DeadLetter):
                    await self._bury(letter)
            async with self._turn:
                await asyncio.to_thread(self._spool.advance, len(records))
            gone += len(records)
        return gone

    async def keep_draining(self) -> None:
        """Empty the spool whenever Redis is there; runs until cancelled."""
        while True:
            try:
                gone = await self.drain()
                if gone:
                    log.info("spool_emptied", records=gone)
            except Transient as away:
                log.warning("spool_waits", records=self._spool.pending, reason=away.reason)
            except RedisError as refusal:  # a right, a type, a bug: the records wait until somebody has mended it
                log.exception("spool_stuck", records=self._spool.pending, reason=type(refusal).__name__)
            await asyncio.sleep(DRAIN_PAUSE)

    def _read(self, record: bytes) -> Envelope | DeadLetter:
        """What a record keeps; one that this version cannot read is a dead letter, and holds up nobody behind it."""
        try:
            if record[:1] == ENVELOPE:
                return parse_envelope(record[1:])
            if record[:1] == DEAD_LETTER:
                return DeadLetter.model_validate_json(record[1:])
        except ValueError as error:
            problem = type(error).__name__
        else:
            problem = "unknown kind"
        return DeadLetter(
            id=f"spool-{hashlib.blake2s(record, digest_size=8).hexdigest()}",
            source="webhook",
            worker="ingress",
            subject=base64.b64encode(record).decode(),
            reason=f"unreadable record in the spool: {problem}",
            died_at=self._clock.now(),
        )

    async def _bury(self, letter: DeadLetter) -> None:
        commit = self._db.commit(self._clock.now())
        await bury(commit, letter)
        await self._db.apply(commit)
