"""Stories: what is counted of whom. Only admins see it, by command."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.members.rules import responsiveness, typical_delay
from engine.members.store import Members
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
