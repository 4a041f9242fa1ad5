"""Finding what no webhook told: a room's newest messages are read, and what is missing is published."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from engine.clock import MINUTE
from engine.errors import Permanent, Transient
from engine.events import MessageCreated, MessageDeleted, MessageUpdated
from engine.log import get_logger
from engine.ports import Lane
from engine.upkeep.rules import (
    Look,
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
from engine.upkeep.store import Loss, Upkeep

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from engine.commit import Commit
    from engine.events import Envelope
    from engine.ports import Chat, PostedMessage
    from engine.upkeep.rules import MessageEvent

log = get_logger()

ROOMS_A_ROUND = 5
"""Rooms looked at for gaps in half a minute: with the counts a fifth of the requests that Chatwork allows."""

ROUND = MINUTE / 2


@dataclass(frozen=True, slots=True)
class Seen:
    """What a look at a room found: messages that were missing, one that is lost for good, webhooks that do not come."""

    room_id: int
    missing: int
    lost: Loss | None
    webhooks_silent: bool


async def urgent_rooms(rooms: Sequence[int], commit: Commit, chat: Chat) -> dict[int, Tally | None]:
    """The rooms to look at now, the most urgent first, with what was known before the look."""
    told = await commit.db.told_of(rooms)  # before the counts, see `lost_span`
    counts = await chat.message_counts()
    tallies = {room_id: Tally(counts[room_id], told[room_id]) for room_id in rooms if room_id in counts}
    looks = await Upkeep(commit).looks(rooms)
    most = looks_due(looks.values(), commit.now, ROUND, ROOMS_A_ROUND)
    for room_id in tallies.keys() - {known for known, look in looks.items() if look}:
        looks[room_id] = await _learn(room_id, tallies[room_id], commit)
    return {room_id: tallies.get(room_id) for room_id in next_rooms(looks, commit.now, most, tallies)}


async def _learn(room_id: int, tally: Tally, commit: Commit) -> Look:
    """All rooms begin in the first round: what comes while a room waits for its first look is no history."""
    upkeep = Upkeep(commit)
    look = await upkeep.look(room_id) or learned(tally, commit.now)
    upkeep.put_look(room_id, look)
    return look


async def look_at(room_id: int, tally: Tally | None, commit: Commit, chat: Chat, own_account_id: int) -> Seen | None:
    """Publish what is missing in one room.

    None if the room cannot be read now.
    """
    upkeep = Upkeep(commit)
    look = await upkeep.look(room_id) or Look(since=commit.now, looked_at=commit.now)
    try:
        listed = await chat.newest_messages(room_id, Lane.KEEPER)
    except (Transient, Permanent) as failure:
        log.warning("room_unread", room_id=room_id, reason=failure.reason)
        if not (isinstance(failure, Transient) and failure.untried):  # who was not asked keeps the turn
            upkeep.put_look(room_id, replace(look, looked_at=commit.now))
        return None
    missing, heard = await _publish(room_id, listed, look, commit)
    by_others = sum(event.account_id != own_account_id for event in missing)
    if by_others:
        commit.fact("gap_filled", room_id=room_id, messages=by_others)
    count = None if tally is None else tally.count
    untold = None if tally is None else tally.count - tally.told - still_untold(listed, heard, look.since)
    lost = lost_span(listed, look, untold)
    seen = looked(look, listed, heard, missing=by_others, now=commit.now, untold=untold, count=count)
    upkeep.put_look(room_id, seen)
    return Seen(
        room_id,
        by_others,
        None if lost is None else Loss(room_id=room_id, start=lost.start, end=lost.end),
        webhooks_are_silent(look, missing=by_others, now=commit.now),
    )


async def _publish(
    room_id: int, listed: Sequence[PostedMessage], look: Look, commit: Commit
) -> tuple[list[MessageEvent], set[str]]:
    """Publish what was not told; returns it, and the messages of which anything was told before."""
    events = {message.message_id: event_of(room_id, message) for message in listed}
    heard, told = await _known(room_id, events, commit)
    missing = [
        event
        for message_id, event in events.items()
        if message_id not in told and is_worth_telling(event, look.since, commit.now)
    ]
    for event in missing:
        commit.publish(event)
    return missing, heard


def said_at(told: Envelope) -> tuple[int, int]:
    """When a message was said, to the place of its number within a second."""
    event = told.event
    if isinstance(event, MessageCreated | MessageUpdated | MessageDeleted):
        return event.sent_at, int(event.message_id)
    return 0, 0


async def _known(room_id: int, events: Mapping[str, MessageEvent], commit: Commit) -> tuple[set[str], set[str]]:
    """Messages of which anything was told, and messages told as they stand now."""
    created = {message_id: created_id(room_id, message_id) for message_id in events}
    published = await commit.db.published([*created.values(), *(event.event_id for event in events.values())])
    told = {message_id for message_id, event in events.items() if event.event_id in published}
    return told | {message_id for message_id, event_id in created.items() if event_id in published}, told
