"""Stories: webhooks that never came. Chatwork sends each once; what they would have told is read from the room."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from engine.errors import Permanent, Transient
from engine.questions.store import Questions
from engine.upkeep.store import Upkeep
from tests.stories.community import ADMIN, ADMIN_ROOM, ASKER, BOARD, COLLEAGUE, ENGINE, VENDOR_ROOM, Community
from tests.stories.test_questions_are_answered import QUESTION, states

if TYPE_CHECKING:
    from pathlib import Path

    from redis.asyncio import Redis

    from engine.errors import EngineError
    from engine.ports import Account, Lane, PostedMessage

PUT_DOWN = "そんなことも知らないで開業するんですか？研修医でも知ってますよ。"


async def published(community: Community) -> int:
    return int(await community.db.redis.xlen(community.db.keys.stream))


async def looks(community: Community) -> str:
    """One look of the keeper's, now."""
    outcome = await community.runtimes["keeper"].run_job("fill_gaps", "")
    await community.settle()
    return outcome


async def test_a_question_whose_webhook_was_lost_is_heard_within_minutes(community: Community) -> None:
    community.writes(ASKER, QUESTION)
    await community.after(minutes=4)
    assert await states(community) == ["open"]
    await community.after(hours=2)
    assert len(community.transcript) == 1


async def test_an_answer_whose_webhook_was_lost_stops_the_nudge(community: Community) -> None:
    question = await community.says(ASKER, QUESTION)
    tag = f"[rp aid={ASKER.account_id} to={BOARD}-{question.message_id}]青木さん"
    community.writes(COLLEAGUE, f"{tag}\nこう書いています。")
    await community.after(hours=12)
    assert await states(community) == ["answered"]
    assert community.transcript == []


async def test_an_admins_word_whose_webhook_was_lost_is_obeyed(community: Community) -> None:
    await community.says(COLLEAGUE, PUT_DOWN)
    community.writes(ADMIN, "却下 c1", room=ADMIN_ROOM)
    await community.after(minutes=4)
    assert community.admin_transcript[-1] == "c1: 見送りました。何も送りません。"


async def test_a_webhook_that_comes_after_all_changes_nothing(community: Community) -> None:
    question = community.writes(ASKER, QUESTION)
    await community.after(minutes=4)
    before = await published(community)
    await community.hears(question, QUESTION)
    assert await published(community) == before
    assert await states(community) == ["open"]


async def test_looking_again_publishes_nothing_again(community: Community) -> None:
    community.writes(ASKER, QUESTION)
    await community.after(minutes=4)
    before = await published(community)
    for _ in range(5):
        await community.after(minutes=1)
    assert await published(community) == before


async def test_a_lost_edit_takes_the_question_back(community: Community) -> None:
    question = await community.says(ASKER, QUESTION)
    community.rewrites(question, "失礼しました、自分で調べられました。")
    await community.after(minutes=4)
    assert await states(community) == ["withdrawn"]


async def test_a_message_that_was_lost_and_edited_is_heard_as_it_stands(community: Community) -> None:
    said = community.writes(ASKER, "紹介状の書き方")
    community.rewrites(said, QUESTION)
    await community.after(minutes=4)
    assert await states(community) == ["open"]


async def test_a_deleted_question_is_withdrawn_and_its_words_are_forgotten(community: Community) -> None:
    question = await community.says(ASKER, QUESTION)
    community.deletes(question)
    await community.after(minutes=2)
    assert await states(community) == ["withdrawn"]
    remembered = await Questions(community.db.commit(community.clock.now())).message(BOARD, question.message_id)
    assert remembered is not None
    assert remembered.body == ""
    await community.hears(question, QUESTION)
    await community.after(hours=24)
    assert await states(community) == ["withdrawn"]
    assert community.transcript == []


async def test_a_deleted_remark_changes_no_question(community: Community) -> None:
    question = await community.says(ASKER, QUESTION)
    remark = await community.says(COLLEAGUE, "おはようございます。")
    await community.replies(COLLEAGUE, question, "こう書いています。")
    await community.says(ASKER, "ありがとうございます。")
    community.deletes(remark)
    community.deletes(question)
    await community.after(minutes=2)
    assert await states(community) == ["thanked"]


async def test_what_stood_in_the_room_before_the_engine_came_is_history(redis: Redis, tmp_path: Path) -> None:
    async with Community.opened(redis, tmp_path) as community:
        for room in (BOARD, ADMIN_ROOM):
            await community.db.redis.delete(community.db.keys("look", room))
        community.writes(ASKER, QUESTION)
        community.writes(COLLEAGUE, PUT_DOWN)
        community.clock.move(minutes=10)
        await looks(community)
        await community.after(days=2)
        assert await states(community) == []
        assert community.transcript == community.admin_transcript == []


@pytest.mark.parametrize(
    ("who", "age_minutes", "room"),
    [
        pytest.param(ENGINE, 20, BOARD, id="the engine's own posts"),
        pytest.param(ASKER, 0.4, BOARD, id="what was written half a minute ago"),
        pytest.param(ASKER, 20, VENDOR_ROOM, id="a vendors' room, which nobody watches"),
        pytest.param(ASKER, 60 * 24 * 8, BOARD, id="what is a week old"),
    ],
)
async def test_not_every_untold_message_is_missing(
    community: Community, who: Account, age_minutes: float, room: int
) -> None:
    community.writes(who, QUESTION, room=room)
    community.clock.move(minutes=age_minutes)
    assert await looks(community) == "filled: 0"


async def test_one_restart_leaves_one_gap_and_worries_nobody(community: Community) -> None:
    community.writes(ASKER, QUESTION)
    await community.after(minutes=4)
    await community.says(ASKER, "院内の掲示はどうされていますか？")
    await community.after(hours=3)
    assert community.admin_transcript == []


async def test_messages_that_stay_missing_mean_that_webhooks_are_off_and_admins_hear_it_once_a_day(
    community: Community,
) -> None:
    for _ in range(4):
        community.writes(ASKER, "おはようございます。")
        await community.after(minutes=8)
    [told] = community.admin_transcript
    assert "1件" in told
    assert "「有効」かどうか" in told


async def test_a_quiet_room_is_no_silent_webhook(community: Community) -> None:
    await community.says(ASKER, "おはようございます。")
    await community.after(days=2)
    assert community.admin_transcript == []


async def test_more_than_a_hundred_missed_are_reported_with_their_span(community: Community) -> None:
    await community.says(ASKER, "おはようございます。")
    await community.after(minutes=1)
    for _ in range(150):
        community.clock.move(seconds=1)
        community.writes(COLLEAGUE, "はい。")
    for _ in range(4):
        await community.after(minutes=1)
    [told] = community.admin_transcript
    assert "11月24日12時3" in told
    assert "ご質問がなかったか" in told
    await community.after(minutes=30)
    assert len(community.admin_transcript) == 1


async def test_a_room_that_holds_more_than_was_told_is_looked_at_first(redis: Redis, tmp_path: Path) -> None:
    """Sixty boards, one of which misses a message: found in the next round, also if it never had its turn before."""
    boards: list[dict[str, Any]] = [{"room_id": room_id, "role": "board"} for room_id in range(1000, 1060)]
    async with Community.opened(redis, tmp_path, rooms=boards) as community:
        community.chat.rosters |= {board["room_id"]: [ASKER, ENGINE] for board in boards}
        community.writes(ASKER, "はい。", room=1042)
        community.clock.move(seconds=5)
        await looks(community)
        community.writes(ASKER, QUESTION, room=1042)
        community.clock.move(seconds=30)
        await looks(community)
        assert await states(community) == ["open"]
        assert await community.db.told_of([1042]) == {1042: 1}, "what stood there before the engine came is history"


async def test_a_room_that_was_not_asked_because_of_the_limit_keeps_its_turn(community: Community) -> None:
    community.clock.move(minutes=5)
    before = await Upkeep(community.db.commit(community.clock.now())).look(BOARD)
    community.chat.unreadable[BOARD] = Transient("rate_limited", retry_after=3, untried=True)
    await looks(community)
    assert await Upkeep(community.db.commit(community.clock.now())).look(BOARD) == before


async def test_a_message_between_the_count_and_the_list_is_no_loss(community: Community) -> None:
    """Found by the chaos bench: one such look lowered what was accounted for, and the next two told of a loss."""
    await community.says(ASKER, "おはようございます。")
    await looks(community)
    plain = community.chat.newest_messages

    async def while_somebody_writes(room_id: int, lane: Lane) -> list[PostedMessage]:
        if room_id == BOARD:
            community.writes(COLLEAGUE, "はい。")
        return await plain(room_id, lane)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(community.chat), "newest_messages", lambda _, *asked: while_somebody_writes(*asked))
        await looks(community)
    for _ in range(6):
        await community.after(minutes=1)
    assert community.admin_transcript == []


async def test_rounds_that_did_not_happen_are_made_up(redis: Redis, tmp_path: Path) -> None:
    boards: list[dict[str, Any]] = [{"room_id": room_id, "role": "board"} for room_id in range(1000, 1012)]
    async with Community.opened(redis, tmp_path, rooms=boards) as community:
        community.chat.rosters |= {board["room_id"]: [ASKER, ENGINE] for board in boards}
        await looks(community)
        community.silent = {"keeper"}
        for board in boards:
            community.writes(ASKER, QUESTION, room=board["room_id"])
        community.clock.move(seconds=95)
        await looks(community)
        community.silent = set()
        await community.settle()
        assert await states(community) == ["open"] * 12


async def test_what_was_missed_is_noticed_even_when_webhooks_came_back_before_anybody_looked(
    community: Community,
) -> None:
    await community.says(ASKER, "おはようございます。")
    await community.after(minutes=1)
    community.silent = {"keeper"}
    for _ in range(30):
        community.clock.move(seconds=1)
        community.writes(COLLEAGUE, "はい。")
    for _ in range(120):
        community.clock.move(seconds=1)
        await community.says(COLLEAGUE, "はい。")
    community.silent = set()
    for _ in range(3):
        await community.after(minutes=1)
    lost = [body for body in community.admin_transcript if "読み取ることができませんでした" in body]
    assert len(lost) == 1


async def test_an_edit_that_was_told_although_its_message_was_not_is_no_loss(community: Community) -> None:
    said = community.writes(COLLEAGUE, "はい。")
    await community.edits(said, "はい、そうです。")
    for _ in range(6):
        await community.after(minutes=1)
    assert community.admin_transcript == []
    await community.hears(said, "はい。")  # late
    for _ in range(6):
        await community.after(minutes=1)
    assert community.admin_transcript == []
    assert await community.db.told_of([BOARD]) == {BOARD: 1}


async def test_a_hundred_missed_are_all_filled(community: Community) -> None:
    await community.says(ASKER, "おはようございます。")
    await community.after(minutes=1)
    before = await published(community)
    for _ in range(99):
        community.clock.move(seconds=1)
        community.writes(COLLEAGUE, "はい。")
    await community.after(minutes=5)
    assert await published(community) == before + 99
    assert community.admin_transcript == []


async def test_a_busy_hour_with_webhooks_is_no_gap(community: Community) -> None:
    for _ in range(150):
        community.clock.move(seconds=1)
        await community.says(COLLEAGUE, "はい。")
    await community.after(minutes=5)
    assert community.admin_transcript == []


@pytest.mark.parametrize(
    "failure", [Transient("GET messages: 500"), Permanent("GET messages: 403")], ids=["for now", "for good"]
)
async def test_one_room_that_cannot_be_read_keeps_no_other_from_being_read(
    community: Community, failure: EngineError
) -> None:
    community.chat.unreadable[ADMIN_ROOM] = failure
    community.writes(ASKER, QUESTION)
    await community.after(minutes=4)
    assert await states(community) == ["open"]
