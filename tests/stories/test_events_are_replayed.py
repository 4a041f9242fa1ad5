"""Stories: somebody has events handled again. What counted counts no more, what was said is not said again."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from fakeredis import FakeAsyncRedis, FakeServer
from hypothesis import HealthCheck, given, settings

from engine.ports import Account
from engine.questions.store import list_questions
from engine.routes import WORKERS
from tests.stories.community import ADMIN, ADMIN_ROOM, ASKER, BOARD, COLLEAGUE, ENGINE, VENDOR_PERSON, Community
from tests.stories.test_random_histories import MEMBERS, STEPS, Step, act
from tests.stories.test_somebody_is_forgotten import content

if TYPE_CHECKING:
    from tests.stories.community import Said

PUT_DOWN = "そんなことも知らないで開業するんですか？研修医でも知ってますよ。"


async def replays_everything(community: Community) -> list[str]:
    """Every entry, to every worker; returns the outcomes."""
    entries = await community.db.redis.xrange(community.db.keys.stream)
    return [
        await community.runtimes[worker].run_job("replay", entry_id) for entry_id, _ in entries for worker in WORKERS
    ]


async def everything(community: Community) -> dict[str, object]:
    """The whole database, and what was posted."""
    redis = community.db.redis
    stored: dict[str, object] = {key: await content(redis, key) async for key in redis.scan_iter()}
    return stored | {"posted": [posted.body for posted in community.chat.posted], "told": len(community.inbox.received)}


async def test_a_replay_of_a_whole_life_changes_nothing(community: Community) -> None:
    """Question, answer, thanks; a put-down, a warning taken back; brake on and off; a referral to its end."""
    asked = await community.says(ASKER, "紹介状の書き方を教えてください。")
    await community.after(hours=3)
    answer = await community.replies(COLLEAGUE, asked, "こう書いています。")
    await community.replies(ASKER, answer, "ありがとうございます！解決しました。")
    await community.edits(asked, "紹介状の書き方を教えてください！")
    await community.says(COLLEAGUE, PUT_DOWN)
    for words in ("承認 c1", "取消 c1", "停止", "再開"):
        await community.says(ADMIN, words, room=ADMIN_ROOM)
        await community.after(minutes=1)
    referral, _ = await community.refers()
    newcomer = Account(150, "加藤", "member")
    await community.joins(newcomer)
    await community.after(minutes=6)
    await community.says(newcomer, f"紹介コードは{referral['code']}です。")
    await community.after(hours=1)
    before = await everything(community)
    await replays_everything(community)
    await community.settle()
    assert await everything(community) == before


async def test_the_message_with_the_code_replayed_is_still_no_first_post(community: Community) -> None:
    referral, _ = await community.refers()
    newcomer = Account(150, "加藤", "member")
    await community.joins(newcomer)
    await community.after(minutes=6)
    await community.says(newcomer, f"紹介コードは{referral['code']}です。")
    told = len(community.inbox.received)
    await replays_everything(community)
    await community.settle()
    assert len(community.inbox.received) == told
    await community.says(newcomer, "よろしくお願いいたします。")
    assert len(community.inbox.received) == told + 1


@pytest.mark.parametrize("late", ["nudge", "moderation"])
async def test_what_a_worker_lost_is_made_up_for(community: Community, late: str) -> None:
    """Somebody moved the group past an entry: nothing but a replay brings it back."""
    community.silent.add(late)
    await community.says(COLLEAGUE, f"{PUT_DOWN}紹介状の書き方を教えてください。")
    await community.db.redis.xgroup_setid(community.db.keys.stream, late, "$")
    community.silent.clear()
    await community.settle()
    assert len(community.admin_transcript) == (0 if late == "moderation" else 1)
    await replays_everything(community)
    await community.settle()
    assert len(community.admin_transcript) == 1
    assert len(await list_questions(community.db)) == 1


async def test_an_entry_that_was_trimmed_is_ignored(community: Community) -> None:
    assert await community.runtimes["nudge"].run_job("replay", "1-0") == "ignored: no such entry any more"


async def lived_twice(steps: list[Step]) -> tuple[dict[str, Any], dict[str, Any]]:
    """A random history; the state before and after everything was replayed."""
    redis = FakeAsyncRedis(server=FakeServer(), decode_responses=True)
    with tempfile.TemporaryDirectory() as folder:
        async with Community.opened(redis, Path(folder)) as community:
            community.chat.rosters[BOARD] = [*MEMBERS, ADMIN, VENDOR_PERSON, ENGINE]
            await community.after(minutes=6)
            said: list[Said] = []
            for step in steps:
                await act(step, said, community, {})
            await community.after(hours=20)
            before = await everything(community)
            await replays_everything(community)
            await community.settle()
            after = await everything(community)
    await redis.aclose()
    return before, after


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(steps=STEPS)
def test_whatever_happened_a_replay_changes_nothing(steps: list[Step]) -> None:
    before, after = asyncio.run(lived_twice(steps))
    assert after == before
