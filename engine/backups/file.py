"""A copy of a community as one file, which is whole or refused.

    the line "yuruyuru backup 1" · frames, packed by zlib · SHA-256 of all before it

A frame is a list of words: u32 number of words, then for each u32 length · bytes. The first word says what it is:

    head     JSON: `Head`                                           first
    entry    id, field, value, …                                    of the stream, oldest first
    key      name without `{c}:`, end of its life in ms or -1, DUMP
    stream   last id, entries ever added, highest id deleted
    group    name, id of the last entry handed over, entries read
    pending  group, entry id, consumer, handed over at (ms), how often
    end      JSON: `Contents`                                       last

It is written under another name and renamed once it is on the disk, so a file of the right name is never half a one.
It holds what physicians wrote, hence mode 0600. Blocking; call it by `asyncio.to_thread`.
"""

from __future__ import annotations

import errno
import hashlib
import os
import struct
import zlib
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO, Self

from pydantic import BaseModel, ConfigDict

from engine.errors import Permanent, Refused

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

MAGIC = b"yuruyuru backup "
FORMAT = 1
PARTIAL = ".partial"
NUMBER = struct.Struct("<I")
DIGEST = hashlib.sha256().digest_size
CHUNK = 1 << 16

Frame = tuple[bytes, ...]


class Head(BaseModel):
    """Whose copy it is, and which engine made it."""

    model_config = ConfigDict(frozen=True)
    community: str
    engine: str


class Contents(BaseModel):
    """The moment that the copy shows, epoch seconds, and how much it holds."""

    model_config = ConfigDict(frozen=True)
    taken_at: float
    keys: int
    entries: int


@dataclass(frozen=True, slots=True)
class Sealed:
    """A whole file; `sha256` is what `sha256sum` says of it."""

    path: Path
    contents: Contents
    size: int
    sha256: str


class Writer:
    """A file that is written beside `path` until `seal` gives it its name. Raises `Permanent` when the disk refuses."""

    def __init__(self, path: Path, head: Head) -> None:
        self.path = path
        self._partial = path.with_name(path.name + PARTIAL)
        self._sum = hashlib.sha256()
        self._pack = zlib.compressobj(1)
        self._counts = {b"key": 0, b"entry": 0}
        with failing(path):
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._partial.unlink(missing_ok=True)
            self._file = os.fdopen(os.open(self._partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")
        self._put(MAGIC + b"%d\n" % FORMAT)
        self.write([(b"head", head.model_dump_json().encode())])

    def write(self, frames: Iterable[Sequence[bytes]]) -> None:
        """Add frames."""
        for frame in frames:
            if frame[0] in self._counts:
                self._counts[frame[0]] += 1
            words = [NUMBER.pack(len(frame)), *(part for word in frame for part in (NUMBER.pack(len(word)), word))]
            self._put(self._pack.compress(b"".join(words)))

    def seal(self, taken_at: float) -> Sealed:
        """End the file, and give it its name once it is on the disk."""
        contents = Contents(taken_at=taken_at, keys=self._counts[b"key"], entries=self._counts[b"entry"])
        self.write([(b"end", contents.model_dump_json().encode())])
        self._put(self._pack.flush())
        self._put(self._sum.digest())
        with failing(self.path):
            self._file.flush()
            os.fsync(self._file.fileno())
            size = self._file.tell()
            self._file.close()
            self._partial.rename(self.path)
            folder = os.open(self.path.parent, os.O_RDONLY | os.O_DIRECTORY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
        return Sealed(self.path, contents, size, self._sum.hexdigest())

    def discard(self) -> None:
        """Leave nothing of a file that was not sealed."""
        with failing(self.path):
            self._partial.unlink(missing_ok=True)
            self._file.close()  # last: what the disk did not take fails here again

    def _put(self, data: bytes) -> None:
        self._sum.update(data)
        with failing(self.path):
            self._file.write(data)


class Reader:
    """A file proven whole. Raises `Refused` with the reason for any other."""

    def __init__(self, path: Path) -> None:
        try:
            self._file = path.open("rb")
        except OSError as error:
            raise Refused(f"{path}: cannot be read: {error.strerror}") from None
        self._path = path
        try:
            self._start = len(_magic(path, self._file))
            self._end = os.fstat(self._file.fileno()).st_size - DIGEST
            self._check_sum()
            self.head, self.contents = self._ends()
        except BaseException:  # whatever ends it: nobody gets the object, so nobody else could close its file
            self.close()
            raise

    def frames(self) -> Iterator[Frame]:
        """Every frame, in order."""
        unpack, rest = zlib.decompressobj(), bytearray()
        for chunk in self._chunks(self._start):
            rest += unpack.decompress(chunk)
            at = 0
            while (found := _frame(rest, at)) is not None:
                frame, at = found
                yield frame
            del rest[:at]

    def _ends(self) -> tuple[Head, Contents]:
        """The first frame and the last, after all between them could be read, too."""
        first: Frame | None = None
        last: Frame = ()
        try:
            for last in self.frames():
                first = first or last
            match first, last:
                case (b"head", head), (b"end", contents):
                    return Head.model_validate_json(head), Contents.model_validate_json(contents)
        except (zlib.error, ValueError):
            pass
        raise Refused(_damaged(self._path))

    def _check_sum(self) -> None:
        found = hashlib.sha256()
        for chunk in self._chunks(0):
            found.update(chunk)
        if self._end <= self._start or self._file.read(DIGEST) != found.digest():
            raise Refused(_damaged(self._path))

    def _chunks(self, start: int) -> Iterator[bytes]:
        self._file.seek(start)
        at = start
        while at < self._end:
            chunk = self._file.read(min(CHUNK, self._end - at))
            if not chunk:
                raise Refused(_damaged(self._path))
            at += len(chunk)
            yield chunk

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _magic(path: Path, file: BinaryIO) -> bytes:
    """The first line, if this code can read what follows it."""
    line = file.readline(len(MAGIC) + 10)
    number = line.removeprefix(MAGIC).removesuffix(b"\n")
    if not line.startswith(MAGIC) or not number.isdigit():
        raise Refused(f"{path} is no backup of yuruyuru, or damaged at its beginning; take another copy")
    if int(number) != FORMAT:
        raise Refused(
            f"{path} has format {int(number)}, this engine reads {FORMAT}; restore it with the engine that made it"
        )
    return line


def _damaged(path: Path) -> str:
    return f"{path} is damaged: its checksum does not fit, so nothing was restored; take another copy"


def _frame(data: bytearray, at: int) -> tuple[Frame, int] | None:
    """The frame that begins at `at`, and where the next one does; None if it is not all there yet."""
    if len(data) < at + NUMBER.size:
        return None
    (count,) = NUMBER.unpack_from(data, at)
    at += NUMBER.size
    words = []
    for _ in range(count):
        if len(data) < at + NUMBER.size:
            return None
        (length,) = NUMBER.unpack_from(data, at)
        at += NUMBER.size
        if len(data) < at + length:
            return None
        words.append(bytes(data[at : at + length]))
        at += length
    return tuple(words), at


@contextmanager
def failing(path: Path) -> Iterator[None]:
    """Raise `Permanent` with the reason when the disk refuses."""
    try:
        yield
    except OSError as error:
        reason = errno.errorcode.get(error.errno or 0, "unknown error")
        raise Permanent(f"{path.parent} cannot be written: {reason}") from error
