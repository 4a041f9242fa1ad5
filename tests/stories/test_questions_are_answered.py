"""Stories: a question, and what the community reads."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from engine.errors import Transient
from engine.outbox import Intent, State
from engine.questions.store import list_questions
from tests.fakes import tokyo
from tests.stories.community import ADMIN, ASKER, BOARD, COLLEAGUE, ENGINE, THIRD, VENDOR_PERSON, Community

if TYPE_CHECKING:
    from engine.ports import Account

QUESTION = "紹介状の書き方を教えてください。"


async def states(community: Community) -> list[str]:
    return [question.state.value for question in await list_questions(community.db)]


def asked(community: Community) -> list[int]:
    """Whom the engine addressed on the board, in order."""
    return [int(found[1]) for body in community.transcript if (found := re.search(r"\[To:(\d+)\]", body))]


async def test_an_answer_stops_the_nudge(community: Community) -> None:
    """Nobody is reminded of a question that somebody answered."""
    question = await community.says(ASKER, QUESTION)
    await community.replies(COLLEAGUE, question, "こう書いています。")
    await community.after(hours=48)
    assert community.transcript == []


async def test_a_silent_question_reaches_one_other_member_by_name_after_two_active_hours(community: Community) -> None:
    question = await community.says(ASKER, QUESTION)
    await community.after(hours=1, minutes=59)
    assert community.transcript == []
    await community.after(minutes=2)
    [invitation] = community.transcript
    assert re.match(r"\[To:(102|103)\](井上|上田)先生\n", invitation)
    assert f"https://www.chatwork.com/#!rid{BOARD}-{question.message_id}" in invitation
    assert "「紹介状の書き方を教えてください。」" in invitation
    assert "パス" in invitation


async def test_nobody_is_asked_twice_for_one_question_however_long_it_waits(community: Community) -> None:
    await community.says(ASKER, QUESTION)
    await community.after(days=10)
    assert sorted(asked(community)) == [102, 103]


async def test_an_invitation_that_did_not_arrive_keeps_its_turn(community: Community) -> None:
    """A room reads one a minute, and many may wait: the one that was cut off is not put behind all of them."""
    await community.says(ASKER, QUESTION)
    await community.says(ASKER, "レセプトの締め日はいつですか？")
    community.chat.failures = [Transient("time-out", maybe_done=True)]
    await community.after(hours=2)
    [cut_off] = {intent.id for intent in await intents(community) if intent.attempts}
    await community.after(seconds=30)
    assert [intent.id for intent in await intents(community) if intent.state is State.SENT] == [cut_off]
    await community.after(minutes=2)
    assert len(asked(community)) == 2


async def intents(community: Community) -> list[Intent]:
    redis, prefix = community.db.redis, community.db.keys("intent", "")
    found = await community.db.read_many([key async for key in redis.scan_iter(match=f"{prefix}ask*")], Intent)
    return [intent for intent in found if intent is not None]


async def test_nobody_is_asked_at_night(community: Community) -> None:
    community.clock.at = tokyo("2026-11-24 21:30")
    await community.says(ASKER, QUESTION)
    await community.after(hours=13)
    assert community.transcript == []
    await community.after(hours=4)
    assert len(community.transcript) == 1


async def test_an_answer_in_the_last_second_is_seen_before_sending(community: Community) -> None:
    question = await community.says(ASKER, QUESTION)
    await community.after(hours=1, minutes=59, seconds=59)
    community.clock.move(seconds=2)
    nudge = community.runtimes["nudge"]
    assert (await nudge.run_job("ask", "q1")).startswith("asked")
    await community.replies(COLLEAGUE, question, "こう書いています。")
    assert community.transcript == []
    assert "dropped: answered" in community.outcomes


async def test_a_suppressed_invitation_counts_against_nobody(community: Community) -> None:
    await test_an_answer_in_the_last_second_is_seen_before_sending(community)
    community.clock.move(minutes=1)
    await community.says(THIRD, "レセプトの締め日はいつですか？")
    await community.says(COLLEAGUE, "受付の制服はどうされていますか？")
    await community.after(hours=8)
    assert len(community.transcript) == 2


async def test_who_passes_is_thanked_by_silence_and_somebody_else_is_asked(community: Community) -> None:
    await community.says(ASKER, QUESTION)
    await community.after(hours=2, minutes=1)
    [first] = asked(community)
    passing, other = (COLLEAGUE, THIRD) if first == COLLEAGUE.account_id else (THIRD, COLLEAGUE)
    await community.says(passing, "パス")
    assert asked(community) == [passing.account_id, other.account_id]
    assert await states(community) == ["open"]


async def test_who_is_asked_may_answer_by_replying_to_the_engine(community: Community) -> None:
    await community.says(ASKER, QUESTION)
    await community.after(hours=2, minutes=1)
    helper = COLLEAGUE if asked(community) == [COLLEAGUE.account_id] else THIRD
    post = community.chat.posted[-1]
    tag = f"[rp aid={ENGINE.account_id} to={BOARD}-{post.message_id}]{ENGINE.name}さん"
    await community.says(helper, f"{tag}\n書式は地区の医師会のものを使っています。")
    assert await states(community) == ["answered"]


async def test_thanks_of_the_asker_closes_the_question(community: Community) -> None:
    question = await community.says(ASKER, QUESTION)
    await community.replies(COLLEAGUE, question, "こう書いています。")
    await community.says(ASKER, "ありがとうございます、解決しました！")
    assert await states(community) == ["thanked"]


async def test_a_mention_of_the_asker_answers_the_waiting_question(community: Community) -> None:
    await community.says(ASKER, QUESTION)
    await community.says(COLLEAGUE, f"[To:{ASKER.account_id}]青木さん\n雛形をお送りします。")
    assert await states(community) == ["answered"]


async def test_the_same_naive_question_three_times_is_three_questions_and_no_case(community: Community) -> None:
    for _ in range(3):
        await community.says(ASKER, "何度もすみません、レセプトって何の略ですか？")
    assert await states(community) == ["open", "open", "open"]
    assert community.admin_transcript == []


async def test_an_answer_that_arrives_before_its_question_counts(community: Community) -> None:
    question = community.writes(ASKER, QUESTION)
    await community.replies(COLLEAGUE, question, "こう書いています。")
    await community.hears(question, QUESTION)
    assert await states(community) == ["answered"]


async def test_two_webhooks_for_one_message_are_one_question(community: Community) -> None:
    body = f"[To:{ENGINE.account_id}]案内係さん\n{QUESTION}"
    said = community.writes(ASKER, body)
    now = int(community.clock.now())
    mention = {
        "from_account_id": ASKER.account_id, "to_account_id": ENGINE.account_id, "room_id": BOARD,
        "message_id": said.message_id, "body": body, "send_time": now, "update_time": 0,
    }  # fmt: skip
    envelope = {"webhook_setting_id": "12346", "webhook_event_type": "mention_to_me", "webhook_event_time": now}
    assert await community.posts(envelope | {"webhook_event": mention}) == 200
    await community.hears(said, body)
    await community.hears(said, body)
    assert await states(community) == ["open"]


@pytest.mark.parametrize(
    ("who", "body"),
    [
        pytest.param(VENDOR_PERSON, "弊社の書式をお使いください。", id="a vendor's reply is no answer"),
        pytest.param(ASKER, "補足です。内科の紹介状です。", id="the asker's own reply is no answer"),
        pytest.param(THIRD, "[qt]こう書いています[/qt]", id="a reply without own words is no answer"),
    ],
)
async def test_no_answer(community: Community, who: Account, body: str) -> None:
    question = await community.says(ASKER, QUESTION)
    await community.replies(who, question, body)
    assert (await states(community))[0] == "open"


async def test_a_clarifying_question_turns_the_ball_to_the_asker(community: Community) -> None:
    """Nobody is asked until they explain; who asks back has asked no question of their own."""
    question = await community.says(ASKER, QUESTION)
    await community.replies(THIRD, question, "それは院内の紹介ですか？")
    assert await states(community) == ["clarify"]
    await community.after(hours=9)
    assert community.transcript == []
    await community.says(ASKER, "院外の病院へのものです。")
    assert await states(community) == ["open"]
    await community.after(minutes=21)
    assert len(community.invitations) == 1


async def test_an_asker_who_does_not_come_back_is_not_left_alone(community: Community) -> None:
    question = await community.says(ASKER, QUESTION)
    await community.replies(THIRD, question, "それは院内の紹介ですか？")
    await community.after(days=2)
    assert len(community.invitations) >= 1


async def test_words_without_a_mark_that_answer_stop_the_nudge(community: Community) -> None:
    await community.says(ASKER, QUESTION)
    await community.says(COLLEAGUE, "紹介状の書き方は、うちは医師会の書式を使っています。")
    assert await states(community) == ["answered"]
    await community.after(days=3)
    assert community.transcript == []


async def test_words_that_may_be_an_answer_only_put_off_the_nudge(community: Community) -> None:
    await community.says(ASKER, QUESTION)
    await community.after(minutes=55)
    await community.says(COLLEAGUE, "医師会に書式があった気がします。")
    assert await states(community) == ["open"]
    await community.after(minutes=80)
    assert community.transcript == []
    await community.after(hours=6)
    assert len(community.invitations) == 1


async def test_while_people_talk_about_it_nobody_is_asked(community: Community) -> None:
    question = await community.says(ASKER, QUESTION)
    await community.after(hours=1, minutes=50)
    await community.replies(THIRD, question, "それは院内の紹介ですか？")
    await community.says(ASKER, "院外の病院へのものです。")
    await community.after(minutes=19)
    assert community.transcript == []
    await community.after(minutes=2)
    assert len(community.invitations) == 1


async def test_not_yet_opens_the_question_again_and_another_is_asked(community: Community) -> None:
    question = await community.says(ASKER, QUESTION)
    await community.replies(COLLEAGUE, question, "こう書いています。")
    await community.says(ASKER, "ありがとうございます。ただ、まだ解決していません。")
    assert await states(community) == ["open"]
    await community.after(days=1)
    assert asked(community) == [THIRD.account_id]


async def test_what_can_wait_is_left_in_peace_until_the_asker_comes_back(community: Community) -> None:
    await community.says(ASKER, QUESTION)
    await community.says(ASKER, "この件はいったん保留にします。")
    assert await states(community) == ["parked"]
    await community.after(days=3)
    assert community.transcript == community.admin_transcript == []
    await community.says(ASKER, "やはりまだ困っています。")
    assert await states(community) == ["open"]
    await community.after(days=1)
    assert len(community.invitations) >= 1


async def test_a_deleted_answer_opens_the_question_again(community: Community) -> None:
    question = await community.says(ASKER, QUESTION)
    answer = await community.replies(COLLEAGUE, question, "こう書いています。")
    community.deletes(answer)
    await community.after(minutes=2)
    assert await states(community) == ["open"]


async def test_an_edit_makes_an_answer_of_what_was_none(community: Community) -> None:
    question = await community.says(ASKER, QUESTION)
    said = await community.replies(COLLEAGUE, question, "なるほど。")
    assert await states(community) == ["open"]
    tag = f"[rp aid={ASKER.account_id} to={BOARD}-{question.message_id}]{ASKER.name}さん"
    await community.edits(said, f"{tag}\nうちは医師会の書式を使っています。")
    assert await states(community) == ["answered"]


async def test_an_edit_that_takes_the_question_back_withdraws_it(community: Community) -> None:
    question = await community.says(ASKER, QUESTION)
    await community.edits(question, "失礼しました、自分で調べられました。")
    await community.after(days=3)
    assert await states(community) == ["withdrawn"]
    assert community.transcript == []


async def test_an_edit_that_makes_a_question_opens_one(community: Community) -> None:
    said = await community.says(ASKER, "紹介状の書き方")
    await community.edits(said, QUESTION)
    assert await states(community) == ["open"]


async def test_an_old_text_that_arrives_after_the_new_one_is_not_believed(community: Community) -> None:
    said = community.writes(ASKER, QUESTION)
    await community.edits(said, "こちらの件は解決しています。")
    await community.hears(said, QUESTION)
    assert await states(community) == []


async def test_admins_vendors_and_the_engine_are_never_asked(community: Community) -> None:
    community.chat.rosters[BOARD] = [ASKER, ADMIN, VENDOR_PERSON, ENGINE]
    await community.after(minutes=6)
    await community.says(ASKER, QUESTION)
    await community.after(days=3)
    assert community.invitations == []


async def test_nothing_the_community_reads_tells_of_a_score(community: Community) -> None:
    question = await community.says(ASKER, QUESTION)
    await community.replies(COLLEAGUE, question, "こう書いています。")
    await community.says(ASKER, "ありがとうございます。")
    await community.says(THIRD, "駐車場は何台分ありますか？")
    await community.after(days=3)
    assert community.transcript
    for body in community.transcript:
        assert not re.search(r"スコア|得点|点数|ランク|順位|回答率|%|％", body)
