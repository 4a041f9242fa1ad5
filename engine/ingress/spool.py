"""Keeps events on disk while Redis is away, so that Chatwork, which sends everything once, can be answered 200.

One file. A header holds the offset of the first record not yet published; records follow, each with a marker, its
length and a checksum:

    crc32 · offset u64 │ ff 'YR' fe · length u32 · crc32 · payload │ ff 'YR' fe · …

What `append` returned from is on the disk. Whatever dies when, the worst that can happen is that a record is read
twice, which the stream's event ids make harmless. Blocking; call it by `asyncio.to_thread`. Threads may share it,
processes may not.
"""

from __future__ import annotations

import errno
import fcntl
import os
import struct
import zlib
from contextlib import contextmanager, suppress
from itertools import islice
from threading import Lock
from typing import TYPE_CHECKING, Final, NamedTuple, Self

from engine.errors import Transient

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

HEADER: Final = struct.Struct("<IQ")
RECORD: Final = struct.Struct("<4sII")
MARKER: Final = b"\xffYR\xfe"
"""Begins every record, to find the next one after damage. 0xff and 0xfe occur in no UTF-8 text, so in no event."""
CHUNK: Final = 1 << 16


class SpoolFailed(Transient):
    """The disk did not keep what it was given; nothing of it counts as stored."""


class SpoolFull(SpoolFailed):
    """The spool has reached the size it may have."""


class _Whole(NamedTuple):
    """A record proven whole: where it begins and ends in the file, and what it carries."""

    begin: int
    end: int
    payload: bytes


class Spool:
    """A queue of byte strings in the file `path`, of at most `max_bytes` on disk. Created when it is not there.

    Opening cuts a torn end (`cut_bytes`: never acknowledged, unless the disk itself is bad) and counts what lies
    damaged between whole records (`lost_bytes`). Raises SpoolFailed when the file cannot be used, or is by another
    process.
    """

    def __init__(self, path: Path, max_bytes: int) -> None:
        self.cut_bytes = 0
        self.lost_bytes = 0
        self.pending = 0
        self._max_bytes = max_bytes
        self._lock = Lock()
        with _failing("opened"):
            self._file = _open(path)
        try:
            with _failing("read"):
                self._start = self._read_offset()
                self._survey()
        except BaseException:
            self.close()
            raise

    @property
    def size(self) -> int:
        """Bytes on disk, published records before the next clearing included."""
        return self._end

    def close(self) -> None:
        """Close the file; what it holds stays for the next time."""
        os.close(self._file)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def append(self, records: Sequence[bytes]) -> None:
        """Store `records` in this order, all or none: they are on the disk when this returns.

        Raises SpoolFull when they do not fit and SpoolFailed when the disk refuses; then none of them counts.
        """
        block = b"".join(map(_frame, records))
        with self._lock:
            if self._end + len(block) > self._max_bytes:
                raise SpoolFull(f"the spool is full: {self._end} of {self._max_bytes} bytes are used")
            try:
                with _failing("written"):
                    _write(self._file, block, self._end)
                    os.fsync(self._file)
            except SpoolFailed:
                with suppress(OSError):
                    os.ftruncate(self._file, self._end)
                raise
            self._end += len(block)
            self.pending += len(records)

    def read(self, limit: int) -> list[bytes]:
        """Give up to `limit` of the oldest records; they stay until `advance`."""
        with self._lock, _failing("read"):
            found = self._oldest(limit)
            if len(found) < min(limit, self.pending):  # damaged since it was opened
                self._survey()
            return [record.payload for record in found]

    def advance(self, count: int) -> None:
        """Forget the `count` oldest records: they are published. An empty spool gives its disk space back."""
        with self._lock, _failing("written"):
            done = self._oldest(count)
            self.pending -= len(done)
            if self.pending and done:
                self._write_offset(done[-1].end)
            elif not self.pending:
                self._write_offset(HEADER.size)
                os.ftruncate(self._file, HEADER.size)
                self._end = HEADER.size
            os.fsync(self._file)

    def _oldest(self, count: int) -> list[_Whole]:
        return list(islice(self._walk(), count))

    def _survey(self) -> None:
        """Count what is whole, cut what follows it."""
        size = self._end = os.fstat(self._file).st_size
        self.pending = whole_bytes = 0
        end = self._start
        for record in self._walk():
            end = record.end
            whole_bytes += record.end - record.begin
            self.pending += 1
        self.lost_bytes = end - self._start - whole_bytes
        self.cut_bytes = size - end
        self._end = end
        os.ftruncate(self._file, end)
        os.fsync(self._file)

    def _walk(self) -> Iterator[_Whole]:
        """Give the whole records from the offset on, over damage to the next marker that proves to be one."""
        at: int | None = self._start
        while at is not None and at < self._end:
            record = self._record(at)
            if record is not None:
                yield record
            at = record.end if record else self._next_marker(at + 1)

    def _record(self, at: int) -> _Whole | None:
        head = os.pread(self._file, RECORD.size, at)
        if len(head) < RECORD.size:
            return None
        marker, length, checksum = RECORD.unpack(head)
        begin = at + RECORD.size
        if marker != MARKER or begin + length > self._end:
            return None
        payload = os.pread(self._file, length, begin)
        return _Whole(at, begin + length, payload) if _checksum(payload) == checksum else None

    def _next_marker(self, at: int) -> int | None:
        while at < self._end:
            chunk = os.pread(self._file, CHUNK, at)
            found = chunk.find(MARKER)
            if found >= 0:
                return at + found
            at += max(len(chunk) - len(MARKER) + 1, 1)  # a marker may lie across two chunks
        return None

    def _read_offset(self) -> int:
        """Read where to begin; when in doubt at the first record, since read twice is better than never."""
        header = os.pread(self._file, HEADER.size, 0)
        if len(header) < HEADER.size:
            self._write_offset(HEADER.size)
            return HEADER.size
        checksum, offset = HEADER.unpack(header)
        valid = checksum == zlib.crc32(header[4:]) and HEADER.size <= offset <= os.fstat(self._file).st_size
        return offset if valid else HEADER.size

    def _write_offset(self, offset: int) -> None:
        tail = offset.to_bytes(8, "little")
        _write(self._file, HEADER.pack(zlib.crc32(tail), offset), 0)
        self._start = offset


def _frame(payload: bytes) -> bytes:
    return RECORD.pack(MARKER, len(payload), _checksum(payload)) + payload


def _checksum(payload: bytes) -> int:
    """Checksum of the length too, so that a run of zeros is never an empty record."""
    return zlib.crc32(payload, len(payload) ^ 0x5955_5255)


def _write(file: int, block: bytes, at: int) -> None:
    """Write all of `block`; the system may take less than it is given."""
    rest = memoryview(block)
    while rest:
        written = os.pwrite(file, rest, at)
        at, rest = at + written, rest[written:]


def _open(path: Path) -> int:
    """Open for this process alone; a new file's name is on the disk before anything is in it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except BaseException:
        os.close(file)
        raise
    return file


@contextmanager
def _failing(verb: str) -> Iterator[None]:
    try:
        yield
    except BlockingIOError:
        raise SpoolFailed("the spool is in use by another process") from None
    except OSError as error:
        reason = errno.errorcode.get(error.errno or 0, "unknown error")
        raise SpoolFailed(f"the spool cannot be {verb}: {reason}") from error
