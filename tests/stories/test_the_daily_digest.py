"""Stories: one short message in the morning, so that admins never have to wonder what silence means."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from engine.upkeep.rules import digest_due
from engine.upkeep.store import Loss, Upkeep
from tests.fakes import TOKYO, tokyo
from tests.stories.community import ADMIN, ADMIN_ROOM, ASKER, BOARD, COLLEAGUE, THIRD, Community

if TYPE_CHECKING:
    from engine.clock import Epoch

PUT_DOWN = "そんなことも知らないで開業するんですか。研修医でも知ってますよ。"


async def until(community: Community, moment: str) -> None:
    """Time passes, the keeper's rounds as often as they are."""
    goal = tokyo(moment)
    while community.clock.now() < goal:
        await community.after(minutes=min(30, (goal - community.clock.now()) / 60))


async def test_in_the_morning_the_admins_read_once_what_the_day_brought(community: Community) -> None:
    asked = await community.says(ASKER, "紹介状の書き方を教えてください。")
    await community.replies(COLLEAGUE, asked, "こう書いています。")
    await community.says(THIRD, "駐車場は何台分ありますか？")
    await community.says(COLLEAGUE, PUT_DOWN)
    await until(community, "2026-11-25 07:30")
    assert community.digests == []
    await until(community, "2026-11-25 12:30")
    [digest] = community.digests
    assert digest == (
        "運営の皆さまへ: おはようございます。この一日のご報告です。\n"
        "・ご質問 2件（うちお返事のあったもの 1件）\n"
        "・お返事をお待ちのご質問 1件\n"
        "・ご判断をお待ちの案件 1件\n"
        "どうぞよい一日をお過ごしください。"
    )


async def test_a_day_without_news_is_told_so(community: Community) -> None:
    await until(community, "2026-11-25 09:00")
    [digest] = community.digests
    assert "新しいご質問はございませんでした。" in digest


async def test_what_could_not_be_read_stands_there_with_room_and_span(community: Community) -> None:
    await until(community, "2026-11-25 02:00")
    commit = community.db.commit(community.clock.now())
    span = int(tokyo("2026-11-25 00:10")), int(tokyo("2026-11-25 01:05"))
    await Upkeep(commit).add_loss(Loss(room_id=BOARD, start=span[0], end=span[1]))
    await community.db.apply(commit)
    await until(community, "2026-11-26 12:00")
    first, second = community.digests
    assert f"・読み取れなかった書き込み: ルーム {BOARD}、11月25日0時10分から11月25日1時05分まで" in first
    assert "読み取れなかった" not in second


async def test_it_names_nobody_and_ranks_nobody(community: Community) -> None:
    await community.says(ASKER, "紹介状の書き方を教えてください。")
    await until(community, "2026-11-25 09:00")
    [digest] = community.digests
    for word in ("青木", "井上", "紹介状", "スコア", "位", str(ASKER.account_id)):
        assert word not in digest


async def test_while_the_brake_is_on_nothing_is_told_and_old_news_never_is(community: Community) -> None:
    await community.says(ADMIN, "停止", room=ADMIN_ROOM)
    await until(community, "2026-11-25 20:00")
    await community.says(ADMIN, "再開", room=ADMIN_ROOM)
    await until(community, "2026-11-26 07:00")
    assert community.digests == []
    await until(community, "2026-11-26 09:00")
    assert len(community.digests) == 1


@pytest.mark.parametrize(
    ("moment", "date"),
    [
        pytest.param("2026-11-25 07:59", None, id="before eight"),
        pytest.param("2026-11-25 08:00", "2026-11-25", id="at eight"),
        pytest.param("2026-11-25 11:59", "2026-11-25", id="before noon"),
        pytest.param("2026-11-25 12:00", None, id="at noon"),
        pytest.param("2026-11-25 00:00", None, id="at midnight"),
    ],
)
def test_the_morning_is_from_eight_to_noon(moment: str, date: str | None) -> None:
    at: Epoch = tokyo(moment)
    assert digest_due(at, TOKYO) == date
