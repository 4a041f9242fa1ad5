"""Is this webhook really from Chatwork? Pure.

Signature = base64(HMAC-SHA256(key = base64-decoded token, raw body bytes)), in the header `x-chatworkwebhooksignature`
and again in the query as `chatwork_webhook_signature` (https://developer.chatwork.com/docs/webhook).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

DIGEST_BYTES = 32


def sign(token: str, body: bytes) -> str:
    """The signature Chatwork would send for `body`. Raises ValueError if `token` is not base64."""
    return base64.b64encode(_digest(token, body)).decode()


def is_genuine(body: bytes, signature: str, tokens: Iterable[str]) -> bool:
    """True if any of `tokens` signed exactly these bytes; compares decoded digests in constant time."""
    given = _decode(signature)
    if given is None:
        return False
    return any(hmac.compare_digest(given, _digest(token, body)) for token in tokens)


def given_signature(headers: Sequence[str], queries: Sequence[str]) -> str | None:
    """The one signature of a request, header before query; None if there is none or more than one in a place."""
    found = headers or queries
    return found[0] if len(found) == 1 else None


def tokens_for(setting_id: str, tokens: Mapping[str, Sequence[str]]) -> Sequence[str]:
    """Tokens that may have signed for this webhook: its own, or the one bare token for all."""
    return tokens.get(setting_id) or tokens.get("*", ())


def _digest(token: str, body: bytes) -> bytes:
    return hmac.digest(base64.b64decode(token, validate=True), body, hashlib.sha256)


def _decode(signature: str) -> bytes | None:
    """Strict base64 of 32 bytes, padded as Chatwork pads it."""
    try:
        digest = base64.b64decode(signature, validate=True)
    except (binascii.Error, ValueError):
        return None
    return digest if len(digest) == DIGEST_BYTES else None
