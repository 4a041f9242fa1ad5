"""Stories: what hurts the community, and who decides."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from engine.moderation.store import list_cases
from engine.outbox import set_brake
from tests.stories.community import ADMIN, ADMIN_ROOM, ASKER, BOARD, COLLEAGUE, VENDOR_ROOM, Community

if TYPE_CHECKING:
    from pathlib import Path

    from redis.asyncio import Redis

PUT_DOWN = "そんなことも知らないで開業するんですか？研修医でも知ってますよ。"


async def case_states(community: Community) -> list[str]:
    return [case.state.value for case in await list_cases(community.db)]


async def test_a_put_down_becomes_a_card_for_the_admins_and_nothing_on_the_board(community: Community) -> None:
    said = await community.says(COLLEAGUE, PUT_DOWN)
    await community.after(hours=5)
    [card] = community.admin_transcript
    assert "c1" in card
    assert "マウント" in card
    assert f"rid{BOARD}-{said.message_id}" in card
    assert "承認 c1" in card
    assert community.transcript == []


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        pytest.param(PUT_DOWN, "「そんなことも知らな…」", id="the words that hurt"),
        pytest.param(
            "患者の山田太郎さん、090-1234-5678の件です。", "「〔氏名〕」、「〔電話〕」", id="kinds of personal data"
        ),
    ],
)
async def test_a_card_says_in_the_admins_language_what_gave_rise_to_it(
    community: Community, words: str, shown: str
) -> None:
    await community.says(COLLEAGUE, words)
    [card] = community.admin_transcript
    assert f"気になった箇所: {shown}" in card
    assert not re.search(r"[A-Za-z]{2}", re.sub(r"https://\S+|\[/?\w+\]", "", card))


async def test_after_an_admins_word_the_author_is_asked_to_be_careful(community: Community) -> None:
    await community.says(COLLEAGUE, PUT_DOWN)
    await community.says(ADMIN, "承認 c1", room=ADMIN_ROOM)
    [warning] = community.transcript
    assert warning.startswith(f"[To:{COLLEAGUE.account_id}]井上先生\n")
    assert PUT_DOWN not in warning
    assert community.admin_transcript[-1] == "c1: 注意をお送りします。"


async def test_a_contact_is_warned_in_the_direct_chat(community: Community) -> None:
    community.chat.contacts[COLLEAGUE.account_id] = 4711
    await community.says(COLLEAGUE, PUT_DOWN)
    await community.says(ADMIN, "承認 c1", room=ADMIN_ROOM)
    assert community.transcript == []
    [warning] = [posted.body for posted in community.chat.posted if posted.room_id == 4711]
    assert "[To:" not in warning


async def test_a_rejected_case_sends_nothing_ever(community: Community) -> None:
    await community.says(COLLEAGUE, PUT_DOWN)
    await community.says(ADMIN, "却下 c1", room=ADMIN_ROOM)
    await community.after(days=2)
    assert community.transcript == []
    assert await case_states(community) == ["rejected"]


async def test_an_undone_warning_is_taken_back_in_words_and_no_longer_counts(community: Community) -> None:
    await community.says(COLLEAGUE, PUT_DOWN)
    await community.says(ADMIN, "承認 c1", room=ADMIN_ROOM)
    await community.says(ADMIN, "取消 c1", room=ADMIN_ROOM)
    assert "判断の誤り" in community.transcript[-1]
    await community.says(COLLEAGUE, "そんな初歩的なことも調べずに聞くんですか。開業する資格がないですよ。")
    assert "この方への注意はこれまでありません" in community.admin_transcript[-1]


async def test_who_was_never_warned_is_not_told_of_a_withdrawal(community: Community) -> None:
    await community.says(COLLEAGUE, PUT_DOWN)
    commit = community.db.commit(community.clock.now())
    await set_brake(commit, pull=True, by="cli")
    await community.db.apply(commit)
    await community.says(ADMIN, "承認 c1", room=ADMIN_ROOM)
    await community.says(ADMIN, "取消 c1", room=ADMIN_ROOM)
    await community.says(ADMIN, "再開", room=ADMIN_ROOM)
    await community.after(minutes=5)
    assert community.transcript == []


async def test_the_second_card_tells_of_the_first_warning(community: Community) -> None:
    await community.says(COLLEAGUE, PUT_DOWN)
    await community.says(ADMIN, "承認 c1", room=ADMIN_ROOM)
    await community.says(COLLEAGUE, "うざい。黙れ。誰もあなたの話なんか聞いてない。")
    assert "有効な注意は1件" in community.admin_transcript[-1]


async def test_a_doctor_with_a_phone_stops_all_sending_and_resumes_it(community: Community) -> None:
    await community.says(ADMIN, "停止", room=ADMIN_ROOM)
    await community.says(ASKER, "紹介状の書き方を教えてください。")
    await community.after(hours=8)
    assert community.transcript == []
    await community.says(ADMIN, "再開", room=ADMIN_ROOM)
    await community.after(minutes=16)
    assert len(community.transcript) == 1


@pytest.mark.parametrize(
    ("room", "body"),
    [
        pytest.param(BOARD, "承認 c1", id="a command on the board is no command"),
        pytest.param(VENDOR_ROOM, "承認 c1", id="a command in a vendor's room is no command"),
        pytest.param(ADMIN_ROOM, "c1は承認でいいと思いますか", id="a sentence about a command is no command"),
        pytest.param(ADMIN_ROOM, "承認 c99", id="a case that does not exist"),
        pytest.param(ADMIN_ROOM, "[qt]承認 c1[/qt]", id="a quoted command"),
        pytest.param(ADMIN_ROOM, "取消 c1", id="nothing to undo yet"),
    ],
)
async def test_what_decides_nothing(community: Community, room: int, body: str) -> None:
    await community.says(COLLEAGUE, PUT_DOWN)
    await community.says(ADMIN, body, room=room)
    await community.after(hours=1)
    assert community.transcript == []
    assert await case_states(community) == ["open"]


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(
            "お言葉ですが、私の地域では逆でした。条件によるのかもしれませんね。", id="respectful disagreement"
        ),
        pytest.param("何度もすみません、レセプトって何の略ですか？", id="a naive question asked again"),
        pytest.param("できません。保健所に確認してください。", id="a blunt answer to the matter"),
        pytest.param("[qt]そんなことも知らないんですか[/qt]と言われて落ち込みました。", id="quoting rude words"),
        pytest.param("ありがとうございます！助かりました。", id="thanks"),
        pytest.param("はじめまして。紹介コード: YR-7K3M-2QXA です。", id="a newcomer's referral code"),
    ],
)
async def test_what_is_left_alone(community: Community, body: str) -> None:
    await community.says(COLLEAGUE, body)
    assert await case_states(community) == []


async def test_patients_data_are_masked_in_the_card(community: Community) -> None:
    await community.says(COLLEAGUE, "患者の田中一郎様（080-1234-5678）、糖尿病の方ですが連絡がつきません。")
    [card] = community.admin_transcript
    assert "個人情報" in card
    assert "田中一郎" not in card
    assert "080-1234-5678" not in card


async def test_an_edited_message_is_one_case(community: Community) -> None:
    said = await community.says(COLLEAGUE, PUT_DOWN)
    await community.edits(said, PUT_DOWN + "（追記）")
    assert await case_states(community) == ["open"]


async def test_what_is_edited_into_a_put_down_is_found(community: Community) -> None:
    said = await community.says(COLLEAGUE, "そうなんですね。")
    await community.edits(said, PUT_DOWN)
    assert await case_states(community) == ["open"]


async def test_an_admins_own_words_are_no_case(community: Community) -> None:
    await community.says(ADMIN, PUT_DOWN)
    assert await case_states(community) == []


async def test_by_policy_a_clear_warning_goes_without_an_admin(redis: Redis, tmp_path: Path) -> None:
    async with Community.opened(redis, tmp_path, moderation={"warn": "auto"}) as community:
        await community.says(COLLEAGUE, PUT_DOWN)
        assert len(community.transcript) == 1
        assert await case_states(community) == ["approved"]
