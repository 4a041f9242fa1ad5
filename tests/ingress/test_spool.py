"""The spool against every way a disk, a crash or a neighbour can hurt it."""

from __future__ import annotations

import errno
import os
import tempfile
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from engine.ingress.spool import HEADER, RECORD, Spool, SpoolFailed, SpoolFull

if TYPE_CHECKING:
    from collections.abc import Callable

ROOM = 1 << 20
BATCHES = [[b"a", b""], ["開業医です".encode()], [b"\xffYR\xfe not a record", b"\x00" * 40, b"last"]]
RECORDS = [record for batch in BATCHES for record in batch]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "spool"


def filled(path: Path, advanced: int = 0) -> bytes:
    """Write the batches and give the file's bytes."""
    with Spool(path, ROOM) as spool:
        for batch in BATCHES:
            spool.append(batch)
        if advanced:
            spool.advance(advanced)
    return path.read_bytes()


def reopened(path: Path, content: bytes) -> tuple[list[bytes], Spool]:
    path.write_bytes(content)
    with Spool(path, ROOM) as spool:
        return spool.read(1000), spool


def ends(records: list[bytes] = RECORDS) -> list[int]:
    """Where each record ends in the file."""
    return [HEADER.size + sum(RECORD.size + len(record) for record in records[: n + 1]) for n in range(len(records))]


def test_what_was_appended_is_read_in_order_until_it_is_advanced(path: Path) -> None:
    with Spool(path, ROOM) as spool:
        for batch in BATCHES:
            spool.append(batch)
        assert spool.read(2) == spool.read(2) == RECORDS[:2]
        spool.advance(2)
        assert spool.read(100) == RECORDS[2:]
        assert spool.pending == len(RECORDS) - 2


def test_a_new_spool_is_empty_and_private(path: Path) -> None:
    with Spool(path, ROOM) as spool:
        assert (spool.read(10), spool.pending, spool.size) == ([], 0, HEADER.size)
        assert (spool.lost_bytes, spool.cut_bytes) == (0, 0)
    assert path.stat().st_mode & 0o777 == 0o600


def test_the_next_process_goes_on_where_the_last_one_stopped(path: Path) -> None:
    filled(path, advanced=3)
    with Spool(path, ROOM) as spool:
        assert spool.read(100) == RECORDS[3:]
        assert spool.pending == len(RECORDS) - 3


def test_a_drained_spool_gives_its_space_back(path: Path) -> None:
    filled(path, advanced=len(RECORDS))
    assert path.stat().st_size == HEADER.size
    with Spool(path, ROOM) as spool:
        spool.append([b"after"])
        assert spool.read(10) == [b"after"]


@pytest.mark.parametrize("count", [0, 1])
def test_advancing_an_empty_spool_changes_nothing(path: Path, count: int) -> None:
    with Spool(path, ROOM) as spool:
        spool.advance(count)
        spool.append([b"x"])
        assert spool.read(10) == [b"x"]


@pytest.mark.parametrize("advanced", [0, 2, 5])
def test_cut_at_any_length_it_loses_no_whole_record_and_gives_no_broken_one(path: Path, advanced: int) -> None:
    content = filled(path, advanced)
    for length in range(len(content) + 1):
        whole = sum(end <= length for end in ends())
        kept, spool = reopened(path, content[:length])
        offset_survived = length >= ends()[advanced - 1] if advanced else True
        assert kept == RECORDS[advanced if offset_survived else 0 : whole]
        assert spool.lost_bytes == 0
        assert path.stat().st_size == max([HEADER.size, *(end for end in ends() if end <= length)])


def test_after_any_cut_it_can_be_written_again(path: Path) -> None:
    content = filled(path)
    for length in range(len(content) + 1):
        path.write_bytes(content[:length])
        with Spool(path, ROOM) as spool:
            kept = spool.read(100)
            spool.append([b"new"])
            assert spool.read(100) == [*kept, b"new"]


def test_a_changed_byte_anywhere_costs_one_record_and_says_so(path: Path) -> None:
    content = filled(path)
    for at in range(HEADER.size, len(content)):
        damaged = content[:at] + bytes([content[at] ^ 0x41]) + content[at + 1 :]
        hit = next(n for n, end in enumerate(ends()) if at < end)
        kept, spool = reopened(path, damaged)
        assert kept == RECORDS[:hit] + RECORDS[hit + 1 :]
        assert spool.lost_bytes + spool.cut_bytes == RECORD.size + len(RECORDS[hit])
        assert (spool.cut_bytes > 0) == (hit == len(RECORDS) - 1)


def test_a_damaged_header_means_reading_twice_never_losing(path: Path) -> None:
    content = filled(path, advanced=3)
    for at in range(HEADER.size):
        kept, _ = reopened(path, content[:at] + bytes([content[at] ^ 0x41]) + content[at + 1 :])
        assert kept == RECORDS


def test_cleared_on_disk_before_its_offset_was(path: Path) -> None:
    """The clearing writes the offset and the length; a crash may keep only the length."""
    kept, spool = reopened(path, filled(path, advanced=5)[: HEADER.size])
    assert (kept, spool.pending) == ([], 0)


@pytest.mark.parametrize("garbage", [b"\x00" * 200_000, b"\xff" * 200_000, b"\xffYR" * 70_000, b"\xffYR\xfe" * 2000])
def test_garbage_between_records_is_skipped_and_counted(path: Path, garbage: bytes) -> None:
    content = filled(path)
    middle = ends()[2]
    kept, spool = reopened(path, content[:middle] + garbage + content[middle:])
    assert kept == RECORDS
    assert (spool.lost_bytes, spool.cut_bytes) == (len(garbage), 0)


def test_damage_while_it_is_open_does_not_keep_a_reader_waiting(path: Path) -> None:
    content = filled(path)
    with Spool(path, ROOM) as spool:
        path.write_bytes(content[: ends()[0]] + b"\x00" * (len(content) - ends()[0]))
        assert spool.read(100) == RECORDS[:1]
        assert spool.pending == 1
        assert spool.cut_bytes > 0


@given(payloads=st.lists(st.binary(max_size=50), max_size=8), cut=st.integers(0, 2000), noise=st.binary(max_size=60))
@settings(deadline=None)
def test_a_torn_write_of_any_shape_never_gives_what_was_not_written(
    payloads: list[bytes], cut: int, noise: bytes
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "spool"
        with Spool(path, ROOM) as spool:
            spool.append(payloads)
        kept, _ = reopened(path, path.read_bytes()[: max(cut, HEADER.size)] + noise)
        assert kept == payloads[: len(kept)]
        assert len(kept) >= sum(end <= max(cut, HEADER.size) for end in ends(payloads))


class SpoolAgainstList(RuleBasedStateMachine):
    """Any order of appending, reading, advancing and restarting behaves like a list."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.path = Path(self.folder.name) / "spool"
        self.spool = Spool(self.path, 400)
        self.model: list[bytes] = []

    @rule(batch=st.lists(st.binary(max_size=60), max_size=4))
    def append(self, batch: list[bytes]) -> None:
        needed = sum(RECORD.size + len(record) for record in batch)
        if self.spool.size + needed > 400:
            with pytest.raises(SpoolFull):
                self.spool.append(batch)
        else:
            self.spool.append(batch)
            self.model += batch

    @rule(limit=st.integers(0, 6))
    def read(self, limit: int) -> None:
        assert self.spool.read(limit) == self.model[:limit]

    @rule(count=st.integers(0, 6))
    def advance(self, count: int) -> None:
        self.spool.advance(count)
        self.model = self.model[count:]

    @precondition(lambda self: self.model)
    @rule()
    def drain(self) -> None:
        self.advance(len(self.model))
        assert self.spool.size == HEADER.size

    @rule()
    def restart(self) -> None:
        self.spool.close()
        self.spool = Spool(self.path, 400)

    @invariant()
    def counts_agree(self) -> None:
        assert self.spool.pending == len(self.model)
        assert self.spool.size == self.path.stat().st_size
        assert (self.spool.lost_bytes, self.spool.cut_bytes) == (0, 0)

    def teardown(self) -> None:
        self.spool.close()
        self.folder.cleanup()


TestSpoolAgainstList = SpoolAgainstList.TestCase
TestSpoolAgainstList.settings = settings(deadline=None, max_examples=50)


def test_a_full_spool_takes_nothing_of_a_batch(path: Path) -> None:
    with Spool(path, HEADER.size + 3 * (RECORD.size + 10)) as spool:
        spool.append([b"x" * 10] * 2)
        with pytest.raises(SpoolFull, match="is full"):
            spool.append([b"x" * 10] * 2)
        spool.append([b"y" * 10])
        assert spool.read(10) == [b"x" * 10, b"x" * 10, b"y" * 10]


def half_written(file: int, block: bytes, at: int) -> int:
    """A disk that fills up in the middle of a record."""
    if len(block) < 8:
        raise OSError(errno.ENOSPC, "no space left")
    return REAL_PWRITE(file, block[: len(block) // 2], at)


def no_sync(_: int) -> None:
    raise OSError(errno.EIO, "input/output error")


REAL_PWRITE = os.pwrite


@pytest.mark.parametrize(("call", "failing", "name"), [("pwrite", half_written, "ENOSPC"), ("fsync", no_sync, "EIO")])
def test_what_the_disk_refused_does_not_count(
    path: Path, monkeypatch: pytest.MonkeyPatch, call: str, failing: Callable[..., object], name: str
) -> None:
    with Spool(path, ROOM) as spool:
        spool.append([b"before"])
        with monkeypatch.context() as patch:
            patch.setattr(os, call, failing)
            with pytest.raises(SpoolFailed, match=name):
                spool.append([b"refused by the disk"])
        assert spool.read(10) == [b"before"]
        spool.append([b"after"])
        assert spool.read(10) == [b"before", b"after"]
    with Spool(path, ROOM) as again:
        assert again.read(10) == [b"before", b"after"]
        assert again.lost_bytes == 0


def test_two_processes_cannot_share_it(path: Path) -> None:
    with Spool(path, ROOM) as spool:
        spool.append([b"mine"])
        with pytest.raises(SpoolFailed, match="another process"):
            Spool(path, ROOM)
        assert spool.read(1) == [b"mine"]


def test_a_place_that_cannot_be_used_is_named_by_its_reason(path: Path) -> None:
    path.mkdir(parents=True)
    with pytest.raises(SpoolFailed, match="cannot be opened: EISDIR"):
        Spool(path, ROOM)


def test_a_file_that_cannot_be_read_is_closed_again(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    filled(path)
    with monkeypatch.context() as patch:
        patch.setattr(os, "pread", no_sync_read)
        with pytest.raises(SpoolFailed, match="cannot be read: EIO"):
            Spool(path, ROOM)
    Spool(path, ROOM).close()  # the lock is free


def no_sync_read(_file: int, _size: int, _at: int) -> bytes:
    raise OSError(errno.EIO, "input/output error")


def test_a_new_file_is_durable_with_its_name(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[str] = []
    real = os.fsync

    def recording(file: int) -> None:
        synced.append(str(Path(f"/proc/self/fd/{file}").readlink()))
        real(file)

    monkeypatch.setattr(os, "fsync", recording)
    with Spool(path, ROOM) as spool:
        opened = list(synced)
        spool.append([b"a", b"b", b"c"])
    assert opened == [str(path.parent), str(path)]
    assert synced[len(opened) :] == [str(path)], "one fsync for a whole batch"


def test_threads_may_share_it(path: Path) -> None:
    with Spool(path, ROOM) as spool:
        threads = [Thread(target=spool.append, args=([b"%d" % n] * 3,)) for n in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        records = spool.read(100)
    assert len(records) == 24
    assert all(len(set(records[n : n + 3])) == 1 for n in range(0, 24, 3)), "batches stay together"
