"""Posting an intent, and looking whether an earlier attempt stands in the room. What is found is not posted again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from engine.chatwork.channel import SKEW, WINDOW, ChatChannel
from engine.errors import Permanent, Transient
from engine.outbox import CHAT_DELAYS, ChatContent, Intent, Kind, State, VendorContent
from engine.ports import Lane
from tests.fakes import FakeChat, FakeClock

if TYPE_CHECKING:
    from engine.outbox import Content

ROOM, OTHER_ROOM, DIRECT = 567890123, 567890124, 300
SOMEBODY, PERSON = 101, 102
BODY = "お知恵を貸していただけないでしょうか。"
SALUTATION = "[To:102]井上さん"


class Desk:
    """A channel into Chatwork in memory; the intent's first attempt was now."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.chat = FakeChat(self.clock)
        self.own = self.chat.own.account_id
        self.channel = ChatChannel(self.chat, self.own)

    def intent(self, *, person: int | None = None, salutation: str = "", tried: bool = True) -> Intent:
        content: Content = ChatContent(room_id=ROOM, body=BODY, privately_to=person, salutation=salutation)
        return Intent(
            id="i", worker="nudge", kind=Kind.ASK, lane=Lane.NUDGE, subject="q1", content=content,
            created_at=self.clock.now(), state=State.SENDING, attempts=1,
            attempted_at=self.clock.now() if tried else None,
        )  # fmt: skip

    def chatter(self, times: int) -> None:
        """Others talk on."""
        for _ in range(times):
            self.chat.put(ROOM, SOMEBODY, "ところで")


@pytest.fixture
def desk() -> Desk:
    return Desk()


# -- posting ----------------------------------------------------------------------------------------------------------


async def test_it_is_posted_to_the_room_in_its_lane(desk: Desk) -> None:
    receipt = await desk.channel.send(desk.intent())
    [posted] = desk.chat.posted
    assert (posted.room_id, posted.body, posted.lane) == (ROOM, BODY, Lane.NUDGE)
    assert receipt == f"{ROOM}-{posted.message_id}"


async def test_what_is_private_goes_to_the_direct_chat_without_the_salutation(desk: Desk) -> None:
    desk.chat.contacts = {PERSON: DIRECT}
    await desk.channel.send(desk.intent(person=PERSON, salutation=SALUTATION))
    [posted] = desk.chat.posted
    assert (posted.room_id, posted.body) == (DIRECT, BODY)


async def test_without_a_direct_chat_it_goes_to_the_room_after_the_salutation(desk: Desk) -> None:
    await desk.channel.send(desk.intent(person=PERSON, salutation=SALUTATION))
    [posted] = desk.chat.posted
    assert (posted.room_id, posted.body) == (ROOM, f"{SALUTATION}\n{BODY}")


@pytest.mark.parametrize("error", [Transient("429", retry_after=9), Permanent("403")], ids=["transient", "permanent"])
async def test_chatworks_no_is_passed_on_as_it_is(desk: Desk, error: Transient | Permanent) -> None:
    desk.chat.failures = [error]
    with pytest.raises(type(error)) as raised:
        await desk.channel.send(desk.intent())
    assert raised.value is error


async def test_a_vendors_webhook_is_a_bug_here(desk: Desk) -> None:
    content = VendorContent(vendor_id="v", type="referral.joined", data={})
    with pytest.raises(AssertionError):
        await desk.channel.send(desk.intent().model_copy(update={"content": content}))


# -- looking ----------------------------------------------------------------------------------------------------------


async def test_our_own_same_words_since_the_attempt_are_it(desk: Desk) -> None:
    intent = desk.intent()
    message_id = desk.chat.put(ROOM, desk.own, BODY)
    assert await desk.channel.find(intent) == f"{ROOM}-{message_id}"


async def test_chatworks_clock_may_be_a_little_behind_ours(desk: Desk) -> None:
    desk.clock.move(seconds=SKEW)
    intent = desk.intent()
    desk.clock.move(seconds=-SKEW)
    message_id = desk.chat.put(ROOM, desk.own, BODY)
    assert await desk.channel.find(intent) == f"{ROOM}-{message_id}"


async def test_blanks_at_the_edges_make_no_other_message(desk: Desk) -> None:
    message_id = desk.chat.put(ROOM, desk.own, f"\n{BODY} ")
    assert await desk.channel.find(desk.intent()) == f"{ROOM}-{message_id}"


async def test_an_intent_that_was_never_attempted_finds_it_all_the_same(desk: Desk) -> None:
    message_id = desk.chat.put(ROOM, desk.own, BODY)
    assert await desk.channel.find(desk.intent(tried=False)) == f"{ROOM}-{message_id}"


async def test_it_is_found_below_much_talk(desk: Desk) -> None:
    intent = desk.intent()
    message_id = desk.chat.put(ROOM, desk.own, BODY)
    desk.chatter(WINDOW - 1)
    assert await desk.channel.find(intent) == f"{ROOM}-{message_id}"


NOT_IT = [
    ("nothing at all", None),
    ("the same words by somebody else", (ROOM, SOMEBODY, BODY, 0)),
    ("our own other words", (ROOM, 900, BODY + "！", 0)),
    ("our own words in another room", (OTHER_ROOM, 900, BODY, 0)),
    ("our own words before the attempt", (ROOM, 900, BODY, -SKEW - 1)),
    ("a quotation of our words by us", (ROOM, 900, f"[qt]{BODY}[/qt]", 0)),
    ("what we posted and somebody deleted", (ROOM, 900, "[deleted]", 0)),
]


@pytest.mark.parametrize("message", [pytest.param(row[1], id=row[0]) for row in NOT_IT])
async def test_it_is_not_there(desk: Desk, message: tuple[int, int, str, float] | None) -> None:
    intent = desk.intent()
    if message is not None:
        room, who, body, seconds = message
        desk.clock.move(seconds=seconds)
        desk.chat.put(room, who, body)
    assert await desk.channel.find(intent) is None


async def test_after_more_than_a_hundred_messages_nobody_can_know(desk: Desk) -> None:
    intent = desk.intent()
    desk.chat.put(ROOM, desk.own, BODY)
    desk.chatter(WINDOW)
    with pytest.raises(Permanent, match="nobody can know"):
        await desk.channel.find(intent)


@pytest.mark.parametrize("before", [SKEW, SKEW - 1], ids=["in the first second that counts", "a second later"])
async def test_a_window_that_begins_within_the_time_that_counts_may_hide_it(desk: Desk, before: float) -> None:
    intent = desk.intent()
    desk.clock.move(seconds=-before)
    desk.chatter(WINDOW)
    with pytest.raises(Permanent):
        await desk.channel.find(intent)


async def test_a_window_that_begins_before_the_attempt_hides_nothing(desk: Desk) -> None:
    intent = desk.intent()
    desk.clock.move(seconds=-SKEW - 1)
    desk.chatter(WINDOW)
    assert await desk.channel.find(intent) is None


async def test_a_quiet_room_hides_nothing(desk: Desk) -> None:
    intent = desk.intent()
    desk.chatter(WINDOW - 1)
    assert await desk.channel.find(intent) is None


async def test_what_was_private_is_looked_for_in_the_direct_chat(desk: Desk) -> None:
    desk.chat.contacts = {PERSON: DIRECT}
    message_id = desk.chat.put(DIRECT, desk.own, BODY)
    assert await desk.channel.find(desk.intent(person=PERSON, salutation=SALUTATION)) == f"{DIRECT}-{message_id}"


async def test_somebody_who_became_a_contact_meanwhile_was_asked_in_the_room(desk: Desk) -> None:
    message_id = desk.chat.put(ROOM, desk.own, f"{SALUTATION}\n{BODY}")
    desk.chat.contacts = {PERSON: DIRECT}
    assert await desk.channel.find(desk.intent(person=PERSON, salutation=SALUTATION)) == f"{ROOM}-{message_id}"


async def test_a_full_direct_chat_does_not_keep_from_looking_in_the_room(desk: Desk) -> None:
    intent = desk.intent(person=PERSON, salutation=SALUTATION)
    desk.chat.contacts = {PERSON: DIRECT}
    message_id = desk.chat.put(ROOM, desk.own, f"{SALUTATION}\n{BODY}")
    for _ in range(WINDOW):
        desk.chat.put(DIRECT, PERSON, "はい")
    assert await desk.channel.find(intent) == f"{ROOM}-{message_id}"


async def test_if_the_direct_chat_may_hide_it_and_the_room_has_it_not_nobody_can_know(desk: Desk) -> None:
    intent = desk.intent(person=PERSON, salutation=SALUTATION)
    desk.chat.contacts = {PERSON: DIRECT}
    for _ in range(WINDOW):
        desk.chat.put(DIRECT, PERSON, "はい")
    with pytest.raises(Permanent, match="nobody can know"):
        await desk.channel.find(intent)


# -- trying again -----------------------------------------------------------------------------------------------------


def test_waits_grow_and_end(desk: Desk) -> None:
    now = desk.clock.now()
    moments = [desk.channel.retry_at(attempts, now, None) for attempts in range(1, len(CHAT_DELAYS) + 2)]
    waits = [moment - now for moment in moments if moment is not None]
    assert waits == sorted(waits)
    assert (len(waits), moments[-1]) == (len(CHAT_DELAYS), None)


def test_chatworks_own_wish_goes_first(desk: Desk) -> None:
    now = desk.clock.now()
    assert desk.channel.retry_at(1, now, 240) == now + 240
    assert desk.channel.retry_at(5, now, 1) == desk.channel.retry_at(5, now, None)
