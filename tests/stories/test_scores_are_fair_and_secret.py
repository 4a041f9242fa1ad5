"""Stories: what is counted of whom. Only admins see it, by command."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from engine.members.rules import responsiveness, typical_delay
from engine.members.store import Members
from engine.questions.store import list_questions
from tests.stories.community import ASKER, COLLEAGUE, THIRD, Community
from tests.stories.test_questions_are_answered import QUESTION, asked

if TYPE_CHECKING:
    from engine.members.rules import Tally


async def tally(community: Community, account_id: int) -> Tally:
    return await Members(community.db.commit(community.clock.now())).tally(account_id)


async def test_who_was_never_asked_is_unknown_but_their_giving_counts(community: Community) -> None:
    question = await community.says(ASKER, QUESTION)
    await community.replies(COLLEAGUE, question, "こう書いています。")
    counted = await tally(community, COLLEAGUE.account_id)
    assert (counted.asks, counted.answers) == (0, 1)
    assert responsiveness(counted) is None


async def test_who_was_asked_and_answers_is_responsive(community: Community) -> None:
    question = await community.says(ASKER, QUESTION)
    await community.after(hours=2, minutes=1)
    helper = COLLEAGUE if asked(community) == [COLLEAGUE.account_id] else THIRD
    await community.after(minutes=30)
    await community.replies(helper, question, "こう書いています。")
    counted = await tally(community, helper.account_id)
    assert (round(counted.asks, 2), counted.responses, counted.answers) == (1, 1, 1)
    delay = typical_delay(counted)
    assert delay is not None
    assert 25 * 60 < delay < 35 * 60


async def test_silence_counts_only_for_who_was_asked(community: Community) -> None:
    await community.says(ASKER, QUESTION)
    await community.after(hours=2, minutes=1)
    [silent] = asked(community)
    other = THIRD.account_id if silent == COLLEAGUE.account_id else COLLEAGUE.account_id
    assert responsiveness(await tally(community, silent)) == 0
    assert responsiveness(await tally(community, other)) is None


async def test_passing_is_a_fair_answer(community: Community) -> None:
    await community.says(ASKER, QUESTION)
    await community.after(hours=2, minutes=1)
    [first] = asked(community)
    await community.says(COLLEAGUE if first == COLLEAGUE.account_id else THIRD, "今回はパスでお願いします")
    assert responsiveness(await tally(community, first)) is None


async def test_thanks_go_to_everybody_who_helped(community: Community) -> None:
    question = await community.says(ASKER, QUESTION)
    await community.replies(COLLEAGUE, question, "こう書いています。")
    await community.replies(THIRD, question, "うちはこうです。")
    await community.says(ASKER, "お二人ともありがとうございます！")
    assert [(await tally(community, who.account_id)).thanks for who in (COLLEAGUE, THIRD, ASKER)] == [1, 1, 0]


async def test_a_sneer_is_no_answer_and_no_giving(community: Community) -> None:
    question = await community.says(ASKER, QUESTION)
    await community.replies(COLLEAGUE, question, "そんなことも知らないで開業するんですか？研修医でも知ってますよ。")
    await community.replies(THIRD, question, "そんなことも覚えられないのに、よく開業できましたね。")
    await community.says(ASKER, "ありがとうございます。")
    counted = [await tally(community, who.account_id) for who in (COLLEAGUE, THIRD)]
    assert [(each.answers, each.thanks) for each in counted] == [(0, 0), (0, 0)]


async def test_a_sneer_leaves_the_question_to_others(community: Community) -> None:
    question = await community.says(ASKER, QUESTION)
    await community.replies(COLLEAGUE, question, "そんなことも覚えられないのに、よく開業できましたね。")
    await community.after(hours=2, minutes=1)
    assert len(asked(community)) == 1


async def test_answering_the_same_question_twice_counts_once(community: Community) -> None:
    question = await community.says(ASKER, QUESTION)
    await community.replies(COLLEAGUE, question, "こう書いています。")
    await community.replies(COLLEAGUE, question, "補足すると、宛名も大事です。")
    assert (await tally(community, COLLEAGUE.account_id)).answers == 1


async def test_an_answer_that_was_none_after_all_counts_nothing(community: Community) -> None:
    question = await community.says(ASKER, QUESTION)
    answer = await community.replies(COLLEAGUE, question, "こう書いています。")
    assert (await tally(community, COLLEAGUE.account_id)).answers == pytest.approx(1.0, abs=0.01)
    community.deletes(answer)
    await community.after(minutes=2)
    assert (await tally(community, COLLEAGUE.account_id)).answers == pytest.approx(0.0, abs=0.01)


async def test_of_two_answers_to_one_question_one_counts_whichever_stays(community: Community) -> None:
    question = await community.says(ASKER, QUESTION)
    first = await community.replies(COLLEAGUE, question, "こう書いています。")
    second = await community.replies(COLLEAGUE, question, "書式はこちらです。")
    community.deletes(first)
    await community.after(minutes=2)
    assert (await tally(community, COLLEAGUE.account_id)).answers == pytest.approx(1.0, abs=0.01)
    community.deletes(second)
    await community.after(minutes=2)
    assert (await tally(community, COLLEAGUE.account_id)).answers == pytest.approx(0.0, abs=0.01)


async def test_words_that_turn_out_to_answer_something_said_before_count_once(community: Community) -> None:
    """The webhook of a question comes late: what was taken for an answer to the next one is an answer to it."""
    late = community.writes(ASKER, "待合室の床材は何がいいですか？")
    await community.says(THIRD, "駐車場は何台分ありますか？")
    await community.says(COLLEAGUE, "うちは塩ビの床材にしました、掃除が楽です。")
    await community.hears(late, "待合室の床材は何がいいですか？")
    answerers = [[answer.account_id for answer in each.answers] for each in await list_questions(community.db)]
    assert sorted(answerers) == [[], [COLLEAGUE.account_id]]
    assert (await tally(community, COLLEAGUE.account_id)).answers == pytest.approx(1.0, abs=0.01)
