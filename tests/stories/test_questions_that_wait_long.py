"""Stories: a question that nobody answers is not forgotten, and nobody is shamed for it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from engine.outbox import set_brake
from engine.questions.store import list_questions
from engine.questions.texts import ROOM_LINE, room_line
from tests.fakes import tokyo
from tests.stories.community import ADMIN_ROOM, ASKER, BOARD, COLLEAGUE, ENGINE, THIRD, Community, Said

if TYPE_CHECKING:
    from pathlib import Path

    from redis.asyncio import Redis

QUESTION = "紹介状の書き方を教えてください。"
OTHER = "受付の制服はどうされていますか？"
NOON = tokyo("2026-11-24 13:00")


def lines(community: Community) -> list[str]:
    """The daily lines on the board."""
    return [body for body in community.transcript if body.startswith(ROOM_LINE)]


def words(community: Community) -> list[str]:
    """What the admins were told of questions."""
    return [body for body in community.admin_transcript if "お返事のないまま" in body]


async def through(community: Community, *, hours: float) -> None:
    """Time passes with the worker's rounds on the way."""
    for _ in range(int(hours * 4)):
        await community.after(minutes=15)


async def test_after_a_day_the_room_reads_all_waiting_questions_in_one_line(community: Community) -> None:
    community.clock.at = NOON
    first = await community.says(ASKER, QUESTION)
    second = await community.says(COLLEAGUE, OTHER)
    await through(community, hours=23)
    assert lines(community) == []
    await through(community, hours=2)
    [line] = lines(community)
    assert f"「{QUESTION}」" in line
    assert f"「{OTHER}」" in line
    for question in (first, second):
        assert f"https://www.chatwork.com/#!rid{BOARD}-{question.message_id}" in line


async def test_the_line_names_nobody(community: Community) -> None:
    community.clock.at = NOON
    await community.says(ASKER, f"[To:{COLLEAGUE.account_id}]井上先生\n{QUESTION}")
    await through(community, hours=26)
    [line] = lines(community)
    assert "[" not in line
    assert all(person.name not in line for person in (ASKER, COLLEAGUE, THIRD))


async def test_there_is_one_line_a_day_as_long_as_something_waits(community: Community) -> None:
    community.clock.at = NOON
    question = await community.says(ASKER, QUESTION)
    await through(community, hours=3 * 24 + 3)
    assert len(lines(community)) == 3
    await community.replies(COLLEAGUE, question, "こう書いています。")
    await through(community, hours=48)
    assert len(lines(community)) == 3


@pytest.mark.parametrize("ending", ["answered", "withdrawn", "thanked"])
async def test_what_no_longer_waits_is_not_in_it(community: Community, ending: str) -> None:
    community.clock.at = NOON
    question = await community.says(ASKER, QUESTION)
    await community.says(COLLEAGUE, OTHER)
    if ending == "answered":
        await community.replies(THIRD, question, "こう書いています。")
    elif ending == "withdrawn":
        await community.edits(question, f"{QUESTION} #質問ではない")
    else:
        await community.says(ASKER, "解決しました。ありがとうございます。")
    await through(community, hours=26)
    [line] = lines(community)
    assert QUESTION not in line
    assert OTHER in line


async def test_a_younger_question_is_not_in_it(community: Community) -> None:
    community.clock.at = NOON
    await community.says(ASKER, QUESTION)
    await through(community, hours=12)
    await community.says(COLLEAGUE, OTHER)
    await through(community, hours=13)
    [line] = lines(community)
    assert OTHER not in line


async def test_the_night_is_quiet(community: Community) -> None:
    community.clock.at = tokyo("2026-11-24 22:40")
    await community.says(ASKER, QUESTION)
    await through(community, hours=24 + 13.5)
    assert lines(community) == []
    await through(community, hours=1)
    assert len(lines(community)) == 1


async def test_of_many_the_line_quotes_ten_and_tells_the_number_of_the_rest(community: Community) -> None:
    community.clock.at = NOON
    for number in range(12):
        await community.says(ASKER, f"{number}番の書類はどこに出しますか？")
    await through(community, hours=26)
    [line] = lines(community)
    assert line.count("https://") == 10
    assert "0番の書類" in line
    assert line.endswith("ほかに2件、お待ちのご質問があります。")


async def test_what_changed_before_it_was_sent_is_said_as_it_is(community: Community) -> None:
    """The brake holds a line back; meanwhile one of its questions is answered."""
    community.clock.at = NOON
    question = await community.says(ASKER, QUESTION)
    await community.says(COLLEAGUE, OTHER)
    await through(community, hours=23.75)
    await _brake(community, pull=True)
    await through(community, hours=0.5)
    assert lines(community) == []
    await community.replies(THIRD, question, "こう書いています。")
    await _brake(community, pull=False)
    await through(community, hours=1)
    [line] = lines(community)
    assert QUESTION not in line
    assert OTHER in line
    await through(community, hours=8)
    assert len(lines(community)) == 1


async def _brake(community: Community, *, pull: bool) -> None:
    commit = community.db.commit(community.clock.now())
    await set_brake(commit, pull=pull, by="test")
    await community.db.apply(commit)


async def test_a_question_under_moderation_is_not_shown(community: Community) -> None:
    community.clock.at = NOON
    await community.says(ASKER, f"そんなことも知らないで開業するんですか？研修医でも知ってますよ。{QUESTION}")
    await community.says(COLLEAGUE, OTHER)
    assert len(await list_questions(community.db)) == len(community.admin_transcript) + 1 == 2
    await through(community, hours=26)
    [line] = lines(community)
    assert OTHER in line
    assert QUESTION not in line


async def test_a_line_that_stands_in_the_room_is_the_line_of_the_day(community: Community) -> None:
    """After a restore, the day's line may have been said by the community that was lost."""
    community.clock.at = NOON
    await community.says(ASKER, QUESTION)
    await through(community, hours=23.75)
    body = room_line(BOARD, [("1", "別のご質問")])
    message_id = community.chat.put(BOARD, ENGINE.account_id, body)
    await community.hears(Said(message_id, BOARD, ENGINE), body)
    await through(community, hours=10)
    assert lines(community) == []
    await through(community, hours=15)
    assert len(lines(community)) == 1


async def test_after_two_days_the_admins_hear_of_each_question_once(community: Community) -> None:
    community.clock.at = NOON
    question = await community.says(ASKER, QUESTION)
    await through(community, hours=47)
    assert words(community) == []
    await through(community, hours=2)
    [word] = words(community)
    assert "2日" in word
    assert "2名の先生" in word
    assert f"rid{BOARD}-{question.message_id}" in word
    assert "なぜ q1" in word
    await through(community, hours=72)
    assert len(words(community)) == 1


async def test_the_admins_do_not_hear_of_what_was_answered(community: Community) -> None:
    community.clock.at = NOON
    question = await community.says(ASKER, QUESTION)
    await through(community, hours=40)
    await community.replies(COLLEAGUE, question, "こう書いています。")
    await through(community, hours=40)
    assert words(community) == []


async def test_nobody_who_could_be_asked_is_said_so(redis: Redis, tmp_path: Path) -> None:
    async with Community.opened(redis, tmp_path) as community:
        community.clock.at = NOON
        community.chat.rosters[BOARD] = [ASKER, ENGINE]
        await community.after(minutes=6)
        await community.says(ASKER, QUESTION)
        await through(community, hours=50)
        [word] = words(community)
        assert re.search("お声がけできる先生が見つかっていません", word)
        assert [posted.room_id for posted in community.chat.posted if "お返事のないまま" in posted.body] == [ADMIN_ROOM]
