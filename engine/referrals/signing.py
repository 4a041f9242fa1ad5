"""Signatures of what vendors are told: Standard Webhooks 1.0.0, symmetric scheme (`v1`). Pure.

Signed are the id, the time of this attempt and the very bytes of the body, joined by full stops, with HMAC-SHA256.
Source: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

PREFIX: Final = "whsec_"
KEY_SIZES: Final = range(24, 64 + 1)
"""How many random bytes a key may have, from the specification."""


def new_secret(random_bytes: bytes) -> str:
    """Give the secret shown to a vendor once: `whsec_` and base64 of 24 to 64 random bytes.

    Raises ValueError for any other number of bytes.
    """
    if len(random_bytes) not in KEY_SIZES:
        raise ValueError(f"a webhook key has 24 to 64 bytes, not {len(random_bytes)}")
    return PREFIX + base64.b64encode(random_bytes).decode()


def sign(message_id: str, timestamp: int, body: bytes, secrets: Sequence[str]) -> dict[str, str]:
    """Give the three headers that prove `body` is ours.

    `message_id` stays the same in every attempt, `timestamp` (Unix seconds) is this attempt's. Several `secrets`
    give several signatures, one of which the receiver must know: that is how a secret is rotated without a gap.
    Raises ValueError for an id that could be read in two ways, for no secret, and for one that is none of ours.
    """
    if not message_id.isascii() or not message_id.isprintable() or any(mark in message_id for mark in ". "):
        raise ValueError("a message id is printable ASCII without full stops and blanks")
    if not message_id or not secrets:
        raise ValueError("a signature needs a message id and a secret")
    content = b"%b.%d.%b" % (message_id.encode(), timestamp, body)
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(_entry(secret, content) for secret in secrets),
    }


def _entry(secret: str, content: bytes) -> str:
    digest = hmac.digest(_key(secret), content, hashlib.sha256)
    return "v1," + base64.b64encode(digest).decode()


def _key(secret: str) -> bytes:
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not secret.startswith(PREFIX) or len(key) not in KEY_SIZES:
        raise ValueError("a webhook secret is whsec_ and base64 of 24 to 64 bytes")  # without the secret itself
    return key
