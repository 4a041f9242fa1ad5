"""The outbox's way into Chatwork: post, and look whether an earlier post is there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.errors import Permanent
from engine.outbox import CHAT_DELAYS, ChatContent

if TYPE_CHECKING:
    from engine.outbox import Intent
    from engine.ports import Chat

SKEW = 5
"""Seconds by which Chatwork's clock may be behind ours."""

WINDOW = 100
"""Messages that Chatwork shows at most; what is older cannot be looked for."""


class ChatChannel:
    """Posts `ChatContent`. Implements `engine.outbox.Channel`."""

    delays = CHAT_DELAYS

    def __init__(self, chat: Chat, own_account_id: int) -> None:
        self._chat = chat
        self._own = own_account_id

    async def send(self, intent: Intent) -> str:
        """Post; the receipt is the message id."""
        content = _content(intent)
        return await self._chat.post(content.room_id, content.body, intent.lane)

    async def find(self, intent: Intent) -> str | None:
        """Look among the room's newest messages: own account, same body, not older than the first attempt."""
        content = _content(intent)
        since = (intent.attempted_at or 0) - SKEW
        messages = await self._chat.newest_messages(content.room_id)
        for message in messages:
            if (
                message.account_id == self._own
                and message.sent_at >= since
                and message.body.strip() == content.body.strip()
            ):
                return message.message_id
        if len(messages) >= WINDOW and messages[0].sent_at > since:
            raise Permanent("more than 100 messages since the attempt: nobody can know whether it was posted")
        return None


def _content(intent: Intent) -> ChatContent:
    assert isinstance(intent.content, ChatContent)
    return intent.content
