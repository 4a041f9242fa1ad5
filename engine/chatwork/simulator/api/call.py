"""One API call, with its parameters read and checked."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from engine.chatwork.simulator.errors import bad_request, missing

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from engine.chatwork.simulator.model import Account
    from engine.chatwork.simulator.world import World

Object: TypeAlias = dict[str, object]
Answer: TypeAlias = Object | list[Object] | None  # None and an empty list leave as 204 without a body

LONGEST_BODY = 65_535
_LINK_CODE = re.compile(r"[A-Za-z0-9_-]{1,50}")


@dataclass(frozen=True, slots=True)
class Upload:
    """A file of a multipart form."""

    filename: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Params:
    """Parameters as they came: strings, from the form of a POST or PUT, from the query otherwise."""

    values: Mapping[str, str]
    uploads: Mapping[str, Upload] = field(default_factory=dict)

    def optional(self, name: str, longest: int = LONGEST_BODY) -> str | None:
        """Read a text that may be left out."""
        value = self.values.get(name)
        if value is not None and len(value) > longest:
            raise bad_request(f"Parameter '{name}' must be at most {longest} characters")
        return value

    def text(self, name: str, longest: int = LONGEST_BODY) -> str:
        """Read a text that must be there and not be empty."""
        value = self.optional(name, longest)
        if not value:
            raise missing(name)
        return value

    def number(self, name: str) -> int | None:
        """Read a number that may be left out."""
        value = self.values.get(name)
        if not value:
            return None
        if not (value.isascii() and value.isdigit()):
            raise bad_request(f"Parameter '{name}' must be a number")
        return int(value)

    def flag(self, name: str, *, default: bool = False) -> bool:
        """Read a `0` or `1` that may be left out."""
        return self.choice(name, ("0", "1"), default="1" if default else "0") == "1"

    def choice(self, name: str, allowed: Collection[str], default: str | None = None) -> str:
        """One of a few words."""
        value = self.values.get(name) or default
        if value is None:
            raise missing(name)
        if value not in allowed:
            raise bad_request(f"Parameter '{name}' must be one of {', '.join(allowed)}")
        return value

    def ids(self, name: str) -> list[int]:
        """Read a comma list of account ids; left out or empty it is an empty list."""
        value = self.values.get(name, "")
        if not re.fullmatch(r"(\d+(,\d+)*)?", value, re.ASCII):
            raise bad_request(f"Parameter '{name}' must be a comma-separated list of ids")
        return [int(part) for part in value.split(",") if part]

    def link_code(self, name: str) -> str | None:
        """Read the end of an invitation link."""
        value = self.values.get(name)
        if value is not None and not _LINK_CODE.fullmatch(value):
            raise bad_request(f"Parameter '{name}' must be 1-50 characters of A-Z, a-z, 0-9, _ and -")
        return value

    def upload(self, name: str) -> Upload:
        """Read a file that must be there."""
        if name not in self.uploads:
            raise missing(name)
        return self.uploads[name]


@dataclass(frozen=True, slots=True)
class Call:
    """Who calls, with which token, for which ids of the path, and with which parameters."""

    world: World
    actor: Account
    token: str
    path: Mapping[str, int]
    params: Params
    origin: str  # scheme and host under which the caller reached us

    @property
    def room_id(self) -> int:
        """The room named in the path."""
        return self.path["room"]

    @property
    def message_id(self) -> int:
        """The message named in the path."""
        return self.path["message"]
