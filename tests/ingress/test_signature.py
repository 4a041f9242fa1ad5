"""Is this webhook really from Chatwork? A table."""

from __future__ import annotations

import base64
import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.ingress.signature import given_signature, is_genuine, sign, tokens_for

TOKEN = base64.b64encode(b"k" * 32).decode()
OTHER = base64.b64encode(b"o" * 32).decode()
BODY = '{"webhook_setting_id":"1","body":"患者さん"}'.encode()
RIGHT = sign(TOKEN, BODY)


def test_the_key_is_the_decoded_token() -> None:
    expected = base64.b64encode(hmac.new(b"k" * 32, BODY, hashlib.sha256).digest()).decode()
    assert expected == RIGHT


@pytest.mark.parametrize(
    ("body", "signature", "tokens", "genuine"),
    [
        pytest.param(BODY, RIGHT, [TOKEN], True, id="the token that signed"),
        pytest.param(BODY, RIGHT, [OTHER, TOKEN], True, id="rotation: the second of two tokens"),
        pytest.param(BODY + b" ", RIGHT, [TOKEN], False, id="a byte was added"),
        pytest.param(b"[" + BODY[1:], RIGHT, [TOKEN], False, id="a byte was changed"),
        pytest.param(BODY, RIGHT, [OTHER], False, id="another webhook's token"),
        pytest.param(BODY, RIGHT, [], False, id="no token at all"),
        pytest.param(BODY, RIGHT.rstrip("="), [TOKEN], False, id="right but without its padding"),
        pytest.param(BODY, RIGHT + "=", [TOKEN], False, id="right but padded too much"),
        pytest.param(BODY, RIGHT + "\n", [TOKEN], False, id="right with a line end"),
        pytest.param(BODY, RIGHT.lower(), [TOKEN], False, id="right in lower case"),
        pytest.param(BODY, "", [TOKEN], False, id="empty"),
        pytest.param(BODY, "署名", [TOKEN], False, id="not ASCII"),
        pytest.param(BODY, "!!!!", [TOKEN], False, id="not base64"),
        pytest.param(BODY, base64.b64encode(b"short").decode(), [TOKEN], False, id="base64 of too few bytes"),
        pytest.param(BODY, hmac.new(TOKEN.encode(), BODY, "sha256").hexdigest(), [TOKEN], False, id="hexadecimal"),
        pytest.param(
            BODY,
            base64.b64encode(hmac.digest(TOKEN.encode(), BODY, "sha256")).decode(),
            [TOKEN],
            False,
            id="keyed with the text of the token",
        ),
    ],
)
def test_is_genuine(body: bytes, signature: str, tokens: list[str], genuine: bool) -> None:  # noqa: FBT001 - a table
    assert is_genuine(body, signature, tokens) is genuine


@pytest.mark.parametrize(
    ("headers", "queries", "found"),
    [
        pytest.param(["a"], ["b"], "a", id="the header goes before the query"),
        pytest.param([], ["b"], "b", id="the query counts without a header"),
        pytest.param([], [], None, id="none"),
        pytest.param(["a", "a"], [], None, id="two headers, even equal ones"),
        pytest.param(["a", "b"], ["c"], None, id="two headers are not saved by the query"),
        pytest.param([], ["b", "c"], None, id="two in the query"),
    ],
)
def test_given_signature(headers: list[str], queries: list[str], found: str | None) -> None:
    assert given_signature(headers, queries) == found


def test_tokens_of_the_setting_or_the_bare_one_for_all() -> None:
    assert tokens_for("1", {"1": ("a",), "*": ("b",)}) == ("a",)
    assert tokens_for("2", {"1": ("a",), "*": ("b",)}) == ("b",)
    assert tokens_for("2", {"1": ("a",)}) == ()


@given(st.binary(), st.binary(min_size=1))
def test_whatever_is_signed_is_genuine_and_nothing_else_is(body: bytes, extra: bytes) -> None:
    assert is_genuine(body, sign(TOKEN, body), [TOKEN])
    assert not is_genuine(body + extra, sign(TOKEN, body), [TOKEN])
