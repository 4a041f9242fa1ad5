"""Settings: the environment (secrets, addresses) and `community.toml` (how the community lives).

Both are frozen models, read and checked once at start. A mistake is answered by one sentence with the remedy.
"""

from __future__ import annotations

import difflib
import os
import re
import tomllib
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from engine.clock import DAY, HOUR
from engine.errors import Refused
from engine.spans import DaySpan, Duration, Lasting, Quiet, YearSpan, parse_closure, parse_span
from engine.toml_lines import line_of

if TYPE_CHECKING:
    from collections.abc import Mapping

PUBLIC_API = "https://api.chatwork.com/v2"


class Section(BaseModel):
    """A table of `community.toml`."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class CommunitySection(Section):
    """Who this community is."""

    id: Annotated[str, Field(pattern=r"^[a-z0-9_-]{1,40}$")] = "main"
    name: str = "ユルユル投稿板"
    timezone: str = "Asia/Tokyo"


class Room(Section):
    """A room the engine looks after."""

    room_id: int
    role: Literal["board", "admin", "vendor"]


class ActiveHours(Section):
    """When members may be asked."""

    weekday: tuple[DaySpan, ...] = (parse_span("12:30-15:00"), parse_span("19:30-22:30"))
    weekend: tuple[DaySpan, ...] = (parse_span("09:00-22:30"),)
    holidays: Annotated[str, Field(pattern=r"^([A-Z]{2}|none)$")] = "JP"
    closed: tuple[YearSpan, ...] = (parse_closure("08-13..08-16"), parse_closure("12-29..01-03"))  # お盆, 年末年始
    quiet: Quiet = parse_span("23:00-07:00")
    always: bool = False


class Nudge(Section):
    """How insistent the engine is. Waves are active time since the question."""

    waves: Annotated[tuple[Duration, ...], Field(min_length=1)] = (2 * HOUR, 6 * HOUR, 14 * HOUR)
    room_line_after: Duration = 24 * HOUR
    admins_after: Duration = 48 * HOUR
    max_per_wave: Annotated[int, Field(ge=1, le=3)] = 3
    asks_per_day: Annotated[int, Field(ge=0)] = 1
    asks_per_week: Annotated[int, Field(ge=0)] = 3


class Score(Section):
    """How fast the past fades."""

    half_life: Lasting = 30 * DAY


class Moderation(Section):
    """What may happen without an admin. A removal never may."""

    warn: Literal["approve", "auto"] = "approve"
    mute: Literal["approve", "auto"] = "approve"
    remove: Literal["approve"] = "approve"
    strike_expires: Duration = 180 * DAY


class Referral(Section):
    """How long a referral waits for its doctor."""

    expires: Duration = 90 * DAY


class Retention(Section):
    """How long texts are kept."""

    messages: Lasting = 400 * DAY


class Community(Section):
    """The whole of `community.toml`; every key has a default."""

    community: CommunitySection = CommunitySection()
    rooms: tuple[Room, ...] = ()
    active_hours: ActiveHours = ActiveHours()
    nudge: Nudge = Nudge()
    score: Score = Score()
    moderation: Moderation = Moderation()
    referral: Referral = Referral()
    retention: Retention = Retention()

    def rooms_of(self, role: str) -> tuple[int, ...]:
        """Ids of the rooms with a role."""
        return tuple(room.room_id for room in self.rooms if room.role == role)

    def role_of(self, room_id: int) -> str | None:
        """Role of a room, None for a room that is not ours."""
        return next((room.role for room in self.rooms if room.room_id == room_id), None)


class Environment(BaseSettings):
    """The environment; every secret may also come as a file named by `…_FILE`."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore")

    redis_url: Annotated[str | None, Field(repr=False)] = None  # may carry a password
    data_dir: Path = Path("data")
    yuruyuru_config: Path | None = None
    chatwork_api_token: SecretStr | None = None
    chatwork_api_url: str = PUBLIC_API
    chatwork_webhook_tokens: SecretStr | None = None
    admin_token: SecretStr | None = None
    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8080
    log_format: Literal["json", "console", "auto"] = "auto"
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    dry_run: bool = False
    vendor_allow_networks: str = ""
    smtp_url: SecretStr | None = None

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Only what `load_environment` gives: it knows of `…_FILE`, and an empty variable counts as unset."""
        del settings_cls, env_settings, dotenv_settings, file_secret_settings
        return (init_settings,)

    @property
    def allowed_networks(self) -> tuple[IPv4Network | IPv6Network, ...]:
        """Private networks that vendors' webhooks may reach."""
        return tuple(ip_network(part.strip()) for part in self.vendor_allow_networks.split(",") if part.strip())


def load_environment(environ: Mapping[str, str] | None = None) -> Environment:
    """Read the environment. Raises `Refused` with the name of what is wrong, never with a value."""
    environ = os.environ if environ is None else environ
    values = {name: environ.get(name.upper(), "").strip() for name in Environment.model_fields}
    values = {name: value for name, value in values.items() if value}
    for name in Environment.model_fields:
        path = environ.get(f"{name.upper()}_FILE")
        if path and name not in values:
            values[name] = _read_secret(name, Path(path))
    for name, value in values.items():
        if re.search(r"[\x00-\x1f\x7f]", value):
            raise Refused(f"{name.upper()}: contains a line break or another control character; set it again")
    try:
        environment = Environment.model_validate(values)
        _ = environment.allowed_networks
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        raise Refused(f"{str(first['loc'][0]).upper()}: {first['msg']}") from None
    except ValueError:
        raise Refused("VENDOR_ALLOW_NETWORKS: write networks as 10.0.0.0/8,fd00::/8") from None
    return environment


def _read_secret(name: str, path: Path) -> str:
    try:
        secret = path.read_text(encoding="utf-8-sig").strip()
    except OSError as error:
        raise Refused(f"{name.upper()}_FILE: cannot read {path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise Refused(f"{name.upper()}_FILE: {path} is not text in UTF-8") from None
    if not secret:
        raise Refused(f"{name.upper()}_FILE: {path} is empty")
    return secret


def load_community(path: Path | None) -> Community:
    """Read `community.toml`. Raises `Refused` with line, key and the nearest known name."""
    if path is None:
        return Community()
    try:
        text = path.read_text(encoding="utf-8-sig")  # editors on Windows begin a file with a byte order mark
        tables = tomllib.loads(text)
    except OSError as error:
        raise Refused(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise Refused(f"{path}: is not text in UTF-8; save it with this encoding") from None
    except tomllib.TOMLDecodeError as error:
        raise Refused(f"{path}: is not TOML: {error}") from None
    try:
        return Community.model_validate(tables)
    except ValidationError as error:
        found = error.errors(include_url=False)
        # a misspelt key also leaves the right one missing: the slip says more than its consequence
        first = next((each for each in found if each["type"] == "extra_forbidden"), found[0])
        raise Refused(f"{path}{_explain(first['loc'], first['type'], first['msg'], text)}") from None


def _explain(loc: tuple[int | str, ...], kind: str, message: str, text: str) -> str:
    names = [part for part in loc if isinstance(part, str)]
    section, key = names[0], names[-1]
    line = line_of(loc, text)
    if kind != "extra_forbidden":
        return f", line {line}: {'.'.join(names)}: {message.removeprefix('Value error, ')}"
    known = _known_names(section) if len(names) > 1 else list(Community.model_fields)
    near = difflib.get_close_matches(key, known, n=1, cutoff=0)
    return f", line {line}: unknown key {'.'.join(names)}; did you mean {near[0]}?"


def _known_names(section: str) -> list[str]:
    model = Room if section == "rooms" else type(getattr(Community(), section))
    return list(model.model_fields)


def parse_webhook_tokens(text: str) -> dict[str, tuple[str, ...]]:
    """`id=token,id=token` by id (an id may come twice: rotation), or one bare token under `*` for every id.

    Raises `Refused` for an empty token, whose signatures anybody could make, and where there is no token at all.
    """
    tokens: dict[str, tuple[str, ...]] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        setting_id, separator, token = (word.strip() for word in part.partition("="))
        if not separator or not setting_id.isdigit():
            setting_id, token = "*", part
        if not token.strip("="):
            raise Refused(f"CHATWORK_WEBHOOK_TOKENS: webhook {setting_id} has no token; write it as id=token")
        tokens[setting_id] = (*tokens.get(setting_id, ()), token)
    if not tokens:
        raise Refused("CHATWORK_WEBHOOK_TOKENS: holds no token; copy it from Chatwork's webhook form, see README")
    return tokens
