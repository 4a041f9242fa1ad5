"""The Chatwork REST API v2, as much of it as the engine uses: typed in, typed out, limits kept, errors translated.

The token never reaches a log or an exception: requests are described by method and path only.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Self, TypeVar

import aiohttp
from pydantic import TypeAdapter, ValidationError

from engine.chatwork.payloads import AccountPayload, ContactPayload, MemberPayload, MessagePayload, PostedPayload
from engine.errors import Permanent, Transient
from engine.log import get_logger
from engine.ports import Account, Lane, PostedMessage

if TYPE_CHECKING:
    from types import TracebackType

    from pydantic import SecretStr

    from engine.chatwork.limits import Limiter

log = get_logger()
T = TypeVar("T")

TIMEOUT = aiohttp.ClientTimeout(total=20, connect=5)
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
        self._session = aiohttp.ClientSession(headers=headers, timeout=TIMEOUT, cookie_jar=aiohttp.DummyCookieJar())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()

    async def me(self) -> Account:
        """`GET /me`."""
        account = await self._get("/me", AccountPayload, Lane.REPLY)
        return Account(account.account_id, account.name)

    async def members(self, room_id: int) -> list[Account]:
        """`GET /rooms/{room_id}/members`."""
        rows = await self._get(f"/rooms/{room_id}/members", list[MemberPayload], Lane.KEEPER)
        return [Account(row.account_id, row.name, row.role) for row in rows]

    async def newest_messages(self, room_id: int) -> list[PostedMessage]:
        """`GET /rooms/{room_id}/messages?force=1`, oldest first; `force=0` would share one cursor with others."""
        rows = await self._get(f"/rooms/{room_id}/messages?force=1", list[MessagePayload], Lane.REPLY)
        messages = [
            PostedMessage(row.message_id, row.account.account_id, row.body, row.send_time, row.update_time)
            for row in rows
        ]
        return sorted(messages, key=lambda message: (message.sent_at, int(message.message_id)))

    async def direct_room(self, account_id: int) -> int | None:
        """The direct chat with a contact, from `GET /contacts`."""
        rows = await self._get("/contacts", list[ContactPayload], Lane.REPLY)
        return next((row.room_id for row in rows if row.account_id == account_id), None)

    async def post(self, room_id: int, body: str, lane: Lane) -> str:
        """`POST /rooms/{room_id}/messages`; returns the message id."""
        await self._limiter.admit(lane, post_to=room_id)
        status, content = await self._request("POST", f"/rooms/{room_id}/messages", {"body": body})
        try:
            return PostedPayload.model_validate_json(content).message_id
        except ValidationError:
            raise Transient(f"POST message: {status} with an unreadable body", maybe_done=True) from None

    async def _get(self, path: str, shape: type[T], lane: Lane) -> T:
        await self._limiter.admit(lane)
        status, content = await self._request("GET", path, None)
        try:
            return TypeAdapter(shape).validate_json(b"[]" if status == 204 else content)
        except ValidationError:
            raise Transient(f"GET {path}: {status} with an unreadable body") from None

    async def _request(self, method: str, path: str, form: dict[str, str] | None) -> tuple[int, bytes]:
        """One request. A post that got no whole answer may have been done."""
        assert self._session is not None, "use the client as an async context manager"
        changes = method != "GET"
        what = f"{method} {path.partition('?')[0]}"
        try:
            async with self._session.request(method, self._base + path, data=form, allow_redirects=False) as response:
                content = await response.read()
        except aiohttp.ClientConnectorError:
            raise Transient(f"{what}: no connection") from None
        except (aiohttp.ClientError, TimeoutError) as error:
            raise Transient(f"{what}: {type(error).__name__}", maybe_done=changes) from None
        if response.status == 429:
            raise await self._too_many(what, response, content)
        if response.status == 401:
            log.error("chatwork_token_refused", request=what)
            raise Transient(f"{what}: 401, the token is refused", retry_after=LONGEST_PAUSE)
        if response.status >= 500:
            raise Transient(f"{what}: {response.status}", maybe_done=changes)
        if response.status >= 300:
            raise Permanent(f"{what}: {response.status} {content[:TEXT_LIMIT].decode(errors='replace')}")
        return response.status, content

    async def _too_many(self, what: str, response: aiohttp.ClientResponse, content: bytes) -> Transient:
        """Obey a 429: until the reset for the token, about ten seconds for a room."""
        if b"per room" in content:
            wait = ROOM_PAUSE
        else:
            reset = response.headers.get("x-ratelimit-reset", "")
            left = int(reset) - time.time() if reset.isdigit() else LONGEST_PAUSE
            wait = min(max(left, 1.0), LONGEST_PAUSE)
            await self._limiter.obey(wait)
        log.warning("rate_limited", request=what, retry_after=round(wait))
        return Transient(f"{what}: 429", retry_after=wait)


class SilentChat:
    """Dry run: reads for real, posts nothing. Chosen where the process starts; nobody else knows."""

    def __init__(self, chat: ChatworkClient) -> None:
        self._chat = chat
        self.me = chat.me
        self.members = chat.members
        self.newest_messages = chat.newest_messages
        self.direct_room = chat.direct_room

    async def post(self, room_id: int, body: str, lane: Lane) -> str:
        """Log what would have been posted; the message id is 0."""
        log.info("message_not_posted_dry_run", room_id=room_id, characters=len(body), lane=lane)
        return "0"
