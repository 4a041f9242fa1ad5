"""The Chatwork REST API v2, as much of it as the engine uses: typed in, typed out, limits kept, errors translated.

The token never reaches a log or an exception: requests are described by method and path only.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self, TypeVar

import aiohttp
from pydantic import TypeAdapter, ValidationError

from engine.chatwork.payloads import (
    AccountPayload,
    ContactPayload,
    MemberListsPayload,
    MemberPayload,
    MessagePayload,
    PostedPayload,
    RoomPayload,
)
from engine.errors import Ignored, Permanent, Transient
from engine.log import get_logger
from engine.ports import Account, Lane, PostedMessage

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

    from pydantic import SecretStr

    from engine.chatwork.limits import Limiter

log = get_logger()
T = TypeVar("T")

TIMEOUT = aiohttp.ClientTimeout(total=10, connect=5)
"""A post may need a look at the contacts first: two of these stay below the sender's lease."""

ROLES = ("admin", "member", "readonly")
ROOM_PAUSE = 10.0
LONGEST_PAUSE = 300.0
TEXT_LIMIT = 200
"""Characters of Chatwork's error text kept in a reason."""


class ChatworkClient:
    """Speaks as the owner of `token`; an async context manager. Implements `engine.ports.Chat`."""

    def __init__(self, base_url: str, token: SecretStr, limiter: Limiter) -> None:
        self._base = base_url.rstrip("/")
        self._token = token
        self._limiter = limiter
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        headers = {"x-chatworktoken": self._token.get_secret_value(), "accept": "application/json"}
        self._session = aiohttp.ClientSession(
            headers=headers, timeout=TIMEOUT, cookie_jar=aiohttp.DummyCookieJar(), middlewares=(_once,)
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._session is not None
        await self._session.close()

    async def me(self) -> Account:
        """`GET /me`."""
        account = await self._get("/me", AccountPayload, Lane.REPLY)
        return Account(account.account_id, account.name)

    async def members(self, room_id: int) -> list[Account]:
        """`GET /rooms/{room_id}/members`."""
        rows = await self._get(f"/rooms/{room_id}/members", list[MemberPayload], Lane.KEEPER)
        return [Account(row.account_id, row.name, row.role) for row in rows]

    async def put_members(self, room_id: int, roles: Mapping[int, str]) -> dict[int, str]:
        """`PUT /rooms/{room_id}/members`, which replaces the whole list."""
        form = {
            f"members_{role}_ids": ",".join(str(who) for who, has in roles.items() if has == role) for role in ROLES
        }
        wanted = {name: ids for name, ids in form.items() if ids}
        answer = await self._request("PUT", f"/rooms/{room_id}/members", Lane.MODERATION, form=wanted)
        lists = _read(MemberListsPayload, answer.content)
        if lists is None:
            raise Transient(f"PUT members: {answer.status} with an unreadable body", maybe_done=True)
        return {who: role for role in ROLES for who in getattr(lists, role)}

    async def newest_messages(self, room_id: int, lane: Lane) -> list[PostedMessage]:
        """`GET /rooms/{room_id}/messages?force=1`, oldest first; `force=0` would share one cursor with others."""
        rows = await self._get(f"/rooms/{room_id}/messages?force=1", list[MessagePayload], lane)
        messages = [
            PostedMessage(row.message_id, row.account.account_id, row.body, row.send_time, row.update_time)
            for row in rows
        ]
        return sorted(messages, key=lambda message: (message.sent_at, int(message.message_id)))

    async def message_counts(self) -> dict[int, int]:
        """`GET /rooms`."""
        rows = await self._get("/rooms", list[RoomPayload], Lane.KEEPER)
        return {row.room_id: row.message_num for row in rows}

    async def direct_rooms(self) -> dict[int, int]:
        """The direct chats with our contacts, from `GET /contacts`."""
        rows = await self._get("/contacts", list[ContactPayload], Lane.REPLY)
        return {row.account_id: row.room_id for row in rows}

    async def post(self, room_id: int, body: str, lane: Lane) -> str:
        """`POST /rooms/{room_id}/messages`; returns the message id."""
        answer = await self._request("POST", f"/rooms/{room_id}/messages", lane, form={"body": body}, post_to=room_id)
        posted = _read(PostedPayload, answer.content)
        if posted is None:
            raise Transient(f"POST message: {answer.status} with an unreadable body", maybe_done=True)
        return posted.message_id

    async def _get(self, path: str, shape: type[T], lane: Lane) -> T:
        answer = await self._request("GET", path, lane)
        found = _read(shape, b"[]" if answer.status == 204 else answer.content)
        if found is None:
            raise Transient(f"GET {path}: {answer.status} with an unreadable body")
        return found

    async def _request(
        self, method: str, path: str, lane: Lane, *, form: dict[str, str] | None = None, post_to: int | None = None
    ) -> _Answer:
        """One request within the limits; an answer that is a yes. A post without a whole answer may have been done."""
        await self._limiter.admit(lane, post_to=post_to)
        what = f"{method} {path.partition('?')[0]}"
        answer = await self._exchange(method, path, what, form)
        if isinstance(answer, Transient):
            raise answer  # not where it was caught: the foreign exception knows the request's headers, so the token
        if answer.status == 429:
            raise await self._too_many(what, answer, post_to)
        if answer.status == 401:
            log.error("chatwork_token_refused", request=what)
            raise Transient(f"{what}: 401, the token is refused", retry_after=LONGEST_PAUSE)
        if answer.status >= 500 or answer.status == 408:
            raise Transient(f"{what}: {answer.status}", maybe_done=method != "GET")
        if answer.status >= 300:
            text = answer.content.decode(errors="replace").replace(self._token.get_secret_value(), "…")
            raise Permanent(f"{what}: {answer.status} {text[:TEXT_LIMIT]}")
        return answer

    async def _exchange(self, method: str, path: str, what: str, form: dict[str, str] | None) -> _Answer | Transient:
        assert self._session is not None, "use the client as an async context manager"
        try:
            async with self._session.request(method, self._base + path, data=form, allow_redirects=False) as response:
                return _Answer(response.status, response.headers, await response.read())
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError, aiohttp.InvalidURL):
            return Transient(f"{what}: no connection")
        except (aiohttp.ClientError, OSError) as error:
            return Transient(f"{what}: {type(error).__name__}", maybe_done=method != "GET")

    async def _too_many(self, what: str, answer: _Answer, room_id: int | None) -> Transient:
        """Obey a 429: until the reset for the token, about ten seconds for a room."""
        if b"per room" in answer.content and room_id is not None:
            wait = ROOM_PAUSE
            await self._limiter.obey(wait, room_id=room_id)
        else:
            reset = answer.headers.get("x-ratelimit-reset", "")
            left = int(reset) - self._limiter.now() if reset.isdecimal() and reset.isascii() else LONGEST_PAUSE
            wait = min(max(left, 1.0), LONGEST_PAUSE)
            await self._limiter.obey(wait)
        log.warning("rate_limited", request=what, retry_after=round(wait))
        return Transient(f"{what}: 429", retry_after=wait)


async def _once(request: aiohttp.ClientRequest, send: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
    """Aiohttp repeats a PUT by itself when the connection breaks: a list, by then old, would be written once more.

    It does so for two kinds of errors only, so that another kind, which says the same, ends it.
    https://docs.aiohttp.org/en/stable/client_advanced.html#client-middleware
    """
    try:
        return await send(request)
    except aiohttp.ClientConnectorError:
        raise  # nothing was sent
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
        if request.method == "GET":
            raise
        raise aiohttp.ClientConnectionError(type(error).__name__) from None


@dataclass(frozen=True, slots=True)
class _Answer:
    """An answer, read to its end."""

    status: int
    headers: Mapping[str, str]
    content: bytes


def _read(shape: type[T], content: bytes) -> T | None:
    """What an answer says; None if it is not of this shape."""
    try:
        return TypeAdapter(shape).validate_json(content)
    except ValidationError:
        return None


class SilentChat:
    """Dry run: reads for real, posts nothing. Chosen where the process starts; nobody else knows."""

    def __init__(self, chat: ChatworkClient) -> None:
        self._chat = chat
        self.me = chat.me
        self.members = chat.members
        self.newest_messages = chat.newest_messages
        self.message_counts = chat.message_counts
        self.direct_rooms = chat.direct_rooms

    async def put_members(self, room_id: int, roles: Mapping[int, str]) -> dict[int, str]:
        """Log what would have been changed, and end it there: afterwards nothing would look as wished."""
        log.info("members_not_changed_dry_run", room_id=room_id, members=len(roles))
        raise Ignored("dry run")

    async def post(self, room_id: int, body: str, lane: Lane) -> str:
        """Log what would have been posted; the message id is 0."""
        log.info("message_not_posted_dry_run", room_id=room_id, characters=len(body), lane=lane)
        return "0"
