"""Stories: what comes late, twice or after it was forgotten changes nothing that it should not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.errors import Transient
from engine.events import (
    AskPassed,
    MemberAsked,
    MemberJoined,
    QuestionAnswered,
    ReferralJoined,
    ReferralReceived,
    envelope,
)
from engine.members.store import Invited, Members
from engine.questions.store import Questions, list_questions
from engine.stream import Consumer, Publisher
from tests.stories.community import ADMIN_ROOM, ASKER, BOARD, COLLEAGUE, THIRD, Community
from tests.stories.test_questions_are_answered import QUESTION, asked, states

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import pytest
    from redis.asyncio import Redis

    from engine.commit import R
    from engine.events import AnyEvent
    from engine.members.rules import Tally
    from engine.questions.store import Message


async def happens(community: Community, *events: AnyEvent) -> None:
    """Events of the engine's own reach the stream, in this order."""
    now = community.clock.now()
    await Publisher(community.db, community.clock).publish_all([envelope(event, now=now) for event in events])
    await community.settle()


async def forgets(community: Community, *key: str | int) -> None:
    await community.db.redis.delete(community.db.keys(*key))


async def tally(community: Community) -> Tally:
    return await Members(community.db.commit(community.clock.now())).tally(COLLEAGUE.account_id)


# -- questions --------------------------------------------------------------------------------------------------------


async def test_two_edits_that_arrive_in_the_wrong_order_leave_the_newer_text(community: Community) -> None:
    said = await community.says(ASKER, QUESTION)
    now = int(community.clock.now())
    await community.delivers("message_updated", said, "解決しました。", update_time=now + 20)
    await community.delivers("message_updated", said, QUESTION, update_time=now + 10)
    await community.settle()
    assert await states(community) == ["withdrawn"]


async def test_two_questions_due_at_once_do_not_invite_the_same_person_on_one_day(
    community: Community, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Active hours begin for every waiting question in the same second, and jobs run side by side."""
    community.chat.rosters[BOARD].remove(THIRD)
    await community.after(minutes=6)  # the member lists are looked at again: only the colleague is left to ask
    await community.says(ASKER, QUESTION)
    await community.says(ASKER, QUESTION)
    nudge, read_many = community.runtimes["nudge"], community.db.read_many

    async def other_first(keys: Sequence[str], model: type[R]) -> list[R | None]:
        found = await read_many(keys, model)
        if model is Invited:
            monkeypatch.undo()
            assert await nudge.run_job("ask", "q2") == f"asked: {COLLEAGUE.account_id}"
        return found

    monkeypatch.setattr(community.db, "read_many", other_first)
    assert await nudge.run_job("ask", "q1") == "skipped: nobody free"
    await community.settle()
    assert [COLLEAGUE.name in posted for posted in community.transcript] == [True]


async def test_an_invitation_that_arrived_after_all_leaves_no_count_of_its_tries(community: Community) -> None:
    await community.says(ASKER, QUESTION)
    community.chat.after = [Transient("reset", maybe_done=True)]
    community.chat.unreadable[BOARD] = Transient("HTTP 503")
    await community.after(hours=2, minutes=1)
    tries = community.db.keys("tries", "nudge")
    assert await community.db.redis.hlen(tries) == 1  # type: ignore[misc]  # redis-py types both of its clients at once
    del community.chat.unreadable[BOARD]
    await community.after(minutes=15)
    assert len(community.transcript) == 1
    assert await community.db.redis.hlen(tries) == 0  # type: ignore[misc]  # as above


async def test_a_question_whose_text_has_expired_is_asked_of_nobody(community: Community) -> None:
    question = await community.says(ASKER, QUESTION)
    await forgets(community, "message", BOARD, question.message_id)
    await community.after(hours=12)
    assert community.transcript == []
    assert await states(community) == ["open"]


async def test_an_invitation_for_a_question_that_is_gone_is_dropped(community: Community) -> None:
    await community.says(ASKER, QUESTION)
    community.clock.move(hours=2, seconds=1)
    assert (await community.runtimes["nudge"].run_job("ask", "q1")).startswith("asked")
    await forgets(community, "question", "q1")
    await community.settle()
    assert community.transcript == []
    assert "dropped: forgotten" in community.outcomes


async def test_a_wave_for_an_answered_question_asks_nobody(community: Community) -> None:
    question = await community.says(ASKER, QUESTION)
    await community.replies(COLLEAGUE, question, "こう書いています。")
    outcome = await community.runtimes["nudge"].run_job("ask", "q1")
    assert outcome == "ignored: needs no invitation any more"
    assert asked(community) == []


async def test_a_question_that_becomes_a_case_before_the_invitation_leaves_is_passed_on_to_nobody(
    community: Community,
) -> None:
    said = await community.says(ASKER, QUESTION)
    community.clock.move(hours=2, seconds=1)
    assert (await community.runtimes["nudge"].run_job("ask", "q1")).startswith("asked")
    community.silent = {"nudge"}
    await community.edits(said, "紹介状の書き方も知らない素人は黙っていてください。教えてほしいですか？")
    assert len(community.admin_transcript) == 1
    community.silent = set()
    await community.after(hours=6)
    assert community.transcript == []


async def test_a_calendar_without_active_hours_asks_nobody(redis: Redis, tmp_path: Path) -> None:
    always_quiet = {"weekday": [], "weekend": [], "holidays": "none"}
    async with Community.opened(redis, tmp_path, active_hours=always_quiet) as community:
        await community.says(ASKER, QUESTION)
        await community.after(days=3)
        assert await community.runtimes["nudge"].run_job("ask", "q1") == "ignored: the calendar has no active hours"
        assert community.transcript == []
        assert [question.state.value for question in await list_questions(community.db)] == ["open"]


async def test_a_question_and_its_answer_handled_at_the_same_moment_by_two_replicas_find_each_other(
    community: Community, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each reads what the other writes, so whoever commits second runs again."""
    question = community.writes(ASKER, QUESTION)
    tag = f"[rp aid={ASKER.account_id} to={BOARD}-{question.message_id}]青木さん"
    answer = community.writes(COLLEAGUE, f"{tag}\nこう書いています。")
    await community.delivers("message_created", question, QUESTION, update_time=0)
    await community.delivers("message_created", answer, f"{tag}\nこう書いています。", update_time=0)
    nudge = community.runtimes["nudge"]
    first, second = await Consumer(community.db, "nudge", "story").read(10, None)
    replies = Questions.replies

    async def meanwhile(self: Questions, room_id: int, message_id: str) -> list[tuple[str, Message]]:
        found = await replies(self, room_id, message_id)
        monkeypatch.setattr(Questions, "replies", replies)
        community.outcomes.append(await nudge.handle(second))
        return found

    monkeypatch.setattr(Questions, "replies", meanwhile)
    community.outcomes.append(await nudge.handle(first))
    await community.settle()
    assert await states(community) == ["answered"]


# -- scores -----------------------------------------------------------------------------------------------------------

ASKED = MemberAsked(question_id="q1", account_id=COLLEAGUE.account_id)
PASSED = AskPassed(question_id="q1", account_id=COLLEAGUE.account_id, passed_at=1_795_000_000)
ANSWERED = QuestionAnswered(
    question_id="q1", message_id="11", account_id=COLLEAGUE.account_id, was_asked=True, answered_at=1_795_000_000
)


async def test_an_answer_that_is_told_before_its_invitation_is_one_opportunity_taken(community: Community) -> None:
    await happens(community, ANSWERED, ASKED)
    counted = await tally(community)
    assert (counted.asks, counted.responses, counted.answers) == (1, 1, 1)


async def test_a_pass_that_is_told_before_its_invitation_is_no_opportunity(community: Community) -> None:
    await happens(community, PASSED, ASKED)
    assert (await tally(community)).asks == 0


async def test_who_answers_after_all_passed_first_is_not_asked_back_for_it(community: Community) -> None:
    await happens(community, ASKED, ANSWERED, PASSED)
    counted = await tally(community)
    assert (counted.asks, counted.responses) == (1, 1)


async def test_who_passed_and_answers_all_the_same_has_given(community: Community) -> None:
    await happens(community, ASKED, PASSED, ANSWERED)
    counted = await tally(community)
    assert (counted.asks, counted.responses, counted.answers) == (0, 0, 1)


# -- referrals --------------------------------------------------------------------------------------------------------


async def test_steps_of_a_referral_that_is_gone_are_told_to_nobody(community: Community) -> None:
    told = len(community.inbox.received)
    await happens(
        community,
        ReferralReceived(referral_id="rf_gone", vendor_id="v_gone"),
        ReferralJoined(referral_id="rf_gone", account_id=THIRD.account_id, joined_at=1_795_000_000),
    )
    assert len(community.inbox.received) == told
    assert community.outcomes[-1] == "not for us" or "ignored: forgotten" in community.outcomes


async def test_joining_the_admins_room_is_no_joining_of_the_community(community: Community) -> None:
    await happens(
        community, MemberJoined(room_id=ADMIN_ROOM, account_id=THIRD.account_id, seen_at=int(community.clock.now()))
    )
    assert "ignored: not a board" in community.outcomes


async def test_a_third_message_of_a_referred_doctor_is_told_to_nobody(community: Community) -> None:
    created, _ = await community.refers()
    community.clock.move(minutes=1)
    newcomer = THIRD
    community.chat.rosters[BOARD].remove(THIRD)
    await community.after(minutes=6)
    await community.joins(newcomer)
    for words in (f"はじめまして。{created['code']}", "よろしくお願いします。", "駐車場は何台分ありますか？"):
        await community.says(newcomer, words)
    assert community.inbox.steps == ["referral.received", "referral.joined", "referral.first_post"]
