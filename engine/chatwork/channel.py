"""The outbox's way into Chatwork: post, and look whether an earlier post is there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.clock import Epoch, after
from engine.errors import Permanent
from engine.outbox import CHAT_DELAYS, ChatContent
from engine.ports import Lane

if TYPE_CHECKING:
    from engine.outbox import Intent
    from engine.ports import Chat

SKEW = 5
"""Seconds by which Chatwork's clock may be behind ours."""

WINDOW = 100
"""Messages that Chatwork shows at most; what is older cannot be looked for."""


class ChatChannel:
    """Posts `ChatContent`. Implements `engine.outbox.Channel`."""

    def __init__(self, chat: Chat, own_account_id: int) -> None:
        self._chat = chat
        self._own = own_account_id

    def retry_at(self, attempts: int, now: Epoch, retry_after: float | None) -> Epoch | None:
        """By the schedule; a longer wish of Chatwork's (a rate limit) goes first."""
        if attempts > len(CHAT_DELAYS):
            return None
        return after(now, max(CHAT_DELAYS[attempts - 1], retry_after or 0.0))

    async def send(self, intent: Intent) -> str:
        """Post; the receipt is room and message id, as in the address of a message."""
        targets = await self._targets(_content(intent))
        if not targets:
            raise Permanent("no direct chat any more")
        room_id, body = targets[0]
        return f"{room_id}-{await self._chat.post(room_id, body, intent.lane)}"

    async def find(self, intent: Intent) -> str | None:
        """Look among the newest messages: own account, same body, not older than the first attempt."""
        since = (intent.attempted_at or 0) - SKEW
        hidden = False
        for room_id, body in await self._targets(_content(intent)):
            messages = await self._chat.newest_messages(room_id, Lane.REPLY)
            for message in messages:
                own = message.account_id == self._own and message.sent_at >= since
                if own and message.body.strip() == body.strip():
                    return f"{room_id}-{message.message_id}"
            hidden = hidden or (len(messages) >= WINDOW and messages[0].sent_at >= since)
        if hidden:
            raise Permanent("more than 100 messages since the attempt: nobody can know whether it was posted")
        return None

    async def _targets(self, content: ChatContent) -> list[tuple[int, str]]:
        """Where it goes (room, body); after it, where it may have gone while somebody was no contact yet."""
        in_room = (content.room_id, _under(content.salutation, content.body))
        if content.privately_to is None:
            return [in_room]
        direct = (await self._chat.direct_rooms()).get(content.privately_to)
        privately = [] if direct is None else [(direct, _under(content.private_salutation, content.body))]
        return [*privately, *([] if content.only_privately else [in_room])]


def _under(salutation: str, body: str) -> str:
    return f"{salutation}\n{body}" if salutation else body


def _content(intent: Intent) -> ChatContent:
    assert isinstance(intent.content, ChatContent)
    return intent.content
