"""A copy as a file: whole, or refused before anything is written to the database."""

from __future__ import annotations

import errno
import hashlib
import stat
import zlib
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.backups.file import DIGEST, FORMAT, MAGIC, PARTIAL, Contents, Frame, Head, Reader, Writer
from engine.errors import Permanent, Refused

if TYPE_CHECKING:
    from pathlib import Path

HEAD = Head(community="main", engine="0.1.0")
FRAMES: list[Frame] = [
    (b"entry", b"1-1", b"e", "本日の様子です。".encode() * 20),
    (b"key", b"message:1:2", b"-1", bytes(range(256)) * 3),
    (b"key", b"seen:x", b"1700000000000", b""),
]
PROPERTY = settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)  # each example writes the file it looks at anew


def written(folder: Path, frames: list[Frame]) -> Path:
    writer = Writer(folder / "a.backup", HEAD)
    writer.write(frames)
    return writer.seal(taken_at=1700000000.5).path


def frames_of(path: Path) -> list[Frame]:
    with Reader(path) as copy:
        return [frame for frame in copy.frames() if frame[0] not in (b"head", b"end")]


def test_what_is_read_is_what_was_written(tmp_path: Path) -> None:
    path = written(tmp_path, FRAMES)
    assert frames_of(path) == FRAMES
    with Reader(path) as copy:
        assert copy.head == HEAD
        assert copy.contents == Contents(taken_at=1700000000.5, keys=2, entries=1)


@PROPERTY
@given(st.lists(st.lists(st.binary(max_size=300), min_size=1, max_size=5).map(tuple), max_size=20))
def test_any_words_come_back_as_they_were(tmp_path: Path, frames: list[Frame]) -> None:
    (tmp_path / "a.backup").unlink(missing_ok=True)
    named = [(b"x", *frame) for frame in frames]
    assert frames_of(written(tmp_path, named)) == named


def test_words_longer_than_what_is_read_at_once(tmp_path: Path) -> None:
    frames: list[Frame] = [(b"key", b"a", b"-1", hashlib.sha512(b"%d" % n).digest() * 5000) for n in range(3)]
    assert frames_of(written(tmp_path, frames)) == frames


def test_the_sum_it_gives_is_the_one_that_sha256sum_gives(tmp_path: Path) -> None:
    writer = Writer(tmp_path / "a.backup", HEAD)
    sealed = writer.seal(taken_at=1.0)
    raw = sealed.path.read_bytes()
    assert (sealed.size, sealed.sha256) == (len(raw), hashlib.sha256(raw).hexdigest())


def test_nobody_else_can_read_what_physicians_wrote(tmp_path: Path) -> None:
    path = written(tmp_path / "backups", FRAMES)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_it_has_no_name_before_it_is_whole(tmp_path: Path) -> None:
    writer = Writer(tmp_path / "a.backup", HEAD)
    writer.write(FRAMES)
    assert [path.name for path in tmp_path.iterdir()] == ["a.backup" + PARTIAL]
    writer.discard()
    assert list(tmp_path.iterdir()) == []


@PROPERTY
@given(st.data())
def test_any_flipped_bit_is_noticed(tmp_path: Path, data: st.DataObject) -> None:
    raw = bytearray(written(tmp_path, FRAMES).read_bytes())
    at = data.draw(st.integers(0, len(raw) - 1))
    raw[at] ^= 1 << data.draw(st.integers(0, 7))
    (tmp_path / "a.backup").write_bytes(raw)
    with pytest.raises(Refused):
        Reader(tmp_path / "a.backup")


def test_a_cut_anywhere_is_noticed(tmp_path: Path) -> None:
    raw = written(tmp_path, FRAMES).read_bytes()
    for length in range(len(raw)):
        (tmp_path / "cut").write_bytes(raw[:length])
        with pytest.raises(Refused):
            Reader(tmp_path / "cut")


def sealed(body: bytes, magic: bytes = MAGIC + b"%d\n" % FORMAT) -> bytes:
    """A file whose checksum is right, whatever is in it."""
    raw = magic + body
    return raw + hashlib.sha256(raw).digest()


def packed(*frames: Frame) -> bytes:
    words = [
        len(frame).to_bytes(4, "little") + b"".join(len(word).to_bytes(4, "little") + word for word in frame)
        for frame in frames
    ]
    return zlib.compress(b"".join(words))


HEAD_FRAME = (b"head", HEAD.model_dump_json().encode())
END_FRAME = (b"end", Contents(taken_at=1.0, keys=0, entries=0).model_dump_json().encode())
DAMAGED = "is damaged: its checksum does not fit, so nothing was restored; take another copy"
NO_BACKUP = "is no backup of yuruyuru, or damaged at its beginning; take another copy"


@pytest.mark.parametrize(
    ("raw", "refusal"),
    [
        pytest.param(b"", NO_BACKUP, id="an empty file"),
        pytest.param(b"PK\x03\x04 something else", NO_BACKUP, id="another kind of file"),
        pytest.param(MAGIC + b"x\n", NO_BACKUP, id="no number of a format"),
        pytest.param(MAGIC + b"1", DAMAGED, id="nothing but a beginning"),
        pytest.param(MAGIC + b"1\n" + bytes(DIGEST), DAMAGED, id="nothing but a wrong sum"),
        pytest.param(sealed(packed(HEAD_FRAME, END_FRAME))[:-1], DAMAGED, id="the last byte is missing"),
        pytest.param(sealed(packed(HEAD_FRAME, END_FRAME)) + b"\n", DAMAGED, id="a byte too many"),
        pytest.param(sealed(b"no zlib"), DAMAGED, id="a right sum over no frames"),
        pytest.param(sealed(packed(HEAD_FRAME)), DAMAGED, id="no end"),
        pytest.param(sealed(packed(END_FRAME)), DAMAGED, id="no head"),
        pytest.param(sealed(packed(END_FRAME, HEAD_FRAME)), DAMAGED, id="the wrong way round"),
        pytest.param(sealed(packed((b"head", b"{}"), END_FRAME)), DAMAGED, id="a head that says nothing"),
        pytest.param(sealed(packed()), DAMAGED, id="no frame at all"),
        pytest.param(
            sealed(packed(HEAD_FRAME, END_FRAME), MAGIC + b"2\n"),
            "has format 2, this engine reads 1; restore it with the engine that made it",
            id="a later format",
        ),
    ],
)
def test_what_is_no_whole_copy_is_refused_in_one_sentence(tmp_path: Path, raw: bytes, refusal: str) -> None:
    path = tmp_path / "a.backup"
    path.write_bytes(raw)
    with pytest.raises(Refused) as refused:
        Reader(path)
    assert str(refused.value).removeprefix(f"{path} ").removeprefix(f"{path}: ") == refusal


def test_the_smallest_whole_copy_is_taken(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(sealed(packed(HEAD_FRAME, END_FRAME)))
    assert frames_of(tmp_path / "a") == []


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="cannot be read: No such file or directory"):
        Reader(tmp_path / "a")


def test_a_folder_is_no_copy(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="cannot be read: Is a directory"):
        Reader(tmp_path)


def test_a_place_that_is_no_folder_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(Permanent, match=r"file cannot be written: (EEXIST|ENOTDIR)"):
        Writer(tmp_path / "file" / "a.backup", HEAD)


def test_a_full_disk_is_said_and_nothing_is_left(tmp_path: Path) -> None:
    """`/dev/full` takes nothing: here in the place of the file that is being written."""
    writer = Writer(tmp_path / "a.backup", HEAD)
    writer._file.close()  # noqa: SLF001 - no disk of ours is full
    writer._file = open("/dev/full", "wb")  # noqa: SIM115, SLF001, PTH123
    with pytest.raises(Permanent, match=errno.errorcode[errno.ENOSPC]):
        writer.seal(taken_at=1.0)
    with pytest.raises(Permanent):
        writer.discard()
    assert list(tmp_path.iterdir()) == []
