"""Bodies of the control API, checked by pydantic."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

# pydantic reads these names at run time, from subclasses of our own base
from engine.chatwork.simulator.faults import FaultKind
from engine.chatwork.simulator.model import Role
from engine.chatwork.simulator.webhooks import Trigger


class Order(BaseModel):
    """Unknown fields are mistakes."""

    model_config = ConfigDict(extra="forbid")


class NewAccount(Order):
    """Somebody signs up."""

    name: str
    account_id: int | None = None
    token: str | None = None
    organization_id: int = 0
    organization_name: str = ""


class NewRoom(Order):
    """A group appears, without a word about it."""

    name: str
    members: dict[int, Role]
    room_id: int | None = None
    link_code: str | None = None
    need_acceptance: bool = False


class RoomSettings(Order):
    """Settings that only the web page has."""

    show_members: bool | None = None
    only_admins_write: bool | None = None


class Membership(Order):
    """Somebody is in a room, or (`role` null) is not; nobody is told."""

    account_id: int
    role: Role | None


class Pair(Order):
    """Two people."""

    from_id: int
    to_id: int
    message: str = ""


class NewWebhook(Order):
    """What the form of the web page asks for."""

    account_id: int
    url: str
    events: list[Trigger]
    room_id: int | None = None
    setting_id: str | None = None
    token: str | None = None


class WebhookChange(Order):
    """A person enables a webhook again, disables it, or corrects its address."""

    status: Literal["valid", "invalid"] | None = None
    url: str | None = None


class Speech(Order):
    """Somebody says something."""

    account_id: int
    body: str


class Text(Order):
    """The new wording of a message; its author edits it."""

    body: str


class Join(Order):
    """Somebody follows an invitation link."""

    account_id: int
    code: str


class Person(Order):
    """Somebody."""

    account_id: int


class Approval(Order):
    """An admin lets somebody in."""

    admin_id: int
    account_id: int


class ClockMove(Order):
    """The world's clock goes ahead."""

    advance: Annotated[float, Field(ge=0)]


class NewFault(Order):
    """The next `count` requests (of this method) or deliveries go wrong."""

    kind: FaultKind
    count: Annotated[int, Field(ge=1)] = 1
    method: Literal["GET", "POST", "PUT", "DELETE"] | None = None


class InboxSettings(Order):
    """The status a vendor's inbox answers with."""

    status: Annotated[int, Field(ge=200, le=599)]
