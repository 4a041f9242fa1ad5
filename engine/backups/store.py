"""Copies one community out of the database and puts it back: everything as it was at one moment, or nothing.

What belongs to processes and not to the community is neither copied nor touched: arq's queues (its jobs are only
wake-ups, the sweep starts what is due), signs of life, the counts of Chatwork's limits.

    {c}:restoring:<key>  what is put back waits here, all of it, before one script gives everything its name
"""

from __future__ import annotations

import asyncio
import re
from importlib import resources
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from redis.exceptions import ResponseError

from engine import heartbeat
from engine.away import redis_errors
from engine.backups.file import Head, Writer
from engine.backups.lost import KEPT, LostTime, lost_key
from engine.clock import MINUTE
from engine.errors import Permanent, Refused

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from redis.asyncio.client import Pipeline

    from engine.backups.file import Frame, Reader, Sealed
    from engine.clock import Epoch
    from engine.commit import Database

RESTORING = "restoring"
NOT_OURS = ("arq", "beats", "limit")

MOST_BYTES = 256 << 20
"""What a copy may hold besides the stream. The server answers it in one piece, so it needs about this much memory for
a moment, beside the 512 MB that it may be full of."""

PAGE = 10_000
"""Entries of the stream read at once. The first page comes with the moment itself; later ones are safe from trimming,
which would need a whole page to be handled in the time it takes to read one."""

NEXT_PAGE = "return redis.call('XRANGE', KEYS[1], ARGV[1], ARGV[2], 'COUNT', ARGV[3])"
"""As a script, because the client would take the answer of the command apart."""

BATCH = 1000
"""Frames written or put back at once."""


class Community:
    """One community's keys in the database."""

    def __init__(self, db: Database) -> None:
        self._redis = db.redis
        self._db = db
        self._base = db.keys("")
        self._prepared = db.keys(RESTORING, "")
        self._snapshot = _script("snapshot.lua")
        self._place = _script("place.lua")

    async def copy(self, path: Path, now: Epoch) -> Sealed:
        """Write a copy of this moment. Raises `Permanent` if it is too big or the disk refuses, `Transient`."""
        head = Head(community=self._db.keys.community_id, engine=version("yuruyuru"))
        writer = await asyncio.to_thread(Writer, path, head)
        try:
            at_ms, rows, stream = await self._moment()
            await asyncio.to_thread(writer.write, self._keys_of(rows))
            if stream:
                await self._copy_stream(stream, writer, at_ms)
            return await asyncio.to_thread(writer.seal, now)
        except BaseException:  # a cancelled job, too, leaves no half copy behind
            writer.discard()
            raise

    async def _moment(self) -> Any:
        words: list[str | int] = [f"{self._base}*", MOST_BYTES, PAGE, RESTORING, *NOT_OURS]
        with redis_errors():
            try:
                return await self._run(self._snapshot, [self._db.keys.stream, *words])
            except ResponseError as error:
                if "TOOBIG" not in str(error):
                    raise
        raise Permanent(f"the community holds more than {MOST_BYTES >> 20} MB; copy the database's own file instead")

    async def _run(self, source: str, words: Sequence[str | bytes | int]) -> Any:
        """Run a script and give its answer as bytes: it holds what is no text."""
        return await self._redis.execute_command("EVAL", source, 1, *words, NEVER_DECODE=True)  # type: ignore[no-untyped-call]

    def _keys_of(self, rows: Sequence[Any]) -> Iterator[Frame]:
        begin = len(self._base)
        for name, ends, dump in zip(rows[::3], rows[1::3], rows[2::3], strict=True):
            yield (b"key", name[begin:], b"%d" % ends, dump)

    async def _copy_stream(self, stream: Sequence[Any], writer: Writer, at_ms: int) -> None:
        """Entries up to the last one of the moment, then how far each group is."""
        about, groups, entries = _table(stream[0]), stream[1], stream[2]
        last = about[b"last-generated-id"]
        while entries:
            await asyncio.to_thread(writer.write, [(b"entry", entry_id, *words) for entry_id, words in entries])
            with redis_errors():
                entries = await self._run(NEXT_PAGE, [self._db.keys.stream, b"(" + entries[-1][0], last, PAGE])
        added, deleted = b"%d" % about[b"entries-added"], about[b"max-deleted-entry-id"]
        await asyncio.to_thread(writer.write, [(b"stream", last, added, deleted), *_groups(groups, at_ms)])

    # -- back again ---------------------------------------------------------------------------------------------------

    async def put_back(self, copy: Reader, now: Epoch, rooms: Iterable[int], *, replace: bool) -> None:
        """Put a copy back; raises `Refused` if the community is alive, or there already and not to be replaced."""
        await self._refuse_living(now)
        try:
            await self._prepare(copy)
            await self._mark(LostTime(taken_at=copy.contents.taken_at, restored_at=now, unread=tuple(rooms)))
            await self._put_in_place(replace=replace)
        except Refused:
            await self._clear()
            raise

    async def _mark(self, lost: LostTime) -> None:
        """The community has begun anew, and there is a time that it does not know."""
        key = self._waiting(lost_key(self._db.keys).removeprefix(self._base))
        pipe = self._redis.pipeline()
        pipe.set(self._waiting("born"), repr(lost.restored_at))
        pipe.delete(key)
        pipe.hset(key, mapping={"v": "1", "d": lost.model_dump_json()})
        pipe.pexpire(key, int(KEPT * 1000))
        with redis_errors():
            await pipe.execute()

    async def _put_in_place(self, *, replace: bool) -> None:
        words = [self._base, self._prepared, "1" if replace else "0", *NOT_OURS]
        with redis_errors():
            in_the_way, _ = await self._run(self._place, [self._prepared, *words])
        if in_the_way:
            raise Refused(
                f"the database holds the community {self._db.keys.community_id} already ({in_the_way} keys); "
                "restore into an empty one, or erase what is there with --replace"
            )

    async def _refuse_living(self, now: Epoch) -> None:
        alive = [name for name, beat in (await heartbeat.beats(self._db, now)).items() if abs(now - beat.at) < MINUTE]
        if alive:
            raise Refused(f"still running within the last minute: {', '.join(sorted(alive))}; stop everything first")

    async def _prepare(self, copy: Reader) -> None:
        """Write everything under its waiting name."""
        await self._clear()
        pipe = self._redis.pipeline(transaction=False)
        for frame in copy.frames():
            self._repeat(frame, pipe)
            if len(pipe) >= BATCH:
                await send(pipe)
        await send(pipe)

    def _repeat(self, frame: Frame, pipe: Pipeline) -> None:
        stream = self._waiting("events")
        match frame:
            case (b"key", name, ends, dump):
                key = self._prepared.encode() + name
                life = [0] if ends == b"-1" else [ends, "ABSTTL"]
                pipe.execute_command("RESTORE", key, life[0], dump, *life[1:])
            case (b"entry", entry_id, *words):
                pipe.execute_command("XADD", stream, entry_id, *words)
            case (b"stream", last, added, deleted):
                pipe.execute_command("XGROUP", "CREATE", stream, "-", "$", "MKSTREAM")  # it may hold no entry
                pipe.execute_command("XGROUP", "DESTROY", stream, "-")
                pipe.execute_command("XSETID", stream, last, "ENTRIESADDED", added, "MAXDELETEDID", deleted)
            case (b"group", name, last, read):
                counted = ["ENTRIESREAD", read] if read else []
                pipe.execute_command("XGROUP", "CREATE", stream, name, last, *counted)
            case (b"pending", group, entry_id, consumer, at, times):
                claim = ("XCLAIM", stream, group, consumer, 0, entry_id, "TIME", at, "RETRYCOUNT", times)
                pipe.execute_command(*claim, "FORCE", "JUSTID")

    async def _clear(self) -> None:
        """Erase what an interrupted restore left."""
        with redis_errors():
            async for key in self._redis.scan_iter(match=f"{self._prepared}*", count=BATCH):
                await self._redis.unlink(key)

    def _waiting(self, name: str) -> str:
        return f"{self._prepared}{name}"


def refuse_stranger(copy: Reader, community_id: str) -> None:
    """Raise `Refused` for another community's copy, and for one that a newer engine made."""
    found = copy.head.community
    if found != community_id:
        raise Refused(
            f"this is a backup of the community {found}, the settings name {community_id}; choose the right ones"
        )
    ours, theirs = version("yuruyuru"), copy.head.engine
    if _numbers(theirs) > _numbers(ours):
        raise Refused(f"this backup was made by yuruyuru {theirs}, this is {ours}; upgrade first")


def _numbers(release: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", release)]


def _groups(rows: Sequence[Any], at_ms: int) -> Iterator[Frame]:
    for row, pending in zip(rows[::2], rows[1::2], strict=True):
        group = _table(row)
        read = group.get(b"entries-read")
        name = group[b"name"]
        yield (b"group", name, group[b"last-delivered-id"], b"" if read is None else b"%d" % read)
        for entry_id, consumer, idle, times in pending:
            yield (b"pending", name, entry_id, consumer, b"%d" % (at_ms - idle), b"%d" % times)


def _table(row: Sequence[Any]) -> dict[bytes, Any]:
    return dict(zip(row[::2], row[1::2], strict=True))


def _script(name: str) -> str:
    return resources.files("engine.backups").joinpath(name).read_text()


async def send(pipe: Pipeline) -> None:
    """Raises `Refused` if this server cannot read what the other one wrote."""
    try:
        with redis_errors():
            await pipe.execute()
    except ResponseError as error:
        if "DUMP payload version" not in str(error):
            raise
        raise Refused("this database server is older than the one the backup was made on; use one as new") from None
