"""Stories: when somebody is first asked. A newcomer's first question does not wait; others as long as was learnt."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from engine.clock import DAY, MINUTE
from engine.ports import Account
from engine.questions.patience import ENOUGH, goes_on_watching
from engine.questions.store import list_questions
from tests.fakes import tokyo
from tests.stories.community import ADMIN, ADMIN_ROOM, ASKER, BOARD, COLLEAGUE, THIRD, Community

if TYPE_CHECKING:
    from engine.questions.store import Question

QUESTION = "紹介状の書き方を教えてください。"
NEWCOMER = Account(555, "新井", "member")


async def latest(community: Community) -> Question:
    return (await list_questions(community.db))[-1]


async def test_a_newcomers_first_question_is_brought_to_somebody_at_once(community: Community) -> None:
    await community.joins(NEWCOMER)
    await community.says(NEWCOMER, "はじめまして、眼科の新井です。よろしくお願いします。")
    await community.says(NEWCOMER, QUESTION)
    await community.after(minutes=1)
    [invitation] = community.invitations
    assert QUESTION in invitation
    await community.says(ADMIN, "なぜ q1", room=ADMIN_ROOM)
    assert "参加されて最初のご質問のため" in community.admin_transcript[-1]


async def test_at_night_it_waits_for_the_day_all_the_same(community: Community) -> None:
    await community.joins(NEWCOMER)
    community.clock.at = tokyo("2026-11-24 23:30")
    await community.says(NEWCOMER, QUESTION)
    await community.after(hours=12)
    assert community.transcript == []
    await community.after(hours=1, minutes=1)
    assert len(community.invitations) == 1


async def test_their_second_question_waits_like_everybodys(community: Community) -> None:
    await community.joins(NEWCOMER)
    first = await community.says(NEWCOMER, QUESTION)
    await community.replies(COLLEAGUE, first, "こう書いています。")
    await community.says(NEWCOMER, "受付の制服はどうされていますか？")
    await community.after(minutes=61)
    assert (await latest(community)).first_after is None
    assert len(community.invitations) <= 1


@pytest.mark.parametrize("days", [31, 400])
async def test_who_has_been_here_for_long_is_no_newcomer(community: Community, days: int) -> None:
    await community.joins(NEWCOMER)
    community.clock.move(days=days)
    await community.says(NEWCOMER, QUESTION)
    assert (await latest(community)).first_after is None


async def test_who_was_here_before_the_engine_is_no_newcomer(community: Community) -> None:
    await community.says(ASKER, QUESTION)
    await community.after(minutes=61)
    assert community.transcript == []


async def many_answered(community: Community, count: int, *, after_minutes: float) -> None:
    """Questions of the last days, each answered by a colleague so long afterwards."""
    for number in range(count):
        question = await community.says(ASKER, f"{number}番の書類はどこに出しますか？")
        community.clock.move(minutes=after_minutes)
        await community.replies(COLLEAGUE, question, "厚生局です。")


async def test_where_answers_come_within_minutes_or_never_somebody_is_asked_soon(community: Community) -> None:
    """And `questions why` says so."""
    await many_answered(community, ENOUGH, after_minutes=0.1)
    community.clock.at = tokyo("2026-11-26 12:30")
    await community.runtimes["nudge"].run_job("learn_patience", "")
    question = await community.says(THIRD, QUESTION)
    while goes_on_watching((await latest(community)).id):
        await community.edits(question, f"{QUESTION} #質問ではない")
        question = await community.says(THIRD, QUESTION)
    assert (await latest(community)).first_after == 20 * MINUTE
    await community.after(minutes=19)
    assert community.invitations == []
    await community.after(minutes=2)
    assert len(community.invitations) == 1
    await community.says(ADMIN, f"なぜ {(await latest(community)).id}", room=ADMIN_ROOM)
    assert "自然にはご返信がつきにくい頃合い" in community.admin_transcript[-1]


async def test_with_few_questions_the_settings_hold(community: Community) -> None:
    await many_answered(community, 5, after_minutes=0.1)
    await community.after(days=1)
    await community.runtimes["nudge"].run_job("learn_patience", "")
    await community.says(THIRD, QUESTION)
    assert (await latest(community)).first_after is None


async def test_what_is_older_than_four_weeks_teaches_nothing(community: Community) -> None:
    await many_answered(community, ENOUGH, after_minutes=0.1)
    community.clock.move(seconds=29 * DAY)
    await community.runtimes["nudge"].run_job("learn_patience", "")
    await community.says(THIRD, QUESTION)
    assert (await latest(community)).first_after is None
    assert {said.room_id for said in community.chat.posted} <= {BOARD, ADMIN_ROOM}
