"""Acknowledgements by e-mail: handed over once, tried at a mail server's pace, telling nothing of the doctor."""

from __future__ import annotations

import socket
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from aiosmtpd.controller import Controller
from pydantic import SecretStr

from engine.clock import Epoch
from engine.errors import EngineError, Permanent, Refused, Transient
from engine.referrals.mail import DELAYS, MailChannel, NoMailer, SilentMailer, SmtpMailer
from tests.referrals.test_mail_messages import letter

if TYPE_CHECKING:
    from collections.abc import Iterator

    from engine.commit import Database


class Postmaster:
    """A mail server's mind: keeps what it takes; `answer` is what it says to the next recipient."""

    def __init__(self) -> None:
        self.taken: list[tuple[str, list[str], bytes]] = []
        self.answer = "250 OK"

    async def handle_RCPT(self, _: Any, __: Any, envelope: Any, address: str, ___: Any) -> str:  # noqa: N802 - its name
        if self.answer.startswith("250"):
            envelope.rcpt_tos.append(address)
        return self.answer

    async def handle_DATA(self, _: Any, __: Any, envelope: Any) -> str:  # noqa: N802 - its name
        self.taken.append((envelope.mail_from, envelope.rcpt_tos, envelope.content))
        return "250 taken"


@contextmanager
def mail_server() -> Iterator[tuple[Postmaster, str]]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    postmaster = Postmaster()
    controller = Controller(postmaster, hostname="127.0.0.1", port=port)
    controller.start()
    try:
        yield postmaster, f"smtp://127.0.0.1:{port}"
    finally:
        controller.stop()


async def test_a_mail_is_handed_over_as_it_is() -> None:
    with mail_server() as (postmaster, url):
        await SmtpMailer(SecretStr(url)).send(letter())
    [(sender, recipients, content)] = postmaster.taken
    assert sender == "yuruyuru@127.0.0.1"
    assert recipients == ["tanto@vendor.example"]
    assert b"Message-ID: <referral_received-rf_1-mail@yuruyuru>" in content


@pytest.mark.parametrize(
    ("answer", "ending"),
    [
        pytest.param("450 later", Transient("smtp_450"), id="a mailbox that is busy is tried again"),
        pytest.param("550 nobody", Permanent("smtp_550"), id="an address that does not exist never is"),
    ],
)
async def test_the_servers_word_decides(answer: str, ending: EngineError) -> None:
    with mail_server() as (postmaster, url):
        postmaster.answer = answer
        with pytest.raises(type(ending), match=str(ending)):
            await SmtpMailer(SecretStr(url)).send(letter())
    assert postmaster.taken == []


async def test_a_server_that_is_away_is_tried_again() -> None:
    with mail_server() as (_, url):
        pass
    with pytest.raises(Transient, match="smtp: SMTPConnectError"):
        await SmtpMailer(SecretStr(url)).send(letter())


async def test_a_server_without_log_in_takes_no_password_and_none_is_told() -> None:
    with mail_server() as (_, url), pytest.raises(Transient) as failure:
        await SmtpMailer(SecretStr(url.replace("//", "//clinic%40mail.example:geheim@"))).send(letter())
    assert "geheim" not in repr(failure.value)
    assert failure.value.__cause__ is None


@pytest.mark.parametrize("url", ["http://mail.example", "mail.example:25", "smtp://", ""])
def test_another_address_is_refused_with_the_remedy(url: str) -> None:
    with pytest.raises(Refused, match="smtp://user:password@host:port"):
        SmtpMailer(SecretStr(url))


async def test_without_a_server_the_mail_is_kept_for_when_there_is_one() -> None:
    with pytest.raises(Permanent, match="SMTP_URL"):
        await NoMailer().send(letter())


async def test_a_dry_run_hands_nothing_over() -> None:
    await SilentMailer().send(letter())


def test_the_pace_is_a_mail_servers(db: Database) -> None:
    channel = MailChannel(db, NoMailer())
    moments = [channel.retry_at(attempts, Epoch(0.0), 5.0) for attempts in range(1, len(DELAYS) + 2)]
    waits = [moment for moment in moments if moment is not None]
    assert min(waits) >= 1800
    assert 4 * 86400 <= sum(waits) <= 5 * 86400
    assert moments[-1] is None
