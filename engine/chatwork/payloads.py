"""Chatwork's JSON, in Chatwork's names: only the fields used, unknown ones ignored. Nothing past this file sees it.

Webhooks: https://developer.chatwork.com/docs/webhook · REST: https://developer.chatwork.com/reference
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StrictInt, TypeAdapter


def _id_text(value: object) -> object:
    """Message ids are strings, but take a number as well: 64 bits, never a float."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _id_number(value: object) -> object:
    """Other ids are numbers, but take their digits as text as well."""
    return int(value) if isinstance(value, str) and value.isascii() and value.isdigit() else value


def _whole_text(value: object) -> object:
    """Replace lone surrogates, which JSON can carry and UTF-8 cannot."""
    return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace") if isinstance(value, str) else value


LARGEST_ID = 2**64 - 1
LATEST = 2**36
"""Epoch seconds in the year 4147: what comes later is no time, and no calendar can reckon with it."""

TextId = Annotated[str, BeforeValidator(_id_text), Field(pattern=r"^[0-9]{1,20}$")]  # \d would take １２３, too
NumberId = Annotated[StrictInt, BeforeValidator(_id_number), Field(ge=0, le=LARGEST_ID)]
Text = Annotated[str, BeforeValidator(_whole_text)]
EpochSeconds = Annotated[StrictInt, BeforeValidator(_id_number), Field(ge=0, le=LATEST)]


class Payload(BaseModel):
    """A part of Chatwork's JSON."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class MessageBody(Payload):
    """`webhook_event` of `message_created` and `message_updated`."""

    message_id: TextId
    room_id: NumberId
    account_id: NumberId
    body: Text
    send_time: EpochSeconds
    update_time: EpochSeconds = 0


class MentionBody(Payload):
    """`webhook_event` of `mention_to_me`."""

    message_id: TextId
    room_id: NumberId
    from_account_id: NumberId
    to_account_id: NumberId
    body: Text
    send_time: EpochSeconds
    update_time: EpochSeconds = 0


class WebhookEnvelope(Payload):
    """What every webhook has; the event type may be one we do not know."""

    webhook_setting_id: TextId
    webhook_event_type: str
    webhook_event_time: EpochSeconds


class MessageWebhook(WebhookEnvelope):
    """A room event."""

    webhook_event_type: Literal["message_created", "message_updated"]
    webhook_event: MessageBody


class MentionWebhook(WebhookEnvelope):
    """An account event."""

    webhook_event_type: Literal["mention_to_me"]
    webhook_event: MentionBody


class SettingIdProbe(Payload):
    """The one field read before the signature is checked; untrusted until then."""

    webhook_setting_id: TextId


Webhook = Annotated[MessageWebhook | MentionWebhook, Field(discriminator="webhook_event_type")]
webhook_adapter: TypeAdapter[MessageWebhook | MentionWebhook] = TypeAdapter(Webhook)
KNOWN_TYPES = frozenset({"message_created", "message_updated", "mention_to_me"})


class AccountPayload(Payload):
    """`GET /me`, and the `account` of a message."""

    account_id: int
    name: str


class MemberPayload(AccountPayload):
    """A row of `GET /rooms/{room_id}/members`."""

    role: str


class MemberListsPayload(Payload):
    """Answer to `PUT /rooms/{room_id}/members`: account ids by role."""

    admin: list[int]
    member: list[int]
    readonly: list[int]


class ContactPayload(AccountPayload):
    """A row of `GET /contacts`; `room_id` is the direct chat."""

    room_id: int


class RoomPayload(Payload):
    """A row of `GET /rooms`."""

    room_id: int
    message_num: int


class MessagePayload(Payload):
    """A row of `GET /rooms/{room_id}/messages`."""

    message_id: TextId
    account: AccountPayload
    body: Text
    send_time: int
    update_time: int


class PostedPayload(Payload):
    """Answer to `POST /rooms/{room_id}/messages`."""

    message_id: TextId
