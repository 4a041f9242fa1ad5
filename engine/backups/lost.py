"""The time that a restored community has lost: between the moment of the copy and its being put back.

What was posted then stands in the rooms and is not known here. So the engine listens before it speaks: it posts
nothing to a room before the keeper has read it again, and what it decides about things of the lost time is first looked
for there.

    {c}:lost  record  since when, until when, and rooms not read again yet (expires after a month)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.clock import DAY
from engine.commit import Commit, Record
from engine.outbox import ChatContent, Intent, Kind

if TYPE_CHECKING:
    from engine.keys import Keys

KEPT = 31 * DAY
"""Longer than anything about the lost time is decided: questions are looked at for a month."""

LISTENING = 5.0
"""Seconds between two looks whether a room was read again."""


OF_NOW = {Kind.REPLY, Kind.ALARM, Kind.DIGEST}
"""What is only ever said about the present."""


class LostTime(Record):
    """What happened between `taken_at` and `restored_at` is forgotten; `unread` are rooms not read since."""

    taken_at: float
    restored_at: float
    unread: tuple[int, ...] = ()

    def holds_up(self, intent: Intent) -> bool:
        """True while its room has not been read again."""
        return isinstance(intent.content, ChatContent) and intent.content.room_id in self.unread

    def may_hold(self, intent: Intent) -> bool:
        """True if it may have been posted in the lost time. What is of now is never decided about the past."""
        tried_since = intent.attempted_at is not None and intent.attempted_at >= self.restored_at
        return not tried_since and (intent.created_at <= self.restored_at or intent.kind not in OF_NOW)


def lost_key(keys: Keys) -> str:
    """Key of the lost time."""
    return keys("lost")


async def lost_time(commit: Commit) -> LostTime | None:
    """The lost time of a community that was restored lately."""
    return await commit.read(lost_key(commit.db.keys), LostTime)


async def read_again(room_id: int, commit: Commit) -> LostTime | None:
    """A room has been read: what it tells of the lost time is in the stream. Returns the lost time after the last."""
    lost = await lost_time(commit)
    if lost is None or room_id not in lost.unread:
        return None
    unread = tuple(other for other in lost.unread if other != room_id)
    commit.write(lost_key(commit.db.keys), lost.model_copy(update={"unread": unread}), ttl=KEPT)
    return None if unread else lost
