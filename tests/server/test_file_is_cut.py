"""The database's file ends anywhere, as after a power failure, or is damaged in the middle."""

from __future__ import annotations

import random
import shutil
from typing import TYPE_CHECKING

import pytest

from engine.commit import Database
from engine.connect import connect
from engine.embedded import EmbeddedValkey
from engine.errors import Refused
from engine.keys import Keys
from tests.fakes import FakeClock, NoWakes
from tests.workers.test_runtime import Count, message

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.redis, pytest.mark.timeout(180)]

COMMITS, CUTS, SEED = 80, 25, 20261125


async def live(folder: Path) -> None:
    """A history: each commit writes a record, a due time and an event, or nothing of it."""
    with EmbeddedValkey(folder) as server:
        redis, clock = connect(server.url), FakeClock()
        db = Database(redis, Keys("main"), NoWakes())
        for number in range(1, COMMITS + 1):
            commit = db.commit(clock.now())
            await commit.read(db.keys("count"), Count)
            commit.write(db.keys("count"), Count(n=number))
            commit.wake("nudge", "ask", f"q{number}", clock.now())
            commit.publish(message(number))
            await db.apply(commit)
        await redis.aclose()


async def what_is_left(folder: Path) -> tuple[int, int, int, int]:
    """Commits as the record, the due times, the stream and the marks of published ids tell it."""
    with EmbeddedValkey(folder) as server:
        redis = connect(server.url)
        db = Database(redis, Keys("main"), NoWakes())
        record, _ = await db.read(db.keys("count"), Count)
        due = len(await db.ranked(db.keys.wakes("nudge")))
        told, marks = await redis.xlen(db.keys.stream), len(await redis.keys(db.keys.seen("*")))
        await redis.aclose()
    return (record.n if record else 0, due, told, marks)


def log_file(folder: Path) -> Path:
    """The file that grows."""
    [file] = (folder / "valkey" / "appendonlydir").glob("*.incr.aof")
    return file


async def test_cut_anywhere_it_starts_and_holds_whole_commits_only(tmp_path: Path) -> None:
    await live(tmp_path / "whole")
    size = log_file(tmp_path / "whole").stat().st_size
    dice, seen = random.Random(SEED), set()
    for cut in sorted(dice.sample(range(1, size), CUTS)):
        folder = tmp_path / "cut"
        shutil.copytree(tmp_path / "whole", folder)
        with log_file(folder).open("r+b") as file:
            file.truncate(cut)
        record, due, told, marks = await what_is_left(folder)
        assert record == due == told == marks, f"half a commit after a cut at {cut} of {size}"
        seen.add(record)
        shutil.rmtree(folder)
    assert len(seen) > CUTS // 2, "the cuts lay in different places"


async def test_nothing_cut_nothing_lost(tmp_path: Path) -> None:
    await live(tmp_path / "whole")
    assert await what_is_left(tmp_path / "whole") == (COMMITS,) * 4


async def test_damaged_in_the_middle_it_refuses_and_says_what_to_do(tmp_path: Path) -> None:
    await live(tmp_path / "whole")
    file = log_file(tmp_path / "whole")
    content = bytearray(file.read_bytes())
    middle = content.index(b"*", len(content) // 2)
    content[middle : middle + 20] = b"\x00" * 20
    file.write_bytes(content)
    with pytest.raises(Refused, match=r"did not start.*valkey\.log.*backup"), EmbeddedValkey(tmp_path / "whole"):
        pass
