"""What was said in a room lately, as the rules hear it: the context of words that carry no mark.

{c}:talk:<room>  record  the newest messages of the last two days (expires after them)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.clock import DAY
from engine.commit import Record
from engine.erasure import Records
from engine.questions.rules import Heard

if TYPE_CHECKING:
    from collections.abc import Sequence

    from engine.clock import Clock
    from engine.commit import Commit, Database

KEPT = 40
"""Messages of a room that are remembered so."""

LATELY = 2 * DAY


class Talk(Record):
    """A room's newest messages, oldest first."""

    said: tuple[Heard, ...] = ()


async def listen(commit: Commit, room_id: int, heard: Heard) -> Sequence[Heard]:
    """Add a message, or its newer text; returns all that was said lately, also what is let go by this.

    Of a message from before all that, only itself: what was said after it cannot be heard anew without the rest.
    """
    key = commit.db.keys("talk", room_id)
    known = await commit.read(key, Talk) or Talk()
    others = [each for each in known.said if each.message_id != heard.message_id]
    said = sorted((*others, heard), key=lambda each: each.order)
    kept = [each for each in said if each.sent_at > commit.now - LATELY][-KEPT:]
    commit.write(key, Talk(said=tuple(kept)), ttl=LATELY)
    return said if heard in kept else (heard,)


async def unhear(commit: Commit, room_id: int, message_id: str) -> Sequence[Heard]:
    """Forget a message that was deleted; returns what was said otherwise."""
    key = commit.db.keys("talk", room_id)
    known = await commit.read(key, Talk) or Talk()
    said = tuple(each for each in known.said if each.message_id != message_id)
    commit.write(key, Talk(said=said), ttl=LATELY)
    return said


async def forget_talk(db: Database, clock: Clock, account_id: int) -> int:
    """Forget what somebody said lately. Returns in how many rooms."""

    def without(talk: Talk) -> Talk:
        said = tuple(each for each in talk.said if each.author != account_id)
        return talk if said == talk.said else Talk(said=said)

    return await Records(db, clock).change("talk", Talk, without)
