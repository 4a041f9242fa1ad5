"""A full disk: no 200 without a durable record, and everything goes on by itself once there is room."""

from __future__ import annotations

import os
import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from engine.commit import Database
from engine.connect import connect
from engine.embedded import EmbeddedValkey
from engine.keys import Keys
from tests.fakes import FakeClock, NoWakes
from tests.ingress.test_webhook_door import open_house
from tests.server.test_memory_is_full import webhook

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [pytest.mark.redis, pytest.mark.timeout(180)]

SIZE = 24 * 1024 * 1024


@contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    """A disk of a few megabytes; needs root."""
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "yuruyuru-test", str(folder)], check=False, capture_output=True
    )
    if mounted.returncode:
        pytest.skip("this machine lets nobody mount a small disk")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(disk: Path) -> Path:
    """Leave no room at all."""
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(b"\0" * 4096)
        except OSError:
            return ballast


async def test_nothing_is_promised_that_is_not_kept(tmp_path: Path) -> None:
    clock = FakeClock()
    with small_disk(tmp_path / "disk") as disk, EmbeddedValkey(disk) as server:
        redis = connect(server.url)
        db = Database(redis, Keys("main"), NoWakes())
        async with open_house(db, clock, disk, spool_bytes=SIZE) as house:
            assert await house.post(webhook(clock, 0)) == 200
            ballast = fill(disk)
            statuses: list[int] = []
            while statuses[-1:] != [503]:  # the last blocks of both files still have room for some
                statuses.append(await house.post(webhook(clock, len(statuses) + 1)))
                assert len(statuses) < 200, "a full disk kept everything"
            assert set(statuses) <= {200, 503}
            ballast.unlink()
            if server.pid is None:  # a full disk ends it; whoever supervises it starts it again
                server.stop()
                server.__enter__()
            assert await house.post(webhook(clock, len(statuses) + 1)) == 200
            await house.journal.drain()
            kept = {event["message_id"] for event in await house.events()}
        accepted = [number for number, status in enumerate([200, *statuses, 200]) if status == 200]
        assert {str(1_789_012_345_678_901_249 + number) for number in accepted} <= kept
        await redis.aclose()


def test_the_test_disk_is_really_small(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk") as disk:
        fill(disk)
        assert os.statvfs(disk).f_bavail == 0
