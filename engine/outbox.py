"""Things to be sent. How they are sent exactly once stands in `engine/sender.py`.

An intent is written by the same commit that decided it. `pending -> sending -> sent | dropped | dead`:

* `sending` is committed before the attempt, so only one process makes it and a crash leaves a trace;
* an intent found in `sending` may have been sent: its channel looks for it first (Chatwork has no idempotency key);
* the guard is asked at the moment of acting: is the question still open, the person not paused, the brake off?

    {c}:intent:<id>   record  an intent (expires 30 days after its end)
    {c}:brake         record  present while nothing may be sent
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Literal, Protocol

from pydantic import BaseModel, ConfigDict, Field

from engine.clock import DAY, HOUR, MINUTE, Epoch
from engine.commit import Commit, Record
from engine.events import AnyEvent
from engine.ports import Lane

if TYPE_CHECKING:
    from engine.keys import Keys

CHAT_DELAYS = (2.0, 5.0, 15.0, MINUTE, 5 * MINUTE, 15 * MINUTE, HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR)
"""Waits between attempts to post to Chatwork, seconds; the other side's own wish (`retry_after`) goes first."""

KEPT = 30 * DAY
"""How long an ended intent can still be looked up."""


class Kind(StrEnum):
    """What is said: decides the log line."""

    ASK = "ask"
    CASE_CARD = "case_card"
    SHOWN = "shown"
    ROOM_LINE = "room_line"
    ADMINS_WORD = "admins_word"
    WARNING = "warning"
    WITHDRAWAL = "withdrawal"
    REPLY = "reply"
    ALARM = "alarm"
    DIGEST = "digest"
    ACKNOWLEDGEMENT = "acknowledgement"


FACTS: Mapping[Kind, tuple[str, str]] = {
    Kind.ASK: ("ask_sent", "ask_suppressed"),
    Kind.SHOWN: ("question_shown", "question_not_shown"),
    Kind.ROOM_LINE: ("room_line_sent", "room_line_dropped"),
    Kind.ADMINS_WORD: ("admins_told", "admins_word_dropped"),
    Kind.CASE_CARD: ("case_card_sent", "case_card_dropped"),
    Kind.WARNING: ("warning_sent", "warning_dropped"),
    Kind.WITHDRAWAL: ("withdrawal_sent", "withdrawal_dropped"),
    Kind.REPLY: ("reply_sent", "reply_dropped"),
    Kind.ALARM: ("alarm_sent", "alarm_dropped"),
    Kind.DIGEST: ("digest_sent", "digest_dropped"),
    Kind.ACKNOWLEDGEMENT: ("acknowledgement_sent", "acknowledgement_withheld"),
}
"""Log names for an intent that was sent, and for one that was dropped (with `reason`)."""


TOO_LATE: Mapping[Kind, float] = {
    Kind.REPLY: HOUR,
    Kind.ALARM: 12 * HOUR,
    Kind.DIGEST: 6 * HOUR,
    Kind.ROOM_LINE: 12 * HOUR,
}
"""Seconds after which something not yet sent is dropped: an answer to a command long past, the news of another day.
Invitations have a rule of their own; warnings, cards and acknowledgements never lose their sense."""


class ChatContent(BaseModel):
    """A Chatwork message."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    channel: Literal["chat"] = "chat"
    room_id: int
    body: str
    privately_to: int | None = None  # their direct chat if there is one, else the room, after `salutation`
    salutation: str = ""
    private_salutation: str = ""
    only_privately: bool = False  # never in the room


class VendorContent(BaseModel):
    """A Standard Webhooks message to a vendor: `type`, `data` with identifiers only."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    channel: Literal["vendor"] = "vendor"
    vendor_id: str
    type: str
    data: dict[str, str]


class MailContent(BaseModel):
    """An e-mail to a vendor's address."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    channel: Literal["mail"] = "mail"
    vendor_id: str
    subject: str
    text: str


Content = Annotated[ChatContent | VendorContent | MailContent, Field(discriminator="channel")]


class State(StrEnum):
    """Where an intent is."""

    PENDING = "pending"
    SENDING = "sending"
    SENT = "sent"
    DROPPED = "dropped"
    DEAD = "dead"


class Intent(Record):
    """Something to be sent. `subject` is what it is about (a question, case or referral id); `person` whom it asks."""

    id: str
    worker: str
    kind: Kind
    lane: Lane
    subject: str
    person: int | None = None
    content: Content
    created_at: float
    state: State = State.PENDING
    attempts: int = 0
    attempted_at: float | None = None  # since when it may stand in the room: the first attempt, or a redrive
    lease_until: float | None = None  # in `sending`: until then another process is at it
    receipt: str | None = None
    reason: str | None = None
    then: tuple[AnyEvent, ...] = ()
    trace: str | None = None


class Brake(Record):
    """Present while nothing may be sent."""

    pulled_at: float
    by: str


@dataclass(frozen=True, slots=True)
class Go:
    """The guard agrees."""


@dataclass(frozen=True, slots=True)
class Drop:
    """No longer wanted; `reason` from the guard's closed list."""

    reason: str


@dataclass(frozen=True, slots=True)
class Later:
    """Not now, but at `at`."""

    at: Epoch
    reason: str


Verdict = Go | Drop | Later
Guard = Callable[[Intent, Commit], Awaitable[Verdict]]
"""Reads through the commit, so that what it saw must still hold when its verdict is written."""


class Channel(Protocol):
    """A way out. Raises `Transient` (with `maybe_done` when the other side may have acted) or `Permanent`."""

    def retry_at(self, attempts: int, now: Epoch, retry_after: float | None, /) -> Epoch | None:
        """When to try again after `attempts` failures; `retry_after` is the other side's wish. None: never."""
        ...

    async def send(self, intent: Intent, /) -> str:
        """Send; returns a receipt (a message id, a status)."""
        ...

    async def find(self, intent: Intent, /) -> str | None:
        """Receipt of an earlier attempt, None if it certainly failed. Raises `Permanent` if that is unknowable."""
        ...


def intent_key(keys: Keys, intent_id: str) -> str:
    """Key of an intent."""
    return keys("intent", intent_id)


def brake_key(keys: Keys) -> str:
    """Key of the brake."""
    return keys("brake")


async def put(commit: Commit, intent: Intent, *, at: Epoch | None = None) -> bool:
    """Write an intent into a commit, due at `at` (now); False if this id was written before: it is sent only once."""
    if await was_put(commit, intent.id):
        return False
    key = intent_key(commit.db.keys, intent.id)
    commit.write(key, intent.model_copy(update={"trace": commit.trace}))
    commit.wake(intent.worker, "deliver", intent.id, at or commit.now)
    return True


async def was_put(commit: Commit, intent_id: str) -> bool:
    """True if an intent of this id was written within the last `KEPT`."""
    return await commit.read(intent_key(commit.db.keys, intent_id), Intent) is not None


async def set_brake(commit: Commit, *, pull: bool, by: str) -> bool:
    """Stop or resume all sending; False if it was so already. Replies to admins go out all the same."""
    key = brake_key(commit.db.keys)
    pulled = await commit.read(key, Brake) is not None
    if pulled == pull:
        return False
    if pull:
        commit.write(key, Brake(pulled_at=commit.now, by=by))
        commit.fact("brake_on", by=by)
    else:
        commit.erase(key)
        commit.fact("brake_off", by=by)
    return True


async def redrive(commit: Commit, intent_id: str) -> bool:
    """Give a dead intent a second life; False if there is none."""
    key = intent_key(commit.db.keys, intent_id)
    intent = await commit.read(key, Intent)
    if intent is None or intent.state is not State.DEAD:
        return False
    # attempts begin anew; it was dead because it failed or is unknowable, and a person has looked since
    anew = {"state": State.PENDING, "attempts": 0, "attempted_at": commit.now, "reason": None, "lease_until": None}
    commit.write(key, intent.model_copy(update=anew))
    commit.wake(intent.worker, "deliver", intent.id, commit.now)
    return True
