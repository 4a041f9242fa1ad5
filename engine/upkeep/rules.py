"""What no webhook told, found among a room's newest messages. Pure.

Chatwork sends a webhook once. The REST API shows the newest 100 messages of a room: what stands there and was never
told is published with the id its webhook would have had. What has scrolled out of the hundred is gone for good.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from engine.clock import DAY, MINUTE
from engine.events import MessageCreated, MessageDeleted, MessageUpdated

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from zoneinfo import ZoneInfo

    from engine.ports import PostedMessage

DELETED = "[deleted]"
"""How the API shows a deleted message; there is no webhook for a deletion."""

TOLD_WITHIN = 7 * DAY
"""Messages and edits older than this are history, as they are for webhooks."""

DELETED_WITHIN = 29 * DAY
"""Deletions are told for messages up to this age; shorter than published ids are remembered, so each is told once."""

GRACE = 30.0
"""Seconds that a webhook may take before its message counts as missing; one that comes later changes nothing."""

PERSISTS = 5 * MINUTE
"""Seconds after which messages that are still missing mean that webhooks do not come at all."""

CROWDED = 50
"""Messages since the last look from which on a room is looked at before others: Chatwork shows a hundred."""

ROUNDS_MADE_UP = 4
"""Rounds of looking that are made at once, at most, after some did not happen."""

MessageEvent = MessageCreated | MessageUpdated | MessageDeleted


@dataclass(frozen=True, slots=True)
class Look:
    """What an earlier look at a room left: times in epoch seconds, `newest` is the newest message id then.

    Messages before `since` were there before the engine. `fresh` is how many were new; `missing_since` is when looks
    began to find untold messages with none told by a webhook in between. `untold` is how many of the room's messages
    were never published when that was last accounted for, at `sound_at`; `untold_last` is the same at the last look.
    `count` is how many messages the room held.
    """

    since: float
    looked_at: float
    newest: int | None = None
    newest_at: int = 0
    fresh: int = 0
    missing_since: float | None = None
    untold: int | None = None
    untold_last: int | None = None
    sound_at: int = 0
    count: int | None = None


@dataclass(frozen=True, slots=True)
class Tally:
    """A room without its messages: how many it holds, and how many of them were published."""

    count: int
    told: int


@dataclass(frozen=True, slots=True)
class Span:
    """Messages sent between these times, epoch seconds, may be lost for good."""

    start: int
    end: int


def event_of(room_id: int, message: PostedMessage) -> MessageEvent:
    """What a webhook would have told of a message as it stands now."""
    if message.body == DELETED:
        return MessageDeleted(
            room_id=room_id,
            message_id=message.message_id,
            account_id=message.account_id,
            sent_at=message.sent_at,
        )
    if message.updated_at:
        return MessageUpdated(
            room_id=room_id,
            message_id=message.message_id,
            account_id=message.account_id,
            body=message.body,
            sent_at=message.sent_at,
            updated_at=message.updated_at,
        )
    return MessageCreated(
        room_id=room_id,
        message_id=message.message_id,
        account_id=message.account_id,
        body=message.body,
        sent_at=message.sent_at,
    )


def is_worth_telling(event: MessageEvent, since: float, now: float) -> bool:
    """False for what was there before the engine, for history, and for what a webhook may still bring."""
    if isinstance(event, MessageDeleted):
        return max(since, now - DELETED_WITHIN) <= event.sent_at
    if isinstance(event, MessageUpdated):
        return event.sent_at >= since and now - TOLD_WITHIN <= event.updated_at <= now - GRACE
    return max(since, now - TOLD_WITHIN) <= event.sent_at <= now - GRACE


def created_id(room_id: int, message_id: str) -> str:
    """The id under which a message was told when it was new."""
    return MessageCreated(room_id=room_id, message_id=message_id, account_id=0, body="", sent_at=0).event_id


def still_untold(listed: Sequence[PostedMessage], heard: Collection[str], since: float) -> int:
    """How many messages since the engine came are shown and were not told: they still can be."""
    return sum(message.sent_at >= since and message.message_id not in heard for message in listed)


def lost_span(listed: Sequence[PostedMessage], look: Look, untold: int | None) -> Span | None:
    """The span in which messages have scrolled out of the list before anybody saw them; `listed` oldest first.

    `untold` is how many of the room's messages were never published and can no longer be; it grows only by a loss. A
    message that comes between two requests makes it look greater for one look, so two looks must agree.
    """
    return Span(look.sound_at, listed[0].sent_at) if listed and _surplus(look, untold) else None


def _surplus(look: Look, untold: int | None) -> int:
    """How many more messages are unaccounted for than were before, by this look and the last."""
    return max(0, (_agreed(look, untold) or 0) - (look.untold or 0))


def _agreed(look: Look, untold: int | None) -> int | None:
    """What two looks agree upon, be it more than was accounted for or less, else what was accounted for before.

    A message that comes between the count and the list makes one look find too many that can still be told.
    """
    if untold is None or look.untold is None or look.untold_last is None:
        return look.untold
    return sorted((look.untold, look.untold_last, untold))[1]


def looked(
    look: Look,
    listed: Sequence[PostedMessage],
    heard: Collection[str],
    *,
    missing: int,
    now: float,
    untold: int | None = None,
    count: int | None = None,
) -> Look:
    """The next look's memory; `heard` are messages that were told, `missing` is how many were not."""
    newest = max(listed, key=lambda message: int(message.message_id), default=None)
    fresh = [message.message_id for message in listed if int(message.message_id) > (look.newest or 0)]
    missing_since = look.missing_since
    if missing:
        missing_since = now if missing_since is None else missing_since
    elif any(message_id in heard for message_id in fresh):
        missing_since = None
    newest_at = newest.sent_at if newest else look.newest_at
    accounted = untold if look.untold is None else _agreed(look, untold)
    sound = untold is not None and accounted == untold
    return Look(
        since=look.since,
        looked_at=now,
        newest=int(newest.message_id) if newest else look.newest,
        newest_at=newest_at,
        fresh=len(fresh),
        missing_since=missing_since,
        untold=accounted,
        untold_last=look.untold_last if untold is None else untold,
        sound_at=newest_at if sound else look.sound_at,
        count=look.count if count is None else count,
    )


def webhooks_are_silent(before: Look, *, missing: int, now: float) -> bool:
    """True if messages are missing again, and were minutes ago: one restart of ours leaves one gap, not two."""
    return bool(missing) and before.missing_since is not None and now - before.missing_since >= PERSISTS


DIGEST_FROM, DIGEST_UNTIL = 8, 12
"""Local hours between which the digest is written; later it would be no news of the morning."""


def digest_due(now: float, zone: ZoneInfo) -> str | None:
    """The date whose digest is due now, None outside the morning."""
    moment = datetime.fromtimestamp(now, zone)
    return moment.date().isoformat() if DIGEST_FROM <= moment.hour < DIGEST_UNTIL else None


def learned(tally: Tally, now: float) -> Look:
    """What is known of a room when the engine comes, without a look: what it holds now is history, told or not."""
    since = float(int(now))  # Chatwork's times are whole seconds
    return Look(since=since, looked_at=now, untold=tally.count - tally.told, count=tally.count, sound_at=int(now))


def looks_due(looks: Iterable[Look | None], now: float, period: float, each: int) -> int:
    """How many rooms to look at: `each` in a period, more when the last round was longer ago, so that none is late."""
    latest = max((look.looked_at for look in looks if look is not None), default=now)
    periods = min(max(1.0, (now - latest) / period), ROUNDS_MADE_UP)
    return round(each * periods)


def next_rooms(
    looks: Mapping[int, Look | None], now: float, most: int, tallies: Mapping[int, Tally] | None = None
) -> list[int]:
    """Which rooms to look at: never seen ones, crowded ones, those that hold more than was told, then by waiting time.

    The more was written since the last look, the sooner something leaves the hundred unseen, be it only an edit that
    no webhook told: edits and deletions change no count. So one look of a round is kept for who waits longest, too.
    """
    tallies = tallies or {}

    def urgency(room_id: int) -> float:
        look = looks[room_id]
        return float("inf") if look is None else (now - look.looked_at) * (1 + look.fresh)

    by_urgency = sorted(looks, key=lambda room_id: (-urgency(room_id), room_id))
    unseen = [room_id for room_id in by_urgency if looks[room_id] is None]
    written = {room_id: tally.count - (look.count or 0) for room_id, look, tally in _counted(looks, tallies)}
    by_written = sorted(written, key=lambda room_id: (-written[room_id], room_id))
    crowded = [room_id for room_id in by_written if written[room_id] >= CROWDED]
    lacking = {room_id for room_id, look, tally in _counted(looks, tallies) if _is_lacking(look, tally)}
    pressing = [*crowded, *(room_id for room_id in by_written if room_id in lacking)]
    return list(dict.fromkeys([*unseen, *list(dict.fromkeys(pressing))[: most - 1], *by_urgency]))[:most]


def _counted(looks: Mapping[int, Look | None], tallies: Mapping[int, Tally]) -> list[tuple[int, Look, Tally]]:
    """Rooms that were looked at and that Chatwork tells of."""
    return [(room_id, look, tallies[room_id]) for room_id, look in looks.items() if look and room_id in tallies]


def _is_lacking(look: Look, tally: Tally) -> bool:
    """Whether a room holds more untold messages than are accounted for."""
    return look.untold is not None and tally.count - tally.told > look.untold
