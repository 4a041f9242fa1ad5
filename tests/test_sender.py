"""The outbox: every post happens once, whatever fails where."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from engine.chatwork.channel import ChatChannel
from engine.clock import after
from engine.dead import list_dead
from engine.errors import Ignored, Permanent, Transient
from engine.events import MemberAsked
from engine.outbox import (
    CHAT_DELAYS,
    ChatContent,
    Drop,
    Go,
    Intent,
    Kind,
    Later,
    State,
    Verdict,
    intent_key,
    put,
    redrive,
    set_brake,
)
from engine.ports import Lane
from engine.sender import SENDING_LEASE, Sender
from tests.fakes import FakeChat, FakeClock

if TYPE_CHECKING:
    from engine.commit import Commit, Database

ROOM = 567890123


class Desk:
    """A sender with one intent to deliver."""

    def __init__(self, db: Database, clock: FakeClock) -> None:
        self.db = db
        self.clock = clock
        self.chat = FakeChat(clock)
        self.verdict: Verdict = Go()
        channels = {"chat": ChatChannel(self.chat, self.chat.own.account_id)}
        self.sender = Sender(db, clock, channels, {Kind.ASK: self.guard})

    async def guard(self, _: Intent, __: Commit) -> Verdict:
        return self.verdict

    async def put(self, lane: Lane = Lane.NUDGE, kind: Kind = Kind.ASK) -> bool:
        commit = self.db.commit(self.clock.now(), "trace")
        intent = Intent(
            id="ask-q1-102",
            worker="nudge",
            kind=kind,
            lane=lane,
            subject="q1",
            content=ChatContent(room_id=ROOM, body="お知恵を貸していただけないでしょうか。"),
            created_at=self.clock.now(),
            then=(MemberAsked(question_id="q1", account_id=102),),
        )
        new = await put(commit, intent)
        await self.db.apply(commit)
        return new

    async def deliver(self) -> str:
        return await self.sender.deliver("ask-q1-102")

    async def deliver_when_due(self) -> str:
        found = await self.db.redis.zscore(self.db.keys.wakes("nudge"), "deliver|ask-q1-102")
        assert found is not None, "nothing is due"
        self.clock.at = max(self.clock.at, found)
        return await self.deliver()

    async def intent(self) -> Intent:
        found, _ = await self.db.read(intent_key(self.db.keys, "ask-q1-102"), Intent)
        assert found is not None
        return found

    async def set_state(self, **update: object) -> None:
        commit = self.db.commit(self.clock.now())
        key = intent_key(self.db.keys, "ask-q1-102")
        intent = await commit.read(key, Intent)
        assert intent is not None
        commit.write(key, intent.model_copy(update=update))
        await self.db.apply(commit)

    @property
    def copies(self) -> int:
        return len(self.chat.rooms.get(ROOM, []))


@pytest.fixture
async def desk(db: Database, clock: FakeClock) -> Desk:
    desk = Desk(db, clock)
    assert await desk.put()
    return desk


async def test_it_is_posted_recorded_and_its_event_published(desk: Desk) -> None:
    assert await desk.deliver() == "sent"
    intent = await desk.intent()
    assert (intent.state, intent.receipt) == (State.SENT, f"{ROOM}-{desk.chat.posted[0].message_id}")
    [(_, fields)] = await desk.db.redis.xrange(desk.db.keys.stream)
    assert '"member_asked"' in fields["e"]
    assert await desk.db.ranked(desk.db.keys.wakes("nudge")) == []


async def test_an_intent_of_the_same_id_is_not_written_twice(desk: Desk) -> None:
    assert not await desk.put()


async def test_delivering_again_does_nothing(desk: Desk) -> None:
    await desk.deliver()
    with pytest.raises(Ignored):
        await desk.deliver()
    assert desk.copies == 1


async def test_what_does_not_exist_is_ignored(desk: Desk) -> None:
    with pytest.raises(Ignored):
        await desk.sender.deliver("ask-q9-1")


async def test_no_connection_means_again_later_and_one_copy(desk: Desk) -> None:
    desk.chat.failures = [Transient("no connection"), Transient("no connection")]
    assert "no connection" in await desk.deliver()
    assert (await desk.intent()).state is State.PENDING
    await desk.deliver_when_due()
    assert await desk.deliver_when_due() == "sent"
    assert desk.copies == 1


async def test_a_reset_after_chatwork_acted_is_found_and_not_repeated(desk: Desk) -> None:
    desk.chat.after = [Transient("reset", maybe_done=True)]
    await desk.deliver()
    assert (await desk.intent()).state is State.SENDING
    assert await desk.deliver_when_due() == "sent"
    assert desk.copies == 1
    assert (await desk.intent()).receipt == f"{ROOM}-{desk.chat.posted[0].message_id}"


async def test_what_arrives_after_we_have_given_up_is_waited_for_and_not_repeated(desk: Desk) -> None:
    """A request sent into a connection that is cut arrives when the cut is over."""
    desk.chat.failures = [Transient("time-out", maybe_done=True)]
    await desk.deliver()
    desk.clock.move(seconds=10)
    await desk.deliver()
    desk.clock.move(seconds=10)
    desk.chat.put(ROOM, desk.chat.own.account_id, "お知恵を貸していただけないでしょうか。")
    assert await desk.deliver_when_due() == "sent"
    assert desk.chat.posted == []
    assert (await desk.intent()).state is State.SENT


async def test_a_time_out_before_chatwork_acted_is_looked_for_and_repeated(desk: Desk) -> None:
    desk.chat.failures = [Transient("time-out", maybe_done=True)]
    await desk.deliver()
    assert await desk.deliver_when_due() == "sent"
    assert desk.copies == 1


async def test_somebody_elses_equal_words_are_not_taken_for_ours(desk: Desk) -> None:
    desk.chat.failures = [Transient("time-out", maybe_done=True)]
    await desk.deliver()
    desk.chat.put(ROOM, 101, "お知恵を貸していただけないでしょうか。")
    assert await desk.deliver_when_due() == "sent"
    assert len(desk.chat.posted) == 1


async def test_equal_words_of_ours_from_before_the_attempt_are_not_taken_for_it(desk: Desk) -> None:
    desk.chat.put(ROOM, desk.chat.own.account_id, "お知恵を貸していただけないでしょうか。")
    desk.clock.move(minutes=5)
    desk.chat.failures = [Transient("time-out", maybe_done=True)]
    await desk.deliver()
    assert await desk.deliver_when_due() == "sent"
    assert len(desk.chat.posted) == 1


async def test_with_more_than_a_hundred_messages_since_nobody_can_know_so_a_person_decides(desk: Desk) -> None:
    desk.chat.failures = [Transient("time-out", maybe_done=True)]
    await desk.deliver()
    desk.clock.move(minutes=1)
    for _ in range(101):
        desk.chat.put(ROOM, 101, "こんにちは")
    assert (await desk.deliver()).startswith("dead")
    [letter] = await list_dead(desk.db)
    assert "nobody can know" in letter.reason
    assert desk.chat.posted == []


async def test_a_process_that_died_while_sending_is_followed_after_its_lease(desk: Desk) -> None:
    now = desk.clock.now()
    await desk.set_state(state=State.SENDING, attempts=1, attempted_at=now, lease_until=after(now, SENDING_LEASE))
    assert await desk.deliver() == "later: being sent elsewhere"
    assert desk.copies == 0
    assert await desk.deliver_when_due() == "sent"
    assert desk.copies == 1


async def test_429_waits_as_long_as_chatwork_wants(desk: Desk) -> None:
    desk.chat.failures = [Transient("429", retry_after=200.0)]
    began = desk.clock.now()
    await desk.deliver()
    await desk.deliver_when_due()
    assert desk.clock.now() - began >= 200


async def test_no_permission_is_a_dead_letter_at_once(desk: Desk) -> None:
    desk.chat.failures = [Permanent("403 You don't have permission")]
    assert (await desk.deliver()).startswith("dead")
    [letter] = await list_dead(desk.db)
    assert (letter.source, letter.subject) == ("intent", "ask-q1-102")
    assert (await desk.intent()).state is State.DEAD


async def test_after_the_last_wait_it_is_a_dead_letter_and_a_redrive_sends_it(desk: Desk) -> None:
    desk.chat.failures = [Transient("no connection")] * (len(CHAT_DELAYS) + 1)
    outcome = await desk.deliver()
    while not outcome.startswith("dead"):
        outcome = await desk.deliver_when_due()
    assert len(await list_dead(desk.db)) == 1
    commit = desk.db.commit(desk.clock.now())
    assert await redrive(commit, "ask-q1-102")
    await desk.db.apply(commit)
    assert await desk.deliver_when_due() == "sent"
    again = desk.db.commit(desk.clock.now())
    assert not await redrive(again, "ask-q1-102")


async def test_the_guard_may_drop_it(desk: Desk) -> None:
    desk.verdict = Drop("answered")
    assert await desk.deliver() == "dropped: answered"
    assert desk.copies == 0
    with pytest.raises(Ignored):
        await desk.deliver()


async def test_the_guard_may_postpone_it(desk: Desk) -> None:
    desk.verdict = Later(after(desk.clock.now(), 3600), "outside active hours")
    assert await desk.deliver() == "later: outside active hours"
    desk.verdict = Go()
    began = desk.clock.now()
    assert await desk.deliver_when_due() == "sent"
    assert desk.clock.now() == began + 3600


async def test_what_did_not_arrive_and_has_to_wait_is_in_doubt_no_longer(desk: Desk) -> None:
    """Meanwhile the room may fill: it was looked for when that could still be known."""
    desk.chat.failures = [Transient("time-out", maybe_done=True)]
    await desk.deliver()
    desk.verdict = Later(after(desk.clock.now(), 3600), "outside active hours")
    assert await desk.deliver_when_due() == "later: outside active hours"
    waiting = await desk.intent()
    assert (waiting.state, waiting.reason, waiting.lease_until) == (State.PENDING, None, None)
    for _ in range(101):
        desk.chat.put(ROOM, 101, "こんにちは")
    desk.verdict = Go()
    assert await desk.deliver_when_due() == "sent"
    assert len(desk.chat.posted) == 1


async def test_the_brake_stops_everything_but_replies_to_admins(desk: Desk) -> None:
    commit = desk.db.commit(desk.clock.now())
    assert await set_brake(commit, pull=True, by="cli")
    await desk.db.apply(commit)
    assert await desk.deliver() == "later: brake"
    await desk.set_state(lane=Lane.REPLY)
    assert await desk.deliver() == "sent"


async def test_the_brake_taken_off_lets_it_go(desk: Desk) -> None:
    for pull, changed in ((True, True), (True, False), (False, True), (False, False)):
        commit = desk.db.commit(desk.clock.now())
        assert await set_brake(commit, pull=pull, by="cli") is changed
        await desk.db.apply(commit)
    assert await desk.deliver() == "sent"


async def test_of_two_processes_at_once_one_sends(desk: Desk) -> None:
    """The second reads before the first commits, and finds the version changed."""

    class Slow(FakeChat):
        async def post(self, room_id: int, body: str, lane: Lane) -> str:
            with pytest.raises(Transient):
                await other.deliver("ask-q1-102")
            return await super().post(room_id, body, lane)

    class Late(Sender):
        async def _verdict(self, commit: Commit, intent: Intent) -> Verdict:
            return Go()

    slow = Slow(desk.clock)
    channels = {"chat": ChatChannel(slow, slow.own.account_id)}
    other = Late(desk.db, desk.clock, channels, {})
    late_commit = desk.db.commit(desk.clock.now())
    intent = await late_commit.read(intent_key(desk.db.keys, "ask-q1-102"), Intent)
    assert intent is not None
    assert await desk.deliver() == "sent"
    with pytest.raises(Transient):
        await other._attempt(late_commit, intent)  # noqa: SLF001 - the very moment between reading and committing
    assert desk.copies == 1
    assert slow.posted == []


class Overtaken(FakeChat):
    """A process that stands still while it posts, longer than its lease; `ending` is how its own request ends."""

    def __init__(self, desk: Desk, ending: Transient | Permanent | None) -> None:
        super().__init__(desk.clock, rooms=desk.chat.rooms)
        self._desk = desk
        self._ending = ending

    async def post(self, room_id: int, body: str, lane: Lane) -> str:
        self._desk.clock.move(seconds=SENDING_LEASE + 2)
        assert await self._desk.deliver() == "sent"
        if self._ending is not None:
            raise self._ending
        return self._desk.chat.posted[0].message_id


@pytest.mark.parametrize(
    "ending",
    [
        pytest.param(Transient("rate_limited", retry_after=5), id="a refusal"),
        pytest.param(Transient("reset", maybe_done=True), id="a lost answer"),
        pytest.param(Permanent("403"), id="a failure for good"),
        pytest.param(None, id="a success"),
    ],
)
async def test_who_was_overtaken_changes_nothing_that_the_other_recorded(
    desk: Desk, ending: Transient | Permanent | None
) -> None:
    chat = Overtaken(desk, ending)
    stopped = Sender(desk.db, desk.clock, {"chat": ChatChannel(chat, chat.own.account_id)}, {})
    with pytest.raises(Transient, match="took it over"):
        await stopped.deliver("ask-q1-102")
    assert (await desk.intent()).state is State.SENT
    assert await list_dead(desk.db) == []
    assert desk.copies == 1


async def test_what_arrived_counts_although_the_other_gave_up_meanwhile(desk: Desk) -> None:
    class Late(FakeChat):
        async def post(self, room_id: int, body: str, lane: Lane) -> str:
            await desk.set_state(state=State.PENDING, lease_until=None)
            return await super().post(room_id, body, lane)

    chat = Late(desk.clock)
    late = Sender(desk.db, desk.clock, {"chat": ChatChannel(chat, chat.own.account_id)}, {})
    assert await late.deliver("ask-q1-102") == "sent"
    assert (await desk.intent()).state is State.SENT


async def test_who_was_stopped_until_the_lease_ran_out_does_not_send_any_more(desk: Desk) -> None:
    class Stopped(Sender):
        async def _apply(self, commit: Commit) -> None:
            await super()._apply(commit)
            desk.clock.move(seconds=SENDING_LEASE)

    stopped = Stopped(desk.db, desk.clock, {"chat": ChatChannel(desk.chat, desk.chat.own.account_id)}, {})
    with pytest.raises(Transient, match="lease"):
        await stopped.deliver("ask-q1-102")
    assert desk.copies == 0
    assert await desk.deliver() == "sent"


async def test_waiting_for_its_turn_counts_as_no_attempt_however_long_the_queue(desk: Desk) -> None:
    """A hundred posts to one room of which ten go in ten seconds: the last one waits, and is no dead letter."""
    desk.chat.failures = [Transient("rate_limited", retry_after=10.5, untried=True) for _ in range(50)]
    began = desk.clock.now()
    assert await desk.deliver() == "later: rate_limited"
    assert ((await desk.intent()).attempts, (await desk.intent()).attempted_at) == (0, None)
    while await desk.deliver_when_due() != "sent":
        pass
    assert desk.clock.now() == pytest.approx(began + 50 * 10.5)
    assert ((await desk.intent()).attempts, desk.copies) == (1, 1)
