"""Stories: with contacts the engine speaks in direct chats; what they answer there is heard."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from engine.members.store import Members
from engine.questions.store import list_questions
from engine.questions.texts import SHOWN
from tests.fakes import tokyo
from tests.stories.community import ADMIN, ASKER, BOARD, COLLEAGUE, ENGINE, THIRD, VENDOR_PERSON, Community

if TYPE_CHECKING:
    from pathlib import Path

    from redis.asyncio import Redis

    from engine.ports import Account

QUESTION = "紹介状の書き方を教えてください。"
OTHER = "受付の制服はどうされていますか？"
DIRECT = {102: 9102, 103: 9103, 101: 9101}


def in_direct_chats(community: Community) -> list[tuple[int, str]]:
    """Whom the engine wrote to privately, and what."""
    who = {room_id: account_id for account_id, room_id in DIRECT.items()}
    return [(who[posted.room_id], posted.body) for posted in community.chat.posted if posted.room_id in who]


async def asked_privately(community: Community) -> int:
    """A question is asked, and somebody invited in their direct chat; returns who."""
    community.chat.contacts = dict(DIRECT)
    await community.says(ASKER, QUESTION)
    await community.after(hours=2, minutes=1)
    [(account_id, _)] = in_direct_chats(community)
    return account_id


async def writes_privately(community: Community, account_id: int, body: str) -> None:
    """Somebody writes in their direct chat with the engine: no webhook tells of it."""
    community.clock.move(seconds=5)
    community.chat.put(DIRECT[account_id], account_id, body)
    await community.after(minutes=4)


async def test_a_contact_is_asked_in_the_direct_chat_and_nobody_else_reads_it(community: Community) -> None:
    account_id = await asked_privately(community)
    [(_, body)] = in_direct_chats(community)
    assert community.transcript == []
    assert re.match(r"(井上|上田)先生\n", body)
    assert "[To:" not in body
    assert "「パス」" in body
    assert account_id in (102, 103)


async def test_a_pass_said_there_is_heard_and_another_is_asked(community: Community) -> None:
    first = await asked_privately(community)
    await writes_privately(community, first, "パス")
    await community.after(minutes=1)
    assert [account_id for account_id, _ in in_direct_chats(community)] == [first, 205 - first]
    [question] = await list_questions(community.db)
    assert [ask.account_id for ask in question.asks if ask.passed] == [first]


async def test_a_wish_for_peace_said_there_is_kept_and_answered_there(community: Community) -> None:
    first = await asked_privately(community)
    await writes_privately(community, first, "すみません、しばらくお休みします。")
    bodies = [body for account_id, body in in_direct_chats(community) if account_id == first]
    assert "お声がけを控えます" in bodies[-1]
    assert community.transcript == []
    person = await Members(community.db.commit(community.clock.now())).get(first)
    assert person is not None
    assert person.paused_until > community.clock.now()


async def test_an_answer_said_there_is_not_carried_into_the_room_but_shown_the_way_once(community: Community) -> None:
    first = await asked_privately(community)
    await writes_privately(community, first, "うちは医師会の書式を使っています。")
    await writes_privately(community, first, "書式は毎年変わります。")
    bodies = [body for account_id, body in in_direct_chats(community) if account_id == first]
    assert len(bodies) == 2
    assert "質問された先生には届きません" in bodies[1]
    [question] = await list_questions(community.db)
    assert question.state.value == "open"
    assert f"#!rid{BOARD}-{question.message_id}" in bodies[1]
    assert community.transcript == []


@pytest.mark.parametrize("body", ["ありがとうございます！", "(bow)", "なるほど。"])
async def test_a_polite_word_there_is_left_alone(community: Community, body: str) -> None:
    first = await asked_privately(community)
    await writes_privately(community, first, body)
    assert len(in_direct_chats(community)) == 1


async def test_what_stood_there_before_is_history(community: Community) -> None:
    for account_id, room_id in DIRECT.items():
        community.chat.put(room_id, account_id, "パス")
    await asked_privately(community)
    await community.after(minutes=10)
    [question] = await list_questions(community.db)
    assert [ask.passed for ask in question.asks] == [False]


async def test_nothing_is_read_where_nobody_was_asked(community: Community) -> None:
    community.chat.contacts = dict(DIRECT)
    await community.after(hours=3)
    assert "heard: 0" in community.outcomes
    await writes_privately(community, 102, "通知不要")
    person = await Members(community.db.commit(community.clock.now())).get(102)
    assert person is None or person.paused_until == 0


async def test_a_room_that_is_nobodys_direct_chat_is_not_listened_to(community: Community) -> None:
    await asked_privately(community)
    await community.says(COLLEAGUE, "パス", room=777)
    [question] = await list_questions(community.db)
    assert [ask.passed for ask in question.asks] == [False]


async def test_of_who_became_a_contact_after_being_asked_in_the_room_old_words_are_not_heard(
    community: Community,
) -> None:
    await community.says(ASKER, QUESTION)
    await community.after(hours=2, minutes=1)
    [question] = await list_questions(community.db)
    [ask] = question.asks
    community.chat.contacts = dict(DIRECT)
    community.chat.put(DIRECT[ask.account_id], ask.account_id, "通知不要です")
    await community.after(minutes=10)
    person = await Members(community.db.commit(community.clock.now())).get(ask.account_id)
    assert person is not None
    assert person.paused_until == 0


async def test_a_pass_before_the_engines_next_word_is_heard(community: Community) -> None:
    first = await asked_privately(community)
    community.clock.move(seconds=5)
    community.chat.put(DIRECT[first], first, "パス")
    community.clock.move(seconds=5)
    community.chat.put(DIRECT[first], ENGINE.account_id, "承知しました。")
    await community.after(minutes=4)
    [question] = await list_questions(community.db)
    assert [ask.account_id for ask in question.asks if ask.passed] == [first]


# -- giving back ------------------------------------------------------------------------------------------------------


def shown(community: Community) -> list[tuple[int, str]]:
    return [(account_id, body) for account_id, body in in_direct_chats(community) if SHOWN in body]


async def solved(community: Community) -> None:
    """The asker's question is answered and they thank, while a colleague's waits."""
    community.clock.at = tokyo("2026-11-24 12:40")
    question = await community.says(ASKER, QUESTION)
    await community.says(COLLEAGUE, OTHER)
    await community.replies(THIRD, question, "こう書いています。")
    await community.replies(ASKER, question, "ありがとうございます、解決しました！")


async def test_whose_question_was_solved_is_shown_one_that_waits(community: Community) -> None:
    community.chat.contacts = {ASKER.account_id: DIRECT[101]}
    await solved(community)
    await community.after(hours=1, minutes=5)
    [(account_id, body)] = shown(community)
    assert account_id == ASKER.account_id
    assert body.startswith("青木先生\n")
    assert OTHER in body
    await community.after(days=3)
    asked = [body for body in community.transcript if f"[To:{ASKER.account_id}]" in body]
    assert asked == [], "who was shown a question is not asked about it as well"


async def test_without_a_direct_chat_nothing_is_shown(community: Community) -> None:
    await solved(community)
    await community.after(hours=1, minutes=30)
    assert community.transcript == []
    assert "ignored: no direct chat" in community.outcomes


async def test_it_is_once_a_week(community: Community) -> None:
    community.chat.contacts = {ASKER.account_id: DIRECT[101]}
    await solved(community)
    await community.after(hours=2)
    question = await community.says(ASKER, "駐車場は何台分ありますか？")
    await community.replies(THIRD, question, "10台です。")
    await community.replies(ASKER, question, "ありがとうございます、解決しました！")
    await community.says(THIRD, "看板の高さはどのくらいですか？")
    await community.after(days=2)
    assert len(shown(community)) == 1


async def test_who_rests_is_shown_nothing(community: Community) -> None:
    community.chat.contacts = {ASKER.account_id: DIRECT[101]}
    await solved(community)
    await community.says(ASKER, "[To:900]案内係さん\n通知不要です")
    await community.after(hours=4)
    assert shown(community) == []


async def test_where_nothing_waits_nothing_is_shown(community: Community) -> None:
    community.chat.contacts = {ASKER.account_id: DIRECT[101]}
    question = await community.says(ASKER, QUESTION)
    await community.replies(THIRD, question, "こう書いています。")
    await community.replies(ASKER, question, "ありがとうございます、解決しました！")
    await community.after(hours=4)
    assert shown(community) == []


async def test_what_was_answered_meanwhile_is_not_shown(community: Community) -> None:
    community.chat.contacts = {ASKER.account_id: DIRECT[101]}
    community.clock.at = tokyo("2026-11-24 12:40")
    question = await community.says(ASKER, QUESTION)
    other = await community.says(COLLEAGUE, OTHER)
    await community.replies(THIRD, question, "こう書いています。")
    await community.replies(ASKER, question, "ありがとうございます、解決しました！")
    await community.replies(THIRD, other, "うちは白衣です。")
    await community.after(hours=4)
    assert shown(community) == []


@pytest.mark.parametrize("who", [ADMIN, VENDOR_PERSON], ids=lambda who: who.name)
async def test_staff_are_shown_nothing(community: Community, who: Account) -> None:
    community.chat.contacts = {who.account_id: DIRECT[101]}
    question = await community.says(who, QUESTION)
    await community.says(COLLEAGUE, OTHER)
    await community.replies(THIRD, question, "こう書いています。")
    await community.replies(who, question, "ありがとうございます、解決しました！")
    await community.after(hours=4)
    assert shown(community) == []


async def test_where_nobody_is_ever_asked_nothing_is_shown_and_nothing_spins(redis: Redis, tmp_path: Path) -> None:
    """A calendar without an active hour."""
    hours = {"weekday": [], "weekend": [], "holidays": "none"}
    async with Community.opened(redis, tmp_path, active_hours=hours) as community:
        community.chat.contacts = {ASKER.account_id: DIRECT[101]}
        await solved(community)
        await community.after(hours=2)
        assert shown(community) == []
        assert "ignored: the calendar has no active hours" in community.outcomes
