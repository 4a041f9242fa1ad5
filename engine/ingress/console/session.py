"""Who may see the console: whoever knows `ADMIN_TOKEN`. A session is a signed expiry time; nothing is stored.

Another token ends all sessions. Pure but for making a token.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections import deque
from typing import TYPE_CHECKING

from engine.clock import HOUR, MINUTE
from engine.errors import Refused

if TYPE_CHECKING:
    from pathlib import Path

LASTS = 12 * HOUR
"""Seconds until one must log in again."""

MOST_FAILURES = 5
"""Wrong tokens within a minute, after which nobody may try for the rest of it."""


class Sessions:
    """Makes and checks sessions, and slows down who guesses."""

    def __init__(self, token: str) -> None:
        self._token = token.encode()
        self._failures: deque[float] = deque(maxlen=MOST_FAILURES)

    def may_try(self, now: float) -> bool:
        """False while too many have just guessed wrong."""
        return len(self._failures) < MOST_FAILURES or now - self._failures[0] > MINUTE

    def is_token(self, given: str, now: float) -> bool:
        """Whether the token is right; a wrong one is remembered for a minute."""
        right = hmac.compare_digest(given.strip().encode(errors="surrogateescape"), self._token)
        if not right:
            self._failures.append(now)
        return right

    def begin(self, now: float) -> str:
        """A cookie's value that is good for `LASTS`."""
        expires = str(int(now + LASTS))
        return f"{expires}.{self._signature(expires)}"

    def is_good(self, cookie: str, now: float) -> bool:
        """Whether we made this cookie and it is not too old."""
        expires, _, signature = cookie.partition(".")
        signed = hmac.compare_digest(signature.encode(errors="surrogateescape"), self._signature(expires).encode())
        return signed and now < int(expires)

    def _signature(self, expires: str) -> str:
        return hmac.new(self._token, b"session:" + expires.encode(errors="surrogateescape"), hashlib.sha256).hexdigest()


def kept_token(data_dir: Path) -> tuple[str, bool]:
    """The token of this data directory, and whether it was made right now. Raises `Refused`."""
    path = data_dir / "admin_token"
    try:
        if path.exists():
            return path.read_text(encoding="utf-8").strip(), False
        token = secrets.token_urlsafe(24)
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.touch(mode=0o600)
        path.write_text(f"{token}\n", encoding="utf-8")
    except OSError as error:
        raise Refused(f"{path}: {error.strerror}; set ADMIN_TOKEN instead") from None
    return token, True
