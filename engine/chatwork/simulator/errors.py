"""What Chatwork answers when it refuses: a status and one English sentence.

Texts marked "seen" in the platform notes are kept to the letter, because clients match on them.
"""

from __future__ import annotations

INVALID_ENDPOINT = "Invalid Endpoint or HTTP method"
INVALID_TOKEN = "Invalid API token"  # noqa: S105 - a sentence, not a secret
NO_WRITE = "You don't have permission to send/edit message."
ROOM_LIMIT = "Rate limit for message posting per room exceeded."
TOKEN_LIMIT = "Rate limit exceeded."  # noqa: S105 - a sentence, not a secret


class ApiError(Exception):
    """A refusal, as the other side will read it."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status
        self.text = text


def bad_request(text: str) -> ApiError:
    """Refuse a parameter or a state that does not fit."""
    return ApiError(400, text)


def missing(name: str) -> ApiError:
    """Refuse a call whose required parameter is not there, or empty."""
    return ApiError(400, f"Parameter '{name}' is required")


def forbidden(text: str) -> ApiError:
    """Known, but not allowed."""
    return ApiError(403, text)


def not_found(what: str) -> ApiError:
    """No such thing for this account."""
    return ApiError(404, f"{what} not found")
