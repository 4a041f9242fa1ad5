"""The door for Chatwork's webhooks: genuine? what is it in our words? written down? then answer at once.

Chatwork never resends and switches a webhook off after many errors, so whatever is genuine gets `200` with an empty
body: also an event type we do not know, a body we cannot read (kept as a dead letter), an event already seen.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
from enum import StrEnum
from typing import TYPE_CHECKING

from aiohttp import web
from pydantic import ValidationError

from engine.chatwork.payloads import (
    KNOWN_TYPES,
    MentionBody,
    MentionWebhook,
    MessageWebhook,
    SettingIdProbe,
    webhook_adapter,
)
from engine.clock import DAY
from engine.dead import DeadLetter
from engine.errors import Transient
from engine.events import Envelope, MessageCreated, MessageUpdated, envelope
from engine.ingress.signature import given_signature, is_genuine, tokens_for
from engine.log import get_logger

if TYPE_CHECKING:
    from collections.abc import Mapping

    from engine.clock import Clock
    from engine.ingress.journal import Journal

log = get_logger()

MAX_BODY = 1024 * 1024
BODY_TIMEOUT = 10.0
"""Seconds a client may take to send its body."""

TOO_OLD = 7 * DAY
"""A signature has no time, so a captured request works for ever; webhooks older than this are not published."""


class Outcome(StrEnum):
    """What became of a genuine webhook."""

    PUBLISHED = "published"
    SEEN = "seen before"
    SPOOLED = "spooled"
    UNKNOWN_TYPE = "unknown event type"
    UNREADABLE = "unreadable"
    STALE = "too old"


class Door:
    """`POST /webhooks/chatwork`."""

    def __init__(self, tokens: Mapping[str, tuple[str, ...]], journal: Journal, clock: Clock) -> None:
        self._tokens = tokens
        self._journal = journal
        self._clock = clock
        self.last_genuine: float | None = None

    async def receive(self, request: web.Request) -> web.Response:
        """Answer a webhook; see the table of statuses in the README."""
        body = await self._body(request)
        if isinstance(body, web.Response):
            return body
        refusal = self._refusal(request, body)
        if refusal is not None:
            log.warning("webhook_refused", reason=refusal, bytes=len(body))
            return web.Response(status=401)
        self.last_genuine = self._clock.now()
        try:
            outcome, event_id = await self._accept(body)
        except Transient as full:
            log.exception("webhook_refused", reason=full.reason)
            return web.Response(status=503)
        log.info("webhook_accepted", outcome=outcome, event_id=event_id)
        return web.Response(status=200)

    async def _body(self, request: web.Request) -> bytes | web.Response:
        """Read at most 1 MiB within ten seconds; a larger declared length is refused unread."""
        if (request.content_length or 0) > MAX_BODY:
            return _too_large()
        try:
            async with asyncio.timeout(BODY_TIMEOUT):
                return await request.read()
        except web.HTTPRequestEntityTooLarge:
            return _too_large()
        except (
            web.RequestPayloadError
        ):  # compressed, they say, but it is not: nobody can have signed what it unpacks to
            log.warning("webhook_refused", reason="broken transfer")
            return web.Response(status=401, headers={"connection": "close"})
        except ConnectionError:
            log.warning("webhook_refused", reason="connection lost")
            return web.Response(status=400)  # nobody reads it
        except TimeoutError:
            log.warning("webhook_refused", reason="slow body")
            return web.Response(status=408, headers={"connection": "close"})

    def _refusal(self, request: web.Request, body: bytes) -> str | None:
        """Why this is not from Chatwork; None if it is."""
        signature = given_signature(
            request.headers.getall("x-chatworkwebhooksignature", []),
            request.query.getall("chatwork_webhook_signature", []),
        )
        if signature is None:
            return "no single signature"
        tokens = self._candidates(body)
        if not tokens:
            return "unknown webhook_setting_id"
        return None if is_genuine(body, signature, tokens) else "wrong signature"

    def _candidates(self, body: bytes) -> tuple[str, ...]:
        """Tokens that may have signed: the setting's own, or all of them if the body does not tell its setting."""
        try:
            setting_id = SettingIdProbe.model_validate_json(body).webhook_setting_id
        except ValidationError:
            return tuple(token for tokens in self._tokens.values() for token in tokens)
        return tuple(tokens_for(setting_id, self._tokens))

    async def _accept(self, body: bytes) -> tuple[Outcome, str | None]:
        """Keep a genuine webhook. Raises `Transient` if nothing can keep it."""
        now = self._clock.now()
        try:
            payload = json.loads(body)
            kind = payload.get("webhook_event_type") if isinstance(payload, dict) else None
            if isinstance(kind, str) and kind not in KNOWN_TYPES:
                return Outcome.UNKNOWN_TYPE, None
            webhook = webhook_adapter.validate_python(payload)
        except (ValueError, RecursionError) as error:
            await self._journal.keep_unreadable(_dead_letter(body, error, now))
            return Outcome.UNREADABLE, None
        if webhook.webhook_event_time < now - TOO_OLD:
            return Outcome.STALE, None
        told = translate(webhook, now)
        kept = await self._journal.keep(told)
        return {True: Outcome.PUBLISHED, False: Outcome.SEEN, None: Outcome.SPOOLED}[kept], told.event_id


def _too_large() -> web.Response:
    log.warning("webhook_refused", reason="over 1 MiB")
    return web.Response(status=413, headers={"connection": "close"})


def translate(webhook: MessageWebhook | MentionWebhook, now: float) -> Envelope:
    """Chatwork's event in our words: a mention and the message it stands in become the same event."""
    told = webhook.webhook_event
    account_id = told.from_account_id if isinstance(told, MentionBody) else told.account_id
    if told.update_time:
        return envelope(
            MessageUpdated(
                room_id=told.room_id,
                message_id=told.message_id,
                account_id=account_id,
                body=told.body,
                sent_at=told.send_time,
                updated_at=told.update_time,
            ),
            now=now,
        )
    return envelope(
        MessageCreated(
            room_id=told.room_id,
            message_id=told.message_id,
            account_id=account_id,
            body=told.body,
            sent_at=told.send_time,
        ),
        now=now,
    )


def _dead_letter(body: bytes, error: Exception, now: float) -> DeadLetter:
    """A genuine webhook that we cannot read: kept whole for a person; the reason names no content."""
    problems = error.errors(include_input=False) if isinstance(error, ValidationError) else []
    where = "; ".join(f"{'.'.join(map(str, problem['loc']))}: {problem['type']}" for problem in problems[:3])
    return DeadLetter(
        id=f"webhook-{hashlib.blake2s(body, digest_size=8).hexdigest()}",
        source="webhook",
        worker="ingress",
        subject=base64.b64encode(body).decode(),
        reason=f"unreadable webhook: {where or type(error).__name__}",
        died_at=now,
    )
