"""Webhooks: who registered for what, and the exact bytes that go out. Pure; `courier.py` carries them.

A webhook is either an account event (`mention_to_me`, every room of the account) or a room event (`message_created`
and/or `message_updated`, one room). Both see the account's own posts, except that nobody mentions themselves.
An edit that adds a mention, `[toall]` and a deletion notify nobody: no documentation says they do.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import secrets
from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from engine.chatwork.simulator.errors import bad_request

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from engine.chatwork.simulator.model import Message, Room

WEBHOOKS_PER_ACCOUNT = 5
FAILURES_UNTIL_INVALID = 50  # in a row; the real threshold is not published
RECORDING_LAG = 0.7  # seconds between sending a message and the webhook system noticing it
USER_AGENT = "ChatWork-Webhook/1.0.0"
SIGNATURE_HEADER = "x-chatworkwebhooksignature"
SIGNATURE_PARAMETER = "chatwork_webhook_signature"


class Trigger(StrEnum):
    """The three webhook event types."""

    MENTION = "mention_to_me"
    CREATED = "message_created"
    UPDATED = "message_updated"


ACCOUNT_EVENT = frozenset({Trigger.MENTION})
ROOM_EVENT = frozenset({Trigger.CREATED, Trigger.UPDATED})


@dataclass(slots=True, kw_only=True)
class Webhook:
    """One registration. `room_id` is None for an account event."""

    setting_id: str
    account_id: int
    url: str
    token: str
    triggers: frozenset[Trigger]
    room_id: int | None = None
    valid: bool = True
    failures: int = 0

    def succeeded(self) -> None:
        """Count a delivery that arrived."""
        self.failures = 0

    def failed(self) -> None:
        """Count a delivery that failed; too many in a row end the webhook until somebody enables it again."""
        self.failures += 1
        self.valid = self.valid and self.failures < FAILURES_UNTIL_INVALID

    def enable(self, *, valid: bool) -> None:
        """Do what a person does in the web page."""
        self.valid = valid
        self.failures = 0


class Fate(StrEnum):
    """What became of a delivery. There is no "again": Chatwork never resends."""

    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"
    DROPPED = "dropped"


@dataclass(slots=True, kw_only=True)
class Delivery:
    """One request to one webhook."""

    webhook: Webhook
    trigger: Trigger
    room_id: int
    message_id: int
    body: bytes
    fate: Fate = Fate.PENDING
    http_status: int | None = None
    reason: str = ""

    def settle(self, fate: Fate, reason: str = "", http_status: int | None = None) -> None:
        """Write down how it ended."""
        self.fate, self.reason, self.http_status = fate, reason, http_status


@dataclass(slots=True)
class Tally:
    """Every delivery ever, by how it ended: the list keeps only the newest."""

    sent: int = 0
    ended: Counter[tuple[Fate, int | None]] = field(default_factory=Counter)

    def count(self, delivery: Delivery) -> None:
        """Count one that has met its fate."""
        self.ended[delivery.fate, delivery.http_status] += 1


def check(webhook: Webhook, existing: Iterable[Webhook]) -> None:
    """Refuse what the form of the web page would refuse."""
    others = [other for other in existing if other.account_id == webhook.account_id]
    if len(others) >= WEBHOOKS_PER_ACCOUNT:
        raise bad_request(f"An account has at most {WEBHOOKS_PER_ACCOUNT} webhooks")
    if not webhook.url.startswith(("https://", "http://")):
        raise bad_request("A webhook URL starts with https:// (the simulator also takes http://)")
    kind = ACCOUNT_EVENT if webhook.room_id is None else ROOM_EVENT
    if not webhook.triggers or not webhook.triggers <= kind:
        raise bad_request("An account event takes mention_to_me, a room event message_created and/or message_updated")
    try:
        base64.b64decode(webhook.token, validate=True)
    except binascii.Error:
        raise bad_request("A webhook token is base64") from None


def concerned(
    webhooks: Iterable[Webhook], room: Room, message: Message, change: Trigger
) -> Iterator[tuple[Webhook, Trigger]]:
    """Which webhooks fire, and as what. One message may fire two of the same account."""
    for webhook in webhooks:
        if not webhook.valid or not room.is_member(webhook.account_id):
            continue
        if change in webhook.triggers and webhook.room_id == room.room_id:
            yield webhook, change
        mentioned = webhook.account_id in message.mentions and webhook.account_id != message.account_id
        if mentioned and change is Trigger.CREATED and Trigger.MENTION in webhook.triggers:
            yield webhook, Trigger.MENTION


def payload(webhook: Webhook, trigger: Trigger, message: Message, now: float) -> bytes:
    """Write the request body: compact JSON, in the documented order of fields."""
    envelope = {
        "webhook_setting_id": webhook.setting_id,
        "webhook_event_type": trigger.value,
        "webhook_event_time": int(now + RECORDING_LAG),
        "webhook_event": _mention(webhook, message) if trigger is Trigger.MENTION else _message(message),
    }
    return json.dumps(envelope, ensure_ascii=False, separators=(",", ":")).encode()


def _message(message: Message) -> dict[str, object]:
    return {
        "message_id": str(message.message_id),
        "room_id": message.room_id,
        "account_id": message.account_id,
        "body": message.body,
        "send_time": message.send_time,
        "update_time": message.update_time,
    }


def _mention(webhook: Webhook, message: Message) -> dict[str, object]:
    return {
        "from_account_id": message.account_id,
        "to_account_id": webhook.account_id,
        "room_id": message.room_id,
        "message_id": str(message.message_id),
        "body": message.body,
        "send_time": message.send_time,
        "update_time": message.update_time,
    }


def random_token() -> str:
    """Make a token as Chatwork does: 32 random bytes in base64."""
    return base64.b64encode(secrets.token_bytes(32)).decode()


def sign(token: str, body: bytes) -> str:
    """Compute the signature; its key is the decoded token, not the token's text."""
    digest = hmac.new(base64.b64decode(token), body, hashlib.sha256).digest()
    return base64.b64encode(digest).decode()


def signed_url(url: str, signature: str) -> str:
    """Put the signature into the query of a URL, percent-encoded in lower case as captured requests are."""
    encoded = signature.replace("+", "%2b").replace("/", "%2f").replace("=", "%3d")
    return f"{url}{'&' if '?' in url else '?'}{SIGNATURE_PARAMETER}={encoded}"
