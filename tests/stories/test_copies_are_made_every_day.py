"""Stories: the keeper copies everything once a day, and says when it cannot."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from engine.backups.file import Reader
from tests.fakes import tokyo
from tests.stories.community import ASKER, Community
from tests.stories.test_questions_are_answered import QUESTION

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from redis.asyncio import Redis

pytestmark = pytest.mark.redis


@pytest.fixture
async def community(real_redis: Redis, tmp_path: Path) -> AsyncIterator[Community]:
    """A keeper that has a place for copies."""
    async with Community.opened(real_redis, tmp_path) as opened:
        keeper = opened.runtimes["keeper"]
        keeper.deps = replace(keeper.deps, backups=tmp_path / "backups")
        yield opened


def copies(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / "backups").glob("*"))


async def test_one_at_once_and_then_one_a_day_at_four(community: Community, tmp_path: Path) -> None:
    await community.after(minutes=6)
    first = ["main-20261124T033600.000Z.backup"]
    assert copies(tmp_path) == first
    for _ in range(3):
        await community.after(hours=5)
        assert copies(tmp_path) == first
    community.clock.at = tokyo("2026-11-25 04:02")
    await community.settle()
    assert copies(tmp_path) == [*first, "main-20261124T190200.000Z.backup"]


async def test_two_weeks_are_kept(community: Community, tmp_path: Path) -> None:
    for _ in range(20):
        await community.after(days=1)
    names = copies(tmp_path)
    assert len(names) == 14
    assert names[0].startswith("main-20261201")


async def test_it_holds_what_happened(community: Community, tmp_path: Path) -> None:
    await community.says(ASKER, QUESTION)
    await community.after(minutes=6)
    [name] = copies(tmp_path)
    with Reader(tmp_path / "backups" / name) as copy:
        assert b"question:q1" in {frame[1] for frame in copy.frames() if frame[0] == b"key"}
        assert copy.contents.taken_at == community.clock.now()


async def test_the_admins_hear_once_a_day_that_none_can_be_made(community: Community, tmp_path: Path) -> None:
    (tmp_path / "backups").write_text("no folder")
    await community.after(minutes=6)
    [told] = community.admin_transcript
    assert told.startswith("運営の皆さまへ: 本日の記録の控え（バックアップ）を作成できませんでした。")
    for _ in range(10):
        await community.after(minutes=30)
    assert len(community.admin_transcript) == 1
    await community.after(days=1)
    assert len(community.admin_transcript) == 2


async def test_once_it_can_be_made_again_it_is(community: Community, tmp_path: Path) -> None:
    (tmp_path / "backups").write_text("no folder")
    await community.after(minutes=6)
    (tmp_path / "backups").unlink()
    await community.after(minutes=6)
    assert len(copies(tmp_path)) == 1


async def test_without_a_place_none_is_made_and_nobody_is_alarmed(community: Community, tmp_path: Path) -> None:
    keeper = community.runtimes["keeper"]
    keeper.deps = replace(keeper.deps, backups=None)
    await community.after(hours=30)
    assert (copies(tmp_path), community.admin_transcript) == ([], [])
