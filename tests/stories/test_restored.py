"""Stories: the database is gone, a copy of this morning comes back. Nothing is forgotten, nothing is said twice."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from engine.backups.file import Reader
from engine.backups.store import Community as Copies
from engine.clock import HOUR, Epoch
from engine.members.store import Members
from engine.moderation.store import list_cases
from engine.ports import Account
from engine.questions.store import list_questions
from engine.questions.texts import is_room_line
from engine.referrals.store import list_referrals
from engine.stream import Consumer
from tests.fakes import tokyo
from tests.stories.community import ADMIN, ADMIN_ROOM, ASKER, BOARD, COLLEAGUE, ENGINE, THIRD, Community, Said
from tests.stories.test_questions_are_answered import QUESTION, asked, states

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from redis.asyncio import Redis

    from engine.backups.file import Sealed

pytestmark = pytest.mark.redis

NEWCOMER = Account(555, "新井", "member")
PUT_DOWN = "そんなことも知らないで開業するんですか？研修医でも知ってますよ。"
SNEER = "そんなことも覚えられないのに、よく開業できましたね。"
ANOTHER = "往診の距離はどう決めていますか？"


@pytest.fixture
async def community(real_redis: Redis, tmp_path: Path) -> AsyncIterator[Community]:
    """As in the other stories, on a real server, because only that can be copied."""
    async with Community.opened(real_redis, tmp_path) as opened:
        yield opened


async def copied(community: Community, folder: Path) -> Sealed:
    await community.after(minutes=1)
    return await Copies(community.db).copy(folder / "this morning.backup", community.clock.now())


async def restored(community: Community, made: Sealed, *, settled: bool = True) -> None:
    """The database lost everything; somebody, after a while, puts the copy back and starts the engine."""
    await community.db.redis.flushall()
    community.clock.move(minutes=5)
    with Reader(made.path) as copy:
        await Copies(community.db).put_back(copy, community.clock.now(), [BOARD, ADMIN_ROOM], replace=False)
    community.clock.move(seconds=10)
    if settled:
        await community.after(minutes=3)


async def known(community: Community) -> list[object]:
    """What the engine knows of questions, cases, referrals and people; numbers and words, not moments."""
    commit = community.db.commit(community.clock.now())
    tallies = [await Members(commit).tally(who.account_id) for who in (ASKER, COLLEAGUE, THIRD, ADMIN)]
    return [
        [
            (q.id, q.message_id, q.state, [answer.message_id for answer in q.answers], [a.account_id for a in q.asks])
            for q in await list_questions(community.db)
        ],
        [(c.id, c.message_id, c.state, c.category) for c in await list_cases(community.db)],
        [(r.id, r.state, r.account_id, r.intents) for r in await list_referrals(community.db)],
        [(round(t.asks, 1), round(t.responses, 1), round(t.answers, 1), round(t.thanks, 1)) for t in tallies],
    ]  # fmt: skip


async def invited(community: Community, question: Said) -> Account:
    """Wait for the first invitation; gives who was asked."""
    before = len(community.transcript)
    await community.after(hours=2, minutes=5)
    assert len(community.transcript) == before + 1
    return COLLEAGUE if asked(community)[-1] == COLLEAGUE.account_id else THIRD


async def test_a_day_is_lived_through_again_without_a_word(community: Community, tmp_path: Path) -> None:
    """Asked, answered, thanked, a case, a referral: all known again, and nothing in any room is there twice."""
    created, _ = await community.refers()
    question = await community.says(ASKER, QUESTION)
    made = await copied(community, tmp_path)
    helper = await invited(community, question)
    await community.replies(helper, question, "こう書いています。")
    await community.says(ASKER, "ありがとうございました、解決しました。")
    await community.says(COLLEAGUE, PUT_DOWN)
    await community.says(THIRD, ANOTHER)
    await community.joins(NEWCOMER)
    await community.says(NEWCOMER, f"はじめまして。紹介コード: {created['code']} です。")
    before, said, told = await known(community), list(community.chat.posted), list(community.inbox.steps)
    await restored(community, made)
    assert await known(community) == before
    [news] = community.chat.posted[len(said) :]
    assert news.body.startswith("運営の皆さまへ: システムの記録を11月24日12時31分の時点に戻し")
    assert set(community.inbox.steps) == set(told)
    ids = [headers["webhook-id"] for headers in community.inbox.attempts]
    assert len(set(ids)) == len(told), "a repeat carries the id that the vendor knows"
    await community.after(minutes=30)
    assert len(community.chat.posted) == len(said) + 1


async def test_the_second_wave_asks_somebody_else_and_not_sooner(community: Community, tmp_path: Path) -> None:
    question = await community.says(ASKER, QUESTION)
    made = await copied(community, tmp_path)
    first = await invited(community, question)
    await restored(community, made)
    assert asked(community) == [first.account_id]
    await community.after(days=3)
    assert sorted(asked(community)) == [COLLEAGUE.account_id, THIRD.account_id]


async def test_what_was_on_its_way_then_and_has_arrived_since_is_found(community: Community, tmp_path: Path) -> None:
    """The copy shows an invitation that waits for the morning; the room shows it."""
    community.clock.at = tokyo("2026-11-24 20:15")
    await community.says(ASKER, QUESTION)
    await community.says(THIRD, ANOTHER)
    await until_decided(community)
    made = await Copies(community.db).copy(tmp_path / "this evening.backup", community.clock.now())
    await community.after(hours=16)
    before, said = await known(community), list(community.transcript)
    assert len(said) == 2
    await restored(community, made)
    assert (await known(community), community.transcript) == (before, said)


async def until_decided(community: Community) -> None:
    """The first waves are due when the room has read an invitation just now, so the second waits."""
    community.clock.at = Epoch(community.clock.now() + 2 * HOUR)
    await community.settle()
    intents = [key async for key in community.db.redis.scan_iter(match=community.db.keys("intent", "ask-*"))]
    assert len(intents) == 2
    assert len(community.transcript) == 1


async def test_an_answer_to_the_invitation_itself_counts(community: Community, tmp_path: Path) -> None:
    """It names only the engine: that its author was asked, the room tells before it tells the answer."""
    question = await community.says(ASKER, QUESTION)
    made = await copied(community, tmp_path)
    helper = await invited(community, question)
    invitation = Said(community.chat.posted[-1].message_id, BOARD, ENGINE)
    await community.replies(helper, invitation, "こう書いています。")
    before = await known(community)
    await restored(community, made)
    assert await known(community) == before
    assert await states(community) == ["answered"]


async def test_a_pass_of_the_lost_time_counts_and_asks_the_next_only_once(community: Community, tmp_path: Path) -> None:
    question = await community.says(ASKER, QUESTION)
    made = await copied(community, tmp_path)
    helper = await invited(community, question)
    await community.says(helper, "パス")
    await community.after(minutes=3)
    before = asked(community)
    await restored(community, made)
    await community.after(minutes=30)
    assert asked(community) == before


async def test_nothing_is_said_in_a_room_that_was_not_read_again(community: Community, tmp_path: Path) -> None:
    """A question was answered while the engine knew of nothing: whoever speaks first would ask for it."""
    question = await community.says(ASKER, QUESTION)
    made = await copied(community, tmp_path)
    community.silent = {"nudge", "keeper", "score", "referral", "moderation"}
    await community.after(hours=2, minutes=5)
    tag = f"[rp aid={ASKER.account_id} to={BOARD}-{question.message_id}]青木さん"
    community.writes(COLLEAGUE, f"{tag}\nこう書いています。")
    community.clock.move(minutes=1)
    await restored(community, made, settled=False)
    community.silent = {"keeper"}
    await community.after(minutes=10)
    assert community.transcript == []
    assert "later: first the room is read again" in community.outcomes
    community.silent = set()
    await community.after(minutes=3)
    assert (await states(community), community.transcript) == (["answered"], [])


async def test_what_was_not_sent_then_waits_until_its_room_was_read_again(community: Community, tmp_path: Path) -> None:
    """The copy holds an invitation that never went out; the answer came while nothing ran."""
    community.clock.at = tokyo("2026-11-24 20:15")
    await community.says(THIRD, ANOTHER)
    question = await community.says(ASKER, QUESTION)
    await until_decided(community)
    made = await Copies(community.db).copy(tmp_path / "this evening.backup", community.clock.now())
    said = list(community.transcript)
    waiting = question if question.message_id not in said[0] else Said(str(int(question.message_id) - 1), BOARD, THIRD)
    tag = f"[rp aid={waiting.author.account_id} to={BOARD}-{waiting.message_id}]先生"
    community.writes(COLLEAGUE, f"{tag}\nこう書いています。")
    community.clock.move(minutes=2)
    await restored(community, made, settled=False)
    community.silent = {"keeper"}
    await community.after(minutes=3)
    community.silent = set()
    await community.after(minutes=3)
    assert community.transcript == said


async def test_a_verdict_of_the_lost_time_on_a_case_of_the_copy_counts_once(
    community: Community, tmp_path: Path
) -> None:
    await community.says(COLLEAGUE, PUT_DOWN)
    made = await copied(community, tmp_path)
    await community.says(ADMIN, "承認 c1", room=ADMIN_ROOM)
    await community.after(hours=3)
    before, said = await known(community), len(community.chat.posted)
    await restored(community, made)
    assert await known(community) == before
    assert len(community.chat.posted) == said + 1, "only the news of the restore"


async def test_a_case_keeps_the_number_on_its_card_though_the_one_before_is_gone(
    community: Community, tmp_path: Path
) -> None:
    """Else 「承認 c1」, said of a message that is deleted since, would warn somebody else."""
    made = await copied(community, tmp_path)
    gone = await community.says(COLLEAGUE, PUT_DOWN)
    await community.says(THIRD, SNEER)
    await community.says(ADMIN, "承認 c1", room=ADMIN_ROOM)
    community.deletes(gone)
    said = len(community.chat.posted)
    await restored(community, made)
    [case] = await list_cases(community.db)
    assert (case.id, case.account_id, case.state) == ("c2", THIRD.account_id, "open")
    assert len(community.chat.posted) == said + 1, "only the news of the restore"
    await community.says(COLLEAGUE, PUT_DOWN)
    assert [case.id for case in await list_cases(community.db)] == ["c2", "c3"]


async def test_a_verdict_of_the_lost_time_on_a_case_of_the_lost_time_counts_once(
    community: Community, tmp_path: Path
) -> None:
    made = await copied(community, tmp_path)
    await community.says(COLLEAGUE, PUT_DOWN)
    await community.says(THIRD, SNEER)
    await community.says(ADMIN, "承認 c2", room=ADMIN_ROOM)
    await community.says(ADMIN, "却下 c1", room=ADMIN_ROOM)
    before, said = await known(community), len(community.chat.posted)
    await restored(community, made)
    assert await known(community) == before
    assert len(community.chat.posted) == said + 1, "only the news of the restore"


async def test_a_verdict_whose_card_nobody_can_see_any_more_is_not_carried_out(
    community: Community, tmp_path: Path
) -> None:
    """The number may be another case's by now; an admin says it again."""
    made = await copied(community, tmp_path)
    await community.says(COLLEAGUE, PUT_DOWN)
    for number in range(98):
        community.writes(ADMIN, f"了解です。{number}", room=ADMIN_ROOM)
    await community.says(ADMIN, "承認 c1", room=ADMIN_ROOM)
    await restored(community, made)
    assert [case.state for case in await list_cases(community.db)] == ["open"]


async def test_a_new_brake_is_answered_although_an_older_answer_reads_the_same(
    community: Community, tmp_path: Path
) -> None:
    made = await copied(community, tmp_path)
    for word in ("停止", "再開"):
        await community.says(ADMIN, word, room=ADMIN_ROOM)
    await community.after(hours=2)
    await restored(community, made)
    said = len(community.admin_transcript)
    await community.says(ADMIN, "停止", room=ADMIN_ROOM)
    assert len(community.admin_transcript) == said + 1


async def test_what_is_new_after_a_restore_is_posted_also_in_a_busy_room(community: Community, tmp_path: Path) -> None:
    """Over a hundred messages hide the lost time: that keeps back only what was to be sent before."""
    made = await copied(community, tmp_path)
    await community.after(hours=1)
    await restored(community, made)
    for number in range(120):
        community.writes(THIRD, f"本日の様子です。その{number}")
    await community.says(COLLEAGUE, PUT_DOWN)
    await community.says(ASKER, QUESTION)
    assert any("承認 c1" in body for body in community.admin_transcript)
    await community.after(hours=1, minutes=30)
    await community.after(hours=8)
    assert len(asked(community)) == 1


async def test_everybody_reads_the_stream_to_its_end(community: Community, tmp_path: Path) -> None:
    await community.says(ASKER, QUESTION)
    made = await copied(community, tmp_path)
    await restored(community, made)
    for worker in community.runtimes:
        assert await Consumer(community.db, worker, "story").read(10, None) == []
        assert (await community.db.redis.xpending(community.db.keys.stream, worker))["pending"] == 0


async def test_a_morning_that_was_restored_has_no_second_digest(community: Community, tmp_path: Path) -> None:
    """The first was told in the lost time, with other numbers; none is better than two."""
    community.clock.at = tokyo("2026-11-25 07:30")
    made = await copied(community, tmp_path)
    community.clock.at = tokyo("2026-11-25 09:00")
    await community.after(minutes=15)
    assert len(community.digests) == 1
    await community.says(ASKER, QUESTION)
    await restored(community, made)
    await community.after(minutes=30)
    assert len(community.digests) == 1
    community.clock.at = tokyo("2026-11-26 09:00")
    await community.after(minutes=15)
    assert len(community.digests) == 2


async def test_a_day_that_was_restored_has_no_second_line_about_what_waits(
    community: Community, tmp_path: Path
) -> None:
    await community.says(ASKER, QUESTION)
    community.clock.at = tokyo("2026-11-25 19:00")
    made = await copied(community, tmp_path)
    await community.after(minutes=40)
    await community.after(minutes=20)
    assert [is_room_line(body) for body in community.transcript].count(True) == 1
    await restored(community, made)
    for _ in range(8):
        await community.after(minutes=15)
    assert [is_room_line(body) for body in community.transcript].count(True) == 1
