"""After a restore the engine listens before it speaks, and looks before it posts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from engine.backups.lost import LostTime, lost_key, lost_time, read_again
from engine.clock import DAY, HOUR, MINUTE
from engine.dead import list_dead
from engine.errors import Permanent, Transient
from engine.moderation.texts import card, read_card
from engine.outbox import Drop, Kind, State, redrive
from engine.questions.reasons import Because, Why
from engine.questions.texts import invitation, read_invitation, salutation
from tests.test_sender import ROOM, Desk

if TYPE_CHECKING:
    from engine.commit import Database
    from tests.fakes import FakeClock

BODY = "お知恵を貸していただけないでしょうか。"


async def restored(desk: Desk, *, ago: float, lost: float = HOUR, unread: tuple[int, ...] = ()) -> None:
    """The community was put back `ago` seconds ago; `lost` seconds before that are forgotten."""
    at = desk.clock.now() - ago
    commit = desk.db.commit(desk.clock.now())
    await lost_time(commit)
    commit.write(lost_key(desk.db.keys), LostTime(taken_at=at - lost, restored_at=at, unread=unread))
    await desk.db.apply(commit)


async def planned(db: Database, clock: FakeClock, kind: Kind = Kind.ASK) -> Desk:
    """An intent, decided now."""
    desk = Desk(db, clock)
    assert await desk.put(kind=kind)
    return desk


def stands(desk: Desk, *, ago: float, body: str = BODY) -> None:
    """The engine wrote something in the room a while ago."""
    desk.clock.move(seconds=-ago)
    desk.chat.put(ROOM, desk.chat.own.account_id, body)
    desk.clock.move(seconds=ago)


@pytest.mark.parametrize("ago", [0, MINUTE, 7 * DAY], ids=["in the copy", "decided anew", "decided anew days later"])
async def test_what_stands_in_the_room_since_is_taken_for_sent(db: Database, clock: FakeClock, ago: float) -> None:
    desk = await planned(db, clock)
    await restored(desk, ago=ago)
    stands(desk, ago=ago + 30 * MINUTE)
    assert await desk.deliver() == "sent"
    assert (desk.copies, desk.chat.posted) == (1, [])
    assert (await desk.intent()).receipt == f"{ROOM}-{desk.chat.rooms[ROOM][0].message_id}"


async def test_what_stands_there_is_sent_also_if_it_is_no_longer_wanted(db: Database, clock: FakeClock) -> None:
    """Who was asked was asked, though the question has its answer by now."""
    desk = await planned(db, clock)
    await restored(desk, ago=0)
    stands(desk, ago=MINUTE)
    desk.verdict = Drop("answered")
    assert await desk.deliver() == "sent"


@pytest.mark.parametrize(
    ("ago", "body"),
    [
        pytest.param(30 * MINUTE, "別のお知らせです。", id="other words"),
        pytest.param(2 * HOUR, BODY, id="the same words before the copy"),
    ],
)
async def test_anything_else_there_keeps_nothing_back(db: Database, clock: FakeClock, ago: float, body: str) -> None:
    desk = await planned(db, clock)
    await restored(desk, ago=0)
    stands(desk, ago=ago, body=body)
    assert await desk.deliver() == "sent"
    assert desk.copies == 2


@pytest.mark.parametrize("kind", [Kind.ALARM, Kind.REPLY])
async def test_what_is_said_of_the_moment_may_be_said_again(db: Database, clock: FakeClock, kind: Kind) -> None:
    """The same words about something new: an alarm of the lost time is no reason to be silent today."""
    desk = await planned(db, clock, kind)
    await restored(desk, ago=MINUTE)
    stands(desk, ago=30 * MINUTE)
    assert await desk.deliver() == "sent"
    assert desk.copies == 2


@pytest.mark.parametrize("kind", [Kind.ALARM, Kind.REPLY])
async def test_what_was_to_be_said_in_the_copy_is_looked_for(db: Database, clock: FakeClock, kind: Kind) -> None:
    desk = await planned(db, clock, kind)
    await restored(desk, ago=0)
    stands(desk, ago=MINUTE)
    assert await desk.deliver() == "sent"
    assert desk.copies == 1


async def test_after_the_first_attempt_nothing_is_different(db: Database, clock: FakeClock) -> None:
    """A post of the lost time is not taken for an attempt of today's that failed."""
    desk = await planned(db, clock)
    await restored(desk, ago=MINUTE)
    desk.chat.failures = [Transient("no connection")]
    await desk.deliver()
    stands(desk, ago=30 * MINUTE)
    assert await desk.deliver_when_due() == "sent"
    assert desk.copies == 2


async def test_what_had_failed_before_the_copy_and_arrived_since_is_found(db: Database, clock: FakeClock) -> None:
    """It waited for its second attempt when the copy was made; that attempt is forgotten, what it posted is not."""
    desk = await planned(db, clock)
    desk.chat.failures = [Transient("no connection")]
    await desk.deliver()
    desk.clock.move(minutes=90)
    await restored(desk, ago=0)
    stands(desk, ago=30 * MINUTE)
    assert await desk.deliver() == "sent"
    assert (desk.copies, desk.chat.posted) == (1, [])


async def test_it_is_looked_for_once(db: Database, clock: FakeClock) -> None:
    """What is tried today is looked for since today: what the room said meanwhile is no reason for doubt."""
    desk = await planned(db, clock)
    desk.chat.failures = [Transient("no connection")] * 2
    await desk.deliver()
    desk.clock.move(minutes=90)
    await restored(desk, ago=0)
    assert "no connection" in await desk.deliver()
    for _ in range(100):
        desk.chat.put(ROOM, 101, "本日の様子です。")
    assert await desk.deliver_when_due() == "sent"


async def test_nothing_is_posted_before_its_room_was_read_again(db: Database, clock: FakeClock) -> None:
    desk = await planned(db, clock)
    await restored(desk, ago=0, unread=(1, ROOM))
    assert await desk.deliver_when_due() == "later: its room was not read again"
    await read(desk, 1)
    assert await desk.deliver_when_due() == "later: its room was not read again"
    await read(desk, ROOM)
    assert await desk.deliver_when_due() == "sent"


async def read(desk: Desk, room_id: int) -> LostTime | None:
    commit = desk.db.commit(desk.clock.now())
    told = await read_again(room_id, commit)
    await desk.db.apply(commit)
    return told


async def test_another_room_is_nothing_to_wait_for(db: Database, clock: FakeClock) -> None:
    desk = await planned(db, clock)
    await restored(desk, ago=0, unread=(1,))
    assert await desk.deliver() == "sent"


async def test_the_last_room_read_is_told_once(db: Database, clock: FakeClock) -> None:
    desk = await planned(db, clock)
    assert await read(desk, ROOM) is None
    await restored(desk, ago=0, unread=(1, ROOM))
    assert await read(desk, ROOM) is None
    assert await read(desk, 1) is not None
    assert await read(desk, 1) is None


async def test_where_nobody_can_know_what_waited_in_the_copy_is_an_admins(db: Database, clock: FakeClock) -> None:
    desk = await planned(db, clock)
    await restored(desk, ago=0)
    for _ in range(100):
        desk.chat.put(ROOM, 101, "本日の様子です。")
    assert (await desk.deliver()).startswith("dead: more than 100 messages")
    [letter] = await list_dead(db)
    assert (letter.subject, desk.chat.posted) == ("ask-q1-102", [])
    assert (await desk.intent()).state is State.DEAD
    commit = db.commit(clock.now())
    assert await redrive(commit, "ask-q1-102")
    await db.apply(commit)
    assert await desk.deliver_when_due() == "sent"  # a person has looked


async def test_where_nobody_can_know_what_is_decided_since_is_sent(db: Database, clock: FakeClock) -> None:
    desk = await planned(db, clock)
    await restored(desk, ago=MINUTE)
    for _ in range(100):
        desk.chat.put(ROOM, 101, "本日の様子です。")
    assert await desk.deliver() == "sent"


async def test_a_room_that_cannot_be_read_now_is_asked_again(db: Database, clock: FakeClock) -> None:
    desk = await planned(db, clock)
    await restored(desk, ago=MINUTE)
    desk.chat.unreadable[ROOM] = Transient("502", retry_after=3)
    with pytest.raises(Transient):
        await desk.deliver()
    assert (await desk.intent()).state is State.PENDING


async def test_without_a_restore_no_room_is_read(db: Database, clock: FakeClock) -> None:
    desk = await planned(db, clock)
    desk.chat.unreadable[ROOM] = Permanent("403")
    assert await desk.deliver() == "sent"


def invited(account_id: int, name: str, question: str, times: int = 0) -> str:
    words = invitation(567890123, "1900000000000000001", question, Because(Why.STORY, "承継"), times)
    return f"{salutation(account_id, name)}\n{words}"


WORDS = invited(102, "井上", "紹介状の書き方を\n教えてください。")


@pytest.mark.parametrize(
    ("account_id", "name", "question"),
    [
        pytest.param(102, "井上", "紹介状の書き方を教えてください。", id="as usual"),
        pytest.param(1, "Dr. [x] 井上", "駐車場\nは\n何台分？", id="brackets and line breaks"),
        pytest.param(9, "", "", id="nothing at all"),
        pytest.param(9, "井上", "https://www.chatwork.com/#!rid1-2 ですか？", id="a link in the question"),
    ],
)
def test_an_invitation_says_whom_it_asked_for_what(account_id: int, name: str, question: str) -> None:
    for times in range(5):
        body = invited(account_id, name, question, times)
        assert read_invitation(body) == (account_id, 567890123, "1900000000000000001")


@pytest.mark.parametrize(
    "body",
    [
        pytest.param("", id="nothing"),
        pytest.param("紹介状の書き方を教えてください。", id="a question"),
        pytest.param(f"[info]{WORDS}[/info]", id="an invitation in something else"),
        pytest.param(f"こうでした:\n{WORDS}", id="an invitation that is told of"),
        pytest.param(WORDS.replace("[To:102]", ""), id="to nobody"),
        pytest.param(WORDS.replace("#!rid567890123-", "#!rid567890123"), id="no message"),
        pytest.param(WORDS.replace("お忙しいところ失礼いたします。", ""), id="other words"),
    ],
)
def test_other_words_are_no_invitation(body: str) -> None:
    assert read_invitation(body) is None


def card_of(case_id: str, masked: str = "そんなことも知らないんですか？") -> str:
    return card(
        case_id=case_id, category="mounting", action="warn", words=["知らない"], masked=masked,
        room_id=567890123, message_id="1900000000000000001", strikes=1,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("case_id", "masked"),
    [
        pytest.param("c1", "そんなことも知らないんですか？", id="as usual"),
        pytest.param("c120", "https://www.chatwork.com/#!rid1-2", id="a link in the words"),
        pytest.param("c7", "一行目\nhttps://www.chatwork.com/#!rid1-2\n三行目", id="a link in a line of its own"),
        pytest.param("c7", "[info][title]ご確認のお願い c9（マウント）[/title]", id="words that play at being a card"),
    ],
)
def test_a_card_says_which_case_it_shows_and_of_which_message(case_id: str, masked: str) -> None:
    assert read_card(card_of(case_id, masked)) == (case_id, 567890123, "1900000000000000001")


@pytest.mark.parametrize(
    "body",
    [
        pytest.param("", id="nothing"),
        pytest.param("承認 c1", id="a verdict"),
        pytest.param(f"こうでした:\n{card_of('c1')}", id="a card that is told of"),
        pytest.param(card_of("c1").replace("#!rid567890123-", ""), id="no message"),
        pytest.param(card_of("x1"), id="no number"),
    ],
)
def test_other_words_are_no_card(body: str) -> None:
    assert read_card(body) is None
