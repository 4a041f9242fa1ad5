"""What happened, in our own words. Events cross Redis, so they are frozen, versioned pydantic models.

An `event_id` names kind, subject and update time: the same fact told twice (two webhooks, a webhook and a gap fill,
a handler that ran again) has the same id and is published once.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

if TYPE_CHECKING:
    from collections.abc import Mapping

VERSION = 2
"""The newest envelope that this code reads; entries with a higher one are left for newer code."""


class Event(BaseModel):
    """A fact. Unknown fields are refused: a change of shape is a new version."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @property
    def event_id(self) -> str:
        """Stable identity: equal facts have equal ids."""
        raise NotImplementedError  # every event below names itself


class MessageCreated(Event):
    """Somebody wrote in a room. Times are epoch seconds, ids as Chatwork gives them."""

    kind: Literal["message_created"] = "message_created"
    room_id: int
    message_id: str
    account_id: int
    body: str
    sent_at: int

    @property
    def event_id(self) -> str:
        """Room and message; a new message has no update time."""
        return f"{self.kind}:{self.room_id}:{self.message_id}:0"


class MessageUpdated(Event):
    """Somebody edited a message; `body` is the new text."""

    kind: Literal["message_updated"] = "message_updated"
    room_id: int
    message_id: str
    account_id: int
    body: str
    sent_at: int
    updated_at: int

    @property
    def event_id(self) -> str:
        """Room, message and time of the edit."""
        return f"{self.kind}:{self.room_id}:{self.message_id}:{self.updated_at}"


class MessageDeleted(Event):
    """A message reads as deleted; Chatwork tells neither when nor by webhook."""

    kind: Literal["message_deleted"] = "message_deleted"
    room_id: int
    message_id: str
    account_id: int
    sent_at: int

    @property
    def event_id(self) -> str:
        """Room and message; it happens once."""
        return f"{self.kind}:{self.room_id}:{self.message_id}"


class MemberJoined(Event):
    """`GET members` shows somebody new in a room."""

    kind: Literal["member_joined"] = "member_joined"
    room_id: int
    account_id: int
    seen_at: int

    @property
    def event_id(self) -> str:
        """Room, account and when it was first seen (people come back)."""
        return f"{self.kind}:{self.room_id}:{self.account_id}:{self.seen_at}"


class MemberLeft(Event):
    """`GET members` no longer shows somebody."""

    kind: Literal["member_left"] = "member_left"
    room_id: int
    account_id: int
    seen_at: int

    @property
    def event_id(self) -> str:
        """Room, account and when it was noticed."""
        return f"{self.kind}:{self.room_id}:{self.account_id}:{self.seen_at}"


class QuestionAsked(Event):
    """A message was found to be a question."""

    kind: Literal["question_asked"] = "question_asked"
    question_id: str
    room_id: int
    message_id: str
    account_id: int
    asked_at: int

    @property
    def event_id(self) -> str:
        """The question."""
        return f"{self.kind}:{self.question_id}"


class QuestionAnswered(Event):
    """A member answered a question; `was_asked` tells whether the engine had asked this member."""

    kind: Literal["question_answered"] = "question_answered"
    question_id: str
    message_id: str
    account_id: int
    was_asked: bool
    answered_at: int

    @property
    def event_id(self) -> str:
        """The question and the answering message."""
        return f"{self.kind}:{self.question_id}:{self.message_id}"


class MemberAsked(Event):
    """The engine's invitation to answer was really posted."""

    kind: Literal["member_asked"] = "member_asked"
    question_id: str
    account_id: int

    @property
    def event_id(self) -> str:
        """Nobody is asked twice for one question."""
        return f"{self.kind}:{self.question_id}:{self.account_id}"


class AskPassed(Event):
    """An asked member said "not me"."""

    kind: Literal["ask_passed"] = "ask_passed"
    question_id: str
    account_id: int
    passed_at: int

    @property
    def event_id(self) -> str:
        """One pass per question and person."""
        return f"{self.kind}:{self.question_id}:{self.account_id}"


class AnswerTakenBack(Event):
    """What was taken for an answer is none: it was deleted, edited, or belongs to something said before it."""

    kind: Literal["answer_taken_back"] = "answer_taken_back"
    question_id: str
    message_id: str
    account_id: int

    @property
    def event_id(self) -> str:
        """The question and the message that does not answer it."""
        return f"{self.kind}:{self.question_id}:{self.message_id}"


class ThanksGiven(Event):
    """The asker called the question solved; `helpers` answered it."""

    kind: Literal["thanks_given"] = "thanks_given"
    question_id: str
    account_id: int
    helpers: tuple[int, ...]
    thanked_at: int

    @property
    def event_id(self) -> str:
        """A question is solved once."""
        return f"{self.kind}:{self.question_id}"


class StrikeIssued(Event):
    """A warning was approved and counts against its author until it expires."""

    kind: Literal["strike_issued"] = "strike_issued"
    case_id: str
    account_id: int
    issued_at: int

    @property
    def event_id(self) -> str:
        """One strike per case."""
        return f"{self.kind}:{self.case_id}"


class ReferralReceived(Event):
    """A vendor referred a doctor through the API."""

    kind: Literal["referral_received"] = "referral_received"
    referral_id: str
    vendor_id: str

    @property
    def event_id(self) -> str:
        """The referral."""
        return f"{self.kind}:{self.referral_id}"


class ReferralJoined(Event):
    """A referred doctor's membership was attributed to the referral."""

    kind: Literal["referral_joined"] = "referral_joined"
    referral_id: str
    account_id: int
    joined_at: int

    @property
    def event_id(self) -> str:
        """A referral joins once."""
        return f"{self.kind}:{self.referral_id}"


AnyEvent = Annotated[
    MessageCreated
    | MessageUpdated
    | MessageDeleted
    | MemberJoined
    | MemberLeft
    | QuestionAsked
    | QuestionAnswered
    | AnswerTakenBack
    | MemberAsked
    | AskPassed
    | ThanksGiven
    | StrikeIssued
    | ReferralReceived
    | ReferralJoined,
    Field(discriminator="kind"),
]


SINCE: Mapping[str, int] = {"message_deleted": 2, "answer_taken_back": 2}
"""The version that first could read a kind of event; 1 where nothing stands here. An envelope says no more than that,
so that during an upgrade older code goes on with all that it knows and leaves the rest."""


class Envelope(BaseModel):
    """An event on its way: identity, trace (shared by all that follows from one webhook), time of recording."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: int = 1
    event_id: str
    trace: str
    recorded_at: float
    event: AnyEvent


class VersionProbe(BaseModel):
    """The one field that code of every version can read."""

    version: int = 1


def envelope(event: AnyEvent, *, now: float, trace: str | None = None) -> Envelope:
    """Wrap an event; without a `trace` a new one begins, derived from the event's id."""
    event_id = event.event_id
    trace = trace or hashlib.blake2s(event_id.encode(), digest_size=6).hexdigest()
    version = SINCE.get(event.kind, 1)
    return Envelope(version=version, event_id=event_id, trace=trace, recorded_at=now, event=event)


class NewerVersion(ValueError):
    """The entry was written by newer code: leave it for that code."""


def parse_envelope(data: str | bytes) -> Envelope:
    """Read an envelope. Raises `NewerVersion`, or pydantic's ValidationError for what no version of ours wrote."""
    try:
        return Envelope.model_validate_json(data)
    except ValidationError:
        if VersionProbe.model_validate_json(data).version > VERSION:
            raise NewerVersion from None
        raise
