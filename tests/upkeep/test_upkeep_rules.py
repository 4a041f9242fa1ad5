"""What was never told, what is history, what is lost, and which room is looked at next."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.events import MessageCreated, MessageDeleted, MessageUpdated
from engine.ports import PostedMessage
from engine.upkeep.rules import (
    DELETED_WITHIN,
    GRACE,
    PERSISTS,
    TOLD_WITHIN,
    Look,
    MessageEvent,
    Span,
    Tally,
    created_id,
    event_of,
    is_worth_telling,
    learned,
    looked,
    looks_due,
    lost_span,
    next_rooms,
    still_untold,
    webhooks_are_silent,
)

ROOM, NOW = 567, 1_800_000_000.0
LONG_AGO = NOW - 365 * 86400


def message(number: int = 1, *, sent: float = 600, edited: float | None = None, body: str = "はい") -> PostedMessage:
    """A message sent and edited so many seconds ago."""
    updated_at = 0 if edited is None else int(NOW - edited)
    return PostedMessage(str(number), 101, body, int(NOW - sent), updated_at)


def room(first: int, count: int, *, sent: float = 600) -> list[PostedMessage]:
    return [message(number, sent=sent) for number in range(first, first + count)]


def look(newest: int | None = 10, *, missing_since: float | None = None, fresh: int = 0, ago: float = 60) -> Look:
    return Look(
        since=LONG_AGO, looked_at=NOW - ago, newest=newest, newest_at=int(NOW - 900), fresh=fresh,
        missing_since=missing_since,
    )  # fmt: skip


def counted(untold: int | None, last: int | None) -> Look:
    return replace(look(), untold=untold, untold_last=last, sound_at=int(NOW - 900))


def test_a_message_is_told_under_the_id_its_webhook_would_have_had() -> None:
    told = event_of(ROOM, message(7))
    assert isinstance(told, MessageCreated)
    assert told.event_id == created_id(ROOM, "7") == "message_created:567:7:0"


def test_an_edited_one_under_the_edits_id() -> None:
    told = event_of(ROOM, message(7, edited=300))
    assert isinstance(told, MessageUpdated)
    assert told.event_id == f"message_updated:567:7:{int(NOW - 300)}"


def test_a_deleted_one_is_deleted_whatever_its_times_say() -> None:
    told = event_of(ROOM, message(7, edited=300, body="[deleted]"))
    assert isinstance(told, MessageDeleted)
    assert told.event_id == "message_deleted:567:7"


def test_who_writes_deleted_in_a_sentence_has_deleted_nothing() -> None:
    assert isinstance(event_of(ROOM, message(body="[deleted] と表示されます")), MessageCreated)


@pytest.mark.parametrize(
    ("event", "worth"),
    [
        pytest.param(event_of(ROOM, message(sent=GRACE)), True, id="a message that had its grace"),
        pytest.param(event_of(ROOM, message(sent=GRACE - 1)), False, id="a webhook may still come"),
        pytest.param(event_of(ROOM, message(sent=TOLD_WITHIN)), True, id="a week is not too old"),
        pytest.param(event_of(ROOM, message(sent=TOLD_WITHIN + 1)), False, id="more than a week is history"),
        pytest.param(
            event_of(ROOM, message(sent=30 * 86400, edited=GRACE)), True, id="a new edit of an old message counts"
        ),
        pytest.param(
            event_of(ROOM, message(sent=30 * 86400, edited=TOLD_WITHIN + 1)), False, id="an old edit does not"
        ),
        pytest.param(event_of(ROOM, message(edited=1)), False, id="an edit a second ago may still be told"),
        pytest.param(
            event_of(ROOM, message(sent=1, body="[deleted]")), True, id="no webhook will ever tell of a deletion"
        ),
        pytest.param(
            event_of(ROOM, message(sent=DELETED_WITHIN + 1, body="[deleted]")), False, id="a deletion of old words"
        ),
    ],
)
def test_worth_telling(event: MessageEvent, worth: bool) -> None:  # noqa: FBT001 - a table
    assert is_worth_telling(event, LONG_AGO, NOW) == worth
    assert not is_worth_telling(event, NOW + 1, NOW), "what was there before the engine is never told"


@pytest.mark.parametrize(
    ("before", "untold", "lost"),
    [
        pytest.param(counted(7, 7), 7, False, id="everything is accounted for"),
        pytest.param(counted(7, 9), 9, True, id="two looks agree that two are gone"),
        pytest.param(counted(7, 9), 7, False, id="a message came between two requests of the last look"),
        pytest.param(counted(7, 7), 9, False, id="or of this one"),
        pytest.param(counted(7, 9), 8, True, id="at least one is gone"),
        pytest.param(counted(7, 7), 5, False, id="fewer than before"),
        pytest.param(counted(None, None), 99, False, id="the first look accounts for nothing"),
        pytest.param(counted(7, 9), None, False, id="nobody could count"),
    ],
)
def test_lost(before: Look, untold: int | None, *, lost: bool) -> None:
    span = lost_span(room(11, 100), before, untold)
    assert span == (Span(int(NOW - 900), int(NOW - 600)) if lost else None)
    assert lost_span([], before, untold) is None


@pytest.mark.parametrize(
    ("before", "untold", "after"),
    [
        pytest.param(counted(None, None), 7, (7, 7), id="the first count"),
        pytest.param(counted(7, 7), 9, (7, 9), id="a surplus waits for a second look"),
        pytest.param(counted(7, 9), 9, (9, 9), id="told once, then accounted for"),
        pytest.param(counted(7, 9), 7, (7, 7), id="a false one is forgotten"),
        pytest.param(counted(7, 5), 5, (5, 5), id="what was told late lowers the count"),
        pytest.param(counted(7, 7), 6, (7, 6), id="a message came between the count and the list"),
        pytest.param(counted(7, 6), 7, (7, 7), id="which the next look shows"),
        pytest.param(counted(7, 9), None, (7, 9), id="without a count nothing changes"),
    ],
)
def test_accounting(before: Look, untold: int | None, after: tuple[int, int]) -> None:
    next_look = looked(before, room(11, 3), set(), missing=0, now=NOW, untold=untold)
    assert (next_look.untold, next_look.untold_last) == after


def test_only_what_is_shown_and_came_after_the_engine_can_still_be_told() -> None:
    listed = [message(1, sent=700), message(2, sent=500), message(3, sent=400)]
    assert still_untold(listed, {"3"}, NOW - 600) == 1


def test_a_look_remembers_the_newest_message_and_never_a_smaller_one() -> None:
    after = looked(look(10), room(8, 5), set(), missing=0, now=NOW)
    assert (after.newest, after.newest_at, after.fresh, after.looked_at) == (12, int(NOW - 600), 2, NOW)
    assert looked(look(10), [], set(), missing=0, now=NOW).newest == 10


@pytest.mark.parametrize(
    ("before", "heard", "missing", "since"),
    [
        pytest.param(look(), set(), 1, NOW, id="the first time something is missing"),
        pytest.param(look(missing_since=NOW - 50), set(), 1, NOW - 50, id="still missing"),
        pytest.param(look(missing_since=NOW - 50), set(), 0, NOW - 50, id="nothing new proves nothing"),
        pytest.param(look(missing_since=NOW - 50), {"12"}, 0, None, id="a new one that a webhook told"),
        pytest.param(look(missing_since=NOW - 50), {"9"}, 0, NOW - 50, id="an old one that a webhook told"),
        pytest.param(look(missing_since=NOW - 50), {"12"}, 1, NOW - 50, id="one told and one missing"),
        pytest.param(look(), {"12"}, 0, None, id="all is well"),
    ],
)
def test_since_when_webhooks_are_missing(before: Look, heard: set[str], missing: int, since: float | None) -> None:
    assert looked(before, room(9, 5), heard, missing=missing, now=NOW).missing_since == since


@pytest.mark.parametrize(
    ("before", "missing", "silent"),
    [
        pytest.param(look(missing_since=NOW - PERSISTS), 1, True, id="missing again after minutes"),
        pytest.param(look(missing_since=NOW - PERSISTS + 1), 1, False, id="too soon to say"),
        pytest.param(look(missing_since=NOW - 3600), 0, False, id="nothing is missing now"),
        pytest.param(look(), 3, False, id="the first time"),
    ],
)
def test_silent(before: Look, missing: int, silent: bool) -> None:  # noqa: FBT001 - a table
    assert webhooks_are_silent(before, missing=missing, now=NOW) == silent


@pytest.mark.parametrize(
    ("looks", "order"),
    [
        pytest.param({1: look(ago=60), 2: look(ago=120)}, [2, 1], id="who waits longer comes first"),
        pytest.param({1: look(ago=60, fresh=9), 2: look(ago=120)}, [1, 2], id="a busy room before a quiet one"),
        pytest.param({1: look(ago=9999, fresh=99), 2: None}, [2, 1], id="a room never looked at before all others"),
        pytest.param({2: look(), 1: look()}, [1, 2], id="equals by number"),
        pytest.param({}, [], id="no rooms"),
    ],
)
def test_which_room_is_next(looks: dict[int, Look | None], order: list[int]) -> None:
    assert next_rooms(looks, NOW, 10) == order


def held(count: int, *, untold: int | None = 7, ago: float = 60) -> Look:
    return replace(look(ago=ago), untold=untold, count=count)


@pytest.mark.parametrize(
    ("looks", "tallies", "order"),
    [
        pytest.param(
            {1: held(50, ago=900), 2: held(50)}, {1: Tally(60, 53), 2: Tally(51, 43)}, [2, 1],
            id="a room with one untold message before one where all was told",
        ),
        pytest.param(
            {1: held(50, ago=900), 2: held(50)}, {1: Tally(60, 50), 2: Tally(90, 80)}, [2, 1],
            id="of two the one that was written in more",
        ),
        pytest.param(
            {1: held(50), 2: None}, {1: Tally(60, 50), 2: Tally(60, 0)}, [2, 1], id="a room never looked at comes first"
        ),
        pytest.param(
            {1: held(50, untold=None), 2: held(50, ago=900)}, {1: Tally(60, 0), 2: Tally(50, 43)}, [2, 1],
            id="nobody could count yet",
        ),
        pytest.param({1: held(50), 2: held(50, ago=900)}, {}, [2, 1], id="Chatwork does not tell of them"),
        pytest.param(
            {1: held(50), 2: held(50), 3: held(50, ago=900)}, {1: Tally(90, 80), 2: Tally(100, 93), 3: Tally(50, 43)},
            [2, 1, 3], id="a crowded room, in which an edit may be lost soon, before one that lacks a message",
        ),
        pytest.param(
            {1: held(50), 2: held(50)}, {1: Tally(90, 80), 2: Tally(99, 92)}, [1, 2], id="one that is not crowded yet"
        ),
        pytest.param(
            {1: replace(held(50), count=None), 2: held(50)}, {1: Tally(60, 50), 2: Tally(90, 80)}, [1, 2],
            id="an earlier version did not write the count down",
        ),
    ],
)  # fmt: skip
def test_rooms_that_hold_more_than_was_told_come_first(
    looks: dict[int, Look | None], tallies: dict[int, Tally], order: list[int]
) -> None:
    assert next_rooms(looks, NOW, 10, tallies) == order


def test_one_look_of_a_round_is_for_the_room_that_waits_longest() -> None:
    looks = {number: held(50) for number in range(1, 9)} | {9: held(50, ago=900)}
    tallies = {number: Tally(50 + number, 0) for number in range(1, 9)} | {9: Tally(50, 43)}
    assert next_rooms(looks, NOW, 5, tallies) == [8, 7, 6, 5, 9]


@pytest.mark.parametrize(
    ("ago", "due"),
    [
        pytest.param([30, 300], 5, id="in time"),
        pytest.param([5], 5, id="early"),
        pytest.param([42], 7, id="every round a little late would be a room late in the end"),
        pytest.param([90, 300], 15, id="two rounds did not happen"),
        pytest.param([3600], 20, id="an hour's are not made up at once"),
        pytest.param([], 5, id="the first"),
    ],
)
def test_rounds_that_came_late_are_made_up(ago: list[float], due: int) -> None:
    assert looks_due([None, *(look(ago=seconds) for seconds in ago)], NOW, 30, 5) == due


def test_what_a_room_holds_when_the_engine_comes_is_history() -> None:
    first = learned(Tally(60, 50), NOW + 0.7)
    assert (first.since, first.looked_at, first.untold, first.count) == (NOW, NOW + 0.7, 10, 60)
    assert next_rooms({1: first, 2: first}, NOW + 30, 1, {1: Tally(60, 50), 2: Tally(61, 50)}) == [1]
    assert next_rooms({1: first, 2: first}, NOW + 30, 2, {1: Tally(60, 50), 2: Tally(61, 50)}) == [2, 1]


def test_a_look_remembers_how_much_the_room_held() -> None:
    assert looked(held(50), [], set(), missing=0, now=NOW, count=60).count == 60
    assert looked(held(50), [], set(), missing=0, now=NOW).count == 50


@given(fresh=st.lists(st.integers(0, 100), min_size=1, max_size=12), rounds=st.just(40))
def test_every_room_has_its_turn(fresh: list[int], rounds: int) -> None:
    looks: dict[int, Look | None] = {number: look(fresh=count) for number, count in enumerate(fresh)}
    seen: set[int] = set()
    for turn in range(rounds * 101):
        now = NOW + 60 * turn
        for room_id in next_rooms(looks, now, 3):
            seen.add(room_id)
            known = looks[room_id]
            assert known is not None
            looks[room_id] = replace(known, looked_at=now)
        if len(seen) == len(fresh):
            return
    raise AssertionError("somebody was never looked at")
