"""Our signatures against the specification's own example library, and everything that must not verify."""

from __future__ import annotations

import base64
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from engine.referrals.signing import new_secret, sign

SECRET = new_secret(bytes(range(32)))
OTHER = new_secret(bytes(range(1, 33)))
BODY = b'{"type":"referral.joined","data":{"referral_id":"ref_1"}}'


def accepted(body: bytes, headers: dict[str, str], secret: str = SECRET) -> bool:
    """Does the independent library accept this delivery?"""
    try:
        Webhook(secret).verify(body, headers, json_parse=False)
    except WebhookVerificationError:
        return False
    return True


def signed(body: bytes = BODY, *secrets: str, age: int = 0) -> dict[str, str]:
    return sign("msg_1", int(time.time()) - age, body, secrets or (SECRET,))


def test_a_known_signature_is_reproduced_byte_for_byte() -> None:
    """Computed once with another tool: openssl dgst -sha256 -mac HMAC over `msg_1.1700000000.{}`."""
    headers = sign("msg_1", 1_700_000_000, b"{}", [SECRET])
    assert headers == {
        "webhook-id": "msg_1",
        "webhook-timestamp": "1700000000",
        "webhook-signature": "v1,fhksJF5ElKjlPoT/jtefCO5XjQPvhf7Dhf/8R1ad9yU=",
    }


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="an empty body"),
        pytest.param(BODY, id="JSON"),
        pytest.param("先生、ありがとうございます".encode(), id="Japanese"),
        pytest.param(b"line\r\nline\n\x00", id="line ends and NUL stay as they are"),
        pytest.param(b"x" * 20_000, id="the largest size recommended"),
    ],
)
def test_the_library_accepts(body: bytes) -> None:
    assert accepted(body, signed(body))


@given(body=st.text().map(str.encode), key=st.binary(min_size=24, max_size=64))
def test_the_library_accepts_any_text_under_any_key(body: bytes, key: bytes) -> None:
    secret = new_secret(key)
    assert accepted(body, signed(body, secret), secret)


@pytest.mark.parametrize("known", [SECRET, OTHER])
def test_while_a_secret_is_rotated_either_verifies(known: str) -> None:
    headers = signed(BODY, SECRET, OTHER)
    assert len(headers["webhook-signature"].split(" ")) == 2
    assert accepted(BODY, headers, known)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(BODY + b" ", id="a blank added"),
        pytest.param(BODY[:-1], id="a byte lost"),
        pytest.param(BODY.replace(b"joined", b"expired"), id="another type"),
        pytest.param(b"", id="nothing left"),
        pytest.param(BODY.replace(b":", b": "), id="serialised anew"),
    ],
)
def test_a_changed_body_is_not_ours(body: bytes) -> None:
    assert not accepted(body, signed())


@pytest.mark.parametrize(
    ("header", "value"),
    [
        pytest.param("webhook-id", "msg_2", id="another id"),
        pytest.param("webhook-id", "", id="no id"),
        pytest.param("webhook-timestamp", str(int(time.time()) + 1_000_000), id="another time"),
        pytest.param("webhook-timestamp", "yesterday", id="no time at all"),
        pytest.param("webhook-signature", "", id="no signature"),
        pytest.param("webhook-signature", "v1," + base64.b64encode(b"x" * 32).decode(), id="an invented signature"),
        pytest.param("webhook-signature", "v2," + base64.b64encode(b"x" * 32).decode(), id="an unknown version"),
    ],
)
def test_a_changed_header_is_not_ours(header: str, value: str) -> None:
    assert not accepted(BODY, signed() | {header: value})


def test_a_signature_is_not_valid_under_another_version() -> None:
    headers = signed()
    headers["webhook-signature"] = headers["webhook-signature"].replace("v1,", "v1a,")
    assert not accepted(BODY, headers)


def test_another_vendors_secret_does_not_verify() -> None:
    assert not accepted(BODY, signed(), OTHER)


@pytest.mark.parametrize("age", [301, -302, 86_400])
def test_an_old_or_early_signature_cannot_be_replayed(age: int) -> None:
    assert not accepted(BODY, signed(age=age))


def test_every_attempt_is_signed_anew() -> None:
    first, second = (sign("msg_1", moment, BODY, [SECRET]) for moment in (1_700_000_000, 1_700_000_005))
    assert first["webhook-id"] == second["webhook-id"]
    assert first["webhook-signature"] != second["webhook-signature"]


@pytest.mark.parametrize("message_id", ["", "msg.1", "msg 1", "msg\n1", "msg\x001", "患者", "msg\r\nx-admin: 1"])
def test_an_id_that_could_be_read_in_two_ways_is_refused(message_id: str) -> None:
    with pytest.raises(ValueError, match="message id"):
        sign(message_id, 1, BODY, [SECRET])


@pytest.mark.parametrize(
    "secret",
    [
        pytest.param("", id="empty"),
        pytest.param(SECRET.removeprefix("whsec_"), id="without its prefix"),
        pytest.param("whsec_", id="only the prefix"),
        pytest.param("whsec_" + base64.b64encode(b"short").decode(), id="a short key"),
        pytest.param("whsec_" + base64.b64encode(b"x" * 65).decode(), id="a long key"),
        pytest.param(SECRET + "!", id="a stray character"),
        pytest.param(SECRET[:-1], id="padding lost"),
        pytest.param("whsec_秘密", id="no base64"),
    ],
)
def test_a_malformed_secret_is_refused_and_never_repeated(secret: str) -> None:
    with pytest.raises(ValueError, match="a webhook secret is whsec_") as caught:
        sign("msg_1", 1, BODY, [SECRET, secret])
    assert len(secret) < 8 or secret not in str(caught.value)


def test_a_signature_needs_a_secret() -> None:
    with pytest.raises(ValueError, match="needs"):
        sign("msg_1", 1, BODY, [])


@pytest.mark.parametrize("size", [0, 23, 65])
def test_a_weak_or_oversized_key_is_refused(size: int) -> None:
    with pytest.raises(ValueError, match="24 to 64 bytes"):
        new_secret(bytes(size))
