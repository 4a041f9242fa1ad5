"""From whom a wave chooses: at most 64 members, drawn from sets, whatever the size of the community. Pure.

Everybody has a fixed place on a ring. A wave looks at a part of each set's ring that its question's number decides: the
same question draws the same people again, another one draws others.
"""

from __future__ import annotations

import hashlib

TOPIC, SPECIALTY, REGION, ANYBODY = 24, 16, 8, 16
"""How many are drawn: who answered about this, colleagues of the asker's specialty, neighbours, and anybody."""

RING = 2**32


def place(account_id: int) -> int:
    """A member's place on the ring, the same for good."""
    return _hash(f"member:{account_id}")


def beginning(question_id: str, wave: int) -> int:
    """Where on the ring a wave (from 0) of a question begins to look."""
    return _hash(f"{question_id}:{wave}")


def _hash(text: str) -> int:
    return int.from_bytes(hashlib.blake2s(text.encode(), digest_size=4).digest())
