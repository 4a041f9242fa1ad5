"""Stories: who is asked about a question, and how they are told why it is they."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from engine.members.directory import Directory
from engine.members.profiles import UNKNOWN
from engine.moderation.store import Cases
from engine.ports import Account
from engine.questions.decisions import decisions_about
from engine.questions.store import list_questions
from tests.lasting import assert_that_nothing_else_lasts
from tests.stories.community import ADMIN, ADMIN_ROOM, ASKER, BOARD, ENGINE, SETTING, VENDOR_PERSON, Community

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from redis.asyncio import Redis

COLLEAGUES = [Account(110 + number, f"医師{number}", "member") for number in range(12)]
EYE, SKIN, BONE, CHILD = COLLEAGUES[:4]
QUESTION = "承継で開業するときの従業員の引き継ぎについて教えてください。"


@pytest.fixture
async def town(redis: Redis, tmp_path: Path) -> AsyncIterator[Community]:
    """A board with a dozen colleagues; waves of one to three."""
    async with Community.opened(redis, tmp_path, nudge={}) as community:
        community.chat.rosters[BOARD] = [ASKER, *COLLEAGUES, ADMIN, VENDOR_PERSON, ENGINE]
        await community.after(minutes=6)
        yield community


def asked(community: Community) -> list[int]:
    said = [body for body in community.transcript if "#!rid" in body]
    return [int(found[1]) for body in said if (found := re.search(r"\[To:(\d+)\]", body))]


async def profile_of(who: Account, community: Community) -> object:
    found = await Directory(community.db.commit(community.clock.now())).profile(who.account_id)
    return found.profile if found else UNKNOWN


async def test_who_told_their_story_is_asked_about_it_and_reads_why(town: Community) -> None:
    await town.says(SKIN, "はじめまして。皮膚科で、3年前に父の医院を承継して開業しました。よろしくお願いします。")
    await town.says(ASKER, QUESTION)
    await town.after(hours=3)
    assert SKIN.account_id in asked(town)
    [words] = [body for body in town.transcript if f"[To:{SKIN.account_id}]" in body and "#!rid" in body]
    assert "以前「承継」についてお話しくださっていたので、お声がけしました。" in words


async def test_who_answered_about_it_before_is_asked_and_reads_why(town: Community) -> None:
    """Learnt from who answered what, not from what anybody says of themselves."""
    for number in range(6):
        first = await town.says(ASKER, f"レセコンの返戻について{number}つ目の質問です。教えてください。")
        await town.replies(BONE, first, "うちでは月末にまとめて確認しています。")
        await town.after(hours=25)
    await town.says(ASKER, "レセコンの入れ替えはいつがよいでしょうか？")
    await town.after(days=4)
    [words] = [body for body in town.transcript if f"[To:{BONE.account_id}]" in body]
    assert "以前「レセコン」のご質問に答えてくださったので" in words


async def test_a_wave_asks_two_or_three_of_people_nothing_is_known_of_and_the_next_asks_others(town: Community) -> None:
    await town.says(ASKER, QUESTION)
    await town.after(hours=3)
    first = asked(town)
    assert len(set(first)) == len(first) in (2, 3)
    await town.after(days=3)
    everybody = asked(town)
    assert len(set(everybody)) == len(everybody) > len(first)


async def test_what_was_decided_can_be_told(town: Community) -> None:
    await town.says(COLLEAGUES[5], f"[To:{ENGINE.account_id}]しばらく休みます")
    await town.says(ASKER, QUESTION)
    await town.after(hours=3)
    [decision] = await decisions_about(town.db.commit(town.clock.now()), "q1")
    assert sorted(each.account_id for each in decision.chosen) == sorted(asked(town))
    assert decision.left_out["paused"] == (COLLEAGUES[5].account_id,)
    assert decision.left_out["asker"] == (ASKER.account_id,)
    assert decision.pool == len(decision.chosen) + sum(map(len, decision.left_out.values()))


async def test_an_introduction_is_shown_back_and_can_be_changed_and_taken_back(town: Community) -> None:
    await town.says(EYE, "診療科: 眼科 地域: 北海道 形態: 承継 開業: 2019")
    [shown] = town.transcript
    assert shown.startswith(f"[rp aid={EYE.account_id} to={BOARD}-")
    assert "診療科: 眼科\n地域: 北海道\n形態: 承継\n開業: 2019年" in shown
    await town.says(EYE, "地域: 東京都")
    assert "診療科: 眼科\n地域: 東京都" in town.transcript[1]
    await town.says(EYE, "地域: なし 形態: なし")
    assert "診療科: 眼科\n開業: 2019年" in town.transcript[2]
    await town.says(EYE, "診療科: なし 開業: なし")
    assert "すべて消しました" in town.transcript[3]


async def test_saying_the_same_again_is_not_answered_again(town: Community) -> None:
    for _ in range(3):
        await town.says(EYE, "診療科: 眼科 地域: 北海道")
    assert len(town.transcript) == 1


@pytest.mark.parametrize(
    "body",
    [
        pytest.param("友人が北海道で眼科を承継しました。", id="somebody else's story"),
        pytest.param("眼科の加算について教えてください。", id="a subject"),
        pytest.param("地域医療連携の会、楽しかったです。", id="a word that begins like a label"),
    ],
)
async def test_nobody_is_introduced_by_what_is_no_introduction(town: Community, body: str) -> None:
    await town.says(EYE, body)
    assert await profile_of(EYE, town) == UNKNOWN
    assert town.transcript == town.invitations


async def test_a_vendors_greeting_is_no_members_profile(town: Community) -> None:
    await town.says(VENDOR_PERSON, "診療科: 眼科 地域: 北海道")
    assert await profile_of(VENDOR_PERSON, town) == UNKNOWN


async def test_an_edit_that_arrives_late_does_not_bring_an_older_telling_back(town: Community) -> None:
    first = await town.says(EYE, "診療科: 眼科 地域: 北海道")
    town.clock.move(seconds=60)
    await town.says(EYE, "地域: 東京都")
    await town.delivers("message_updated", first, "地域: 沖縄県", update_time=int(town.clock.now()) - 30)
    await town.settle()
    assert "沖縄" not in str(await profile_of(EYE, town))


async def test_nothing_that_was_learnt_stays_for_ever(town: Community) -> None:
    question = await town.says(ASKER, QUESTION)
    await town.says(EYE, "診療科: 眼科 地域: 北海道")
    await town.replies(SKIN, question, "従業員とは早めに面談しました。")
    await town.after(days=2)
    await assert_that_nothing_else_lasts(town.db.redis)


async def test_no_text_that_reaches_a_room_tells_of_a_score(town: Community) -> None:
    for number in range(4):
        question = await town.says(ASKER, f"{number}番目の質問です。予約システムはどれがよいですか？")
        await town.after(hours=9)
        await town.replies(COLLEAGUES[number], question, "うちは電話だけです。")
    words = "\n".join(town.transcript)
    assert words
    assert not re.search(r"スコア|点数|順位|ランク|率|\d+ ?%|回答数|\d\.\d", re.sub(r"#!rid\S+", "", words))


async def test_an_admin_asks_why_and_is_told_in_words(town: Community) -> None:
    await town.says(SKIN, "はじめまして。皮膚科で、3年前に父の医院を承継して開業しました。よろしくお願いします。")
    await town.says(COLLEAGUES[5], f"[To:{ENGINE.account_id}]しばらく休みます")
    await town.says(ASKER, QUESTION)
    await town.after(hours=3)
    await town.says(ADMIN, "なぜ ｑ１？", room=ADMIN_ROOM)
    answer = town.admin_transcript[-1]
    assert answer.startswith("q1（回答待ち）のお声がけの理由です。")
    assert "・医師1先生: 「承継」についてお話しくださっていたため" in answer
    assert "・お声がけをお休み中: 医師5先生" in answer
    assert "・質問されたご本人: 青木先生" in answer
    assert not re.search(r"0\.\d|%", answer)


@pytest.mark.parametrize(
    ("word", "answer"),
    [
        pytest.param("なぜ q7", "q7 という質問は見つかりませんでした", id="no such question"),
        pytest.param("なぜq1", "q1（回答待ち）では、まだどなたにもお声がけしていません", id="nobody was asked yet"),
    ],
)
async def test_where_there_is_nothing_to_explain_that_is_said(town: Community, word: str, answer: str) -> None:
    await town.says(ASKER, QUESTION)
    await town.says(ADMIN, word, room=ADMIN_ROOM)
    assert town.admin_transcript[-1].startswith(answer)


@pytest.mark.parametrize(
    "word", ["なぜ", "なぜですか", "q1", "なぜ q1 の人は怒っているのですか", "なぜ q1\nなぜ q2", "なぜ c1"], ids=str
)
async def test_other_words_of_admins_are_left_alone(town: Community, word: str) -> None:
    await town.says(ASKER, QUESTION)
    await town.says(ADMIN, word, room=ADMIN_ROOM)
    assert town.admin_transcript == []


async def test_only_the_admin_room_is_told_why(town: Community) -> None:
    await town.says(ASKER, QUESTION)
    await town.says(ASKER, "なぜ q1")
    assert town.transcript == town.admin_transcript == []


async def test_an_introduction_found_days_later_is_kept_but_not_answered_out_of_the_blue(town: Community) -> None:
    said = town.writes(EYE, "診療科: 眼科 地域: 北海道")
    spoken_at = int(town.clock.now())
    town.clock.move(seconds=2 * 86400)
    late = {"message_id": said.message_id, "room_id": BOARD, "account_id": EYE.account_id, "send_time": spoken_at}
    event = late | {"body": "診療科: 眼科 地域: 北海道", "update_time": 0}
    kind = {"webhook_setting_id": SETTING, "webhook_event_type": "message_created"}
    await town.posts(kind | {"webhook_event_time": int(town.clock.now()), "webhook_event": event})
    await town.settle()
    assert "眼科" in str(await profile_of(EYE, town))
    assert town.transcript == []


async def test_who_hurt_the_asker_is_not_sent_to_them(town: Community) -> None:
    """Nor the other way round; the same story without the hurt asks that colleague."""
    hurt = SKIN
    said = await town.says(EYE, "おはようございます。")
    await town.replies(hurt, said, "そんなことも知らないで開業するんですか？研修医でも知ってますよ。")
    commit = town.db.commit(town.clock.now())
    assert await Cases(commit).at_odds_with(EYE.account_id) == {hurt.account_id}
    assert await Cases(commit).at_odds_with(hurt.account_id) == {EYE.account_id}
    await town.says(EYE, "紹介状の書き方を教えてください。")
    await town.after(days=3)
    assert all(f"[To:{hurt.account_id}]" not in body for body in town.invitations)
    [question] = [each for each in await list_questions(town.db) if each.account_id == EYE.account_id]
    decided = await decisions_about(town.db.commit(town.clock.now()), question.id)
    assert any(hurt.account_id in each.left_out.get("a case with the asker", ()) for each in decided)
    await town.says(ADMIN, "却下 c1", room=ADMIN_ROOM)
    assert await Cases(town.db.commit(town.clock.now())).at_odds_with(EYE.account_id) == set()
