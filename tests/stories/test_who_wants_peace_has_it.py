"""Stories: somebody does not want to be asked for a while, or ever, and is not."""

from __future__ import annotations

import re

import pytest

from engine.members.store import Members
from engine.questions.store import list_questions
from tests.stories.community import ADMIN, ASKER, BOARD, COLLEAGUE, ENGINE, THIRD, Community

QUESTION = "紹介状の書き方を教えてください。"
TO_ENGINE = f"[To:{ENGINE.account_id}]{ENGINE.name}さん\n"


def asked(community: Community) -> list[int]:
    """Whom the engine addressed on the board with a question, in order."""
    said = [body for body in community.transcript if "ご質問" in body]
    return [int(found[1]) for body in said if (found := re.search(r"\[To:(\d+)\]", body))]


@pytest.mark.parametrize("wish", ["しばらくお休みします。", "通知不要です", "2週間ほどお休みします"], ids=str)
async def test_who_rests_is_not_asked(community: Community, wish: str) -> None:
    await community.says(COLLEAGUE, TO_ENGINE + wish)
    await community.says(ASKER, QUESTION)
    await community.after(days=5)
    assert asked(community) == [THIRD.account_id]


async def test_it_is_told_that_it_was_understood_and_until_when(community: Community) -> None:
    await community.says(COLLEAGUE, TO_ENGINE + "1週間休みます")
    await community.after(minutes=1)
    [answer] = community.transcript
    assert answer.startswith(f"[rp aid={COLLEAGUE.account_id} to=")
    assert "井上先生" in answer
    assert "12月1日まで、お声がけを控えます" in answer
    assert "「再開します」" in answer


async def test_an_admin_is_asked_only_after_saying_that_they_like_to_be(community: Community) -> None:
    community.chat.rosters[BOARD] = [ASKER, ADMIN, ENGINE]
    await community.after(minutes=6)
    await community.says(ASKER, QUESTION)
    await community.after(hours=22)
    assert asked(community) == []
    await community.says(ADMIN, TO_ENGINE + "お声がけください。")
    await community.says(ASKER, "受付の制服はどうされていますか？")
    await community.after(hours=22)
    assert set(asked(community)) == {ADMIN.account_id}
    await community.says(ADMIN, TO_ENGINE + "通知不要")
    await community.says(ASKER, "駐車場は何台分ありますか？")
    await community.after(hours=47)
    assert len(asked(community)) == 1


async def test_after_the_span_they_may_be_asked_again(community: Community) -> None:
    for person in (COLLEAGUE, THIRD):
        await community.says(person, TO_ENGINE + "1週間休みます")
    await community.after(days=8)
    await community.says(ASKER, QUESTION)
    await community.after(days=4)
    assert sorted(asked(community)) == [COLLEAGUE.account_id, THIRD.account_id]


async def test_who_is_back_earlier_is_asked_again(community: Community) -> None:
    await community.says(COLLEAGUE, TO_ENGINE + "通知不要")
    await community.says(THIRD, TO_ENGINE + "しばらく休みます")
    await community.after(days=2)
    await community.says(COLLEAGUE, TO_ENGINE + "再開します")
    await community.says(ASKER, QUESTION)
    await community.after(days=4)
    assert asked(community) == [COLLEAGUE.account_id]


async def test_who_was_just_asked_need_not_address_anybody_and_another_is_asked(community: Community) -> None:
    await community.says(ASKER, QUESTION)
    await community.after(hours=3)
    [first] = asked(community)
    person = COLLEAGUE if first == COLLEAGUE.account_id else THIRD
    await community.says(person, "すみません、学会前なのでしばらくお休みします。")
    await community.after(hours=6)  # in the evening there are active hours again
    assert sorted(asked(community)) == [COLLEAGUE.account_id, THIRD.account_id]
    assert [ask.passed for ask in (await list_questions(community.db))[0].asks] == [True, False]


async def test_an_invitation_that_was_not_sent_yet_is_not_sent(community: Community) -> None:
    await community.says(ASKER, QUESTION)
    for person in (COLLEAGUE, THIRD):
        await community.says(person, TO_ENGINE + "通知不要")
    await community.after(days=5)
    assert asked(community) == []


@pytest.mark.parametrize(
    "said",
    ["しばらくお休みします。", "うちは夏に1週間休みます。", "来週は休診です"],
    ids=str,
)
async def test_what_is_said_to_the_room_is_no_wish_to_the_engine(community: Community, said: str) -> None:
    await community.says(COLLEAGUE, said)
    await community.after(minutes=1)
    assert community.transcript == []
    member = await Members(community.db.commit(community.clock.now())).get(COLLEAGUE.account_id)
    assert member is not None
    assert member.paused_until == 0


async def test_a_holiday_told_as_an_answer_is_an_answer(community: Community) -> None:
    await community.says(ASKER, "夏休みは何日取りますか？")
    await community.after(hours=3)
    [first] = asked(community)
    person = COLLEAGUE if first == COLLEAGUE.account_id else THIRD
    await community.says(person, TO_ENGINE + "うちは1週間休みます。")
    await community.after(minutes=1)
    assert [question.state.value for question in await list_questions(community.db)] == ["answered"]
