"""The outbox's way to vendors by e-mail, over the operator's own mail server.

A mail has no receipt: a crash between the server's word and our record sends it again, with the same Message-ID, by
which the reader's mail program knows the repeat (RFC 5321, 4.5.4.1 also gives the pace of retries).
"""

from __future__ import annotations

from email.message import EmailMessage
from email.utils import formatdate
from typing import TYPE_CHECKING, Protocol
from urllib.parse import unquote, urlsplit

import aiosmtplib

from engine.clock import HOUR, MINUTE, Epoch, after
from engine.errors import Permanent, Refused, Transient
from engine.log import get_logger
from engine.outbox import MailContent
from engine.referrals.store import Vendor

if TYPE_CHECKING:
    from pydantic import SecretStr

    from engine.commit import Database
    from engine.outbox import Intent

log = get_logger()

DELAYS = (30 * MINUTE, HOUR, 2 * HOUR, 4 * HOUR, 8 * HOUR, 12 * HOUR, 24 * HOUR, 24 * HOUR, 24 * HOUR)
"""Waits between attempts, seconds: at least half an hour each, four days and a bit together."""

TIMEOUT = 20.0
PORTS = {"smtp": 587, "smtps": 465}


class Mailer(Protocol):
    """Whoever hands mail over. Raises `Transient` or `Permanent`."""

    async def send(self, message: EmailMessage) -> None:
        """Hand one message over."""
        ...


class SmtpMailer:
    """Speaks to the server of `SMTP_URL`: `smtp://user:password@host:port` (STARTTLS where offered) or `smtps://…`.

    The address of the sender is the user's, if that is one, else `yuruyuru@host`. Raises `Refused` for another URL.
    """

    def __init__(self, url: SecretStr) -> None:
        parts = urlsplit(url.get_secret_value())
        if parts.scheme not in PORTS or not parts.hostname:
            raise Refused("SMTP_URL: write smtp://user:password@host:port or smtps://user:password@host:port")
        self._host = parts.hostname
        self._port = parts.port or PORTS[parts.scheme]
        self._tls = parts.scheme == "smtps"
        self._user = unquote(parts.username) if parts.username else None
        self._password = unquote(parts.password) if parts.password else None
        self._sender = self._user if self._user and "@" in self._user else f"yuruyuru@{self._host}"

    async def send(self, message: EmailMessage) -> None:
        """Hand one message over; 4yz and silence may be mended, 5yz will not be."""
        message["From"] = self._sender
        try:
            await aiosmtplib.send(
                message,
                hostname=self._host,
                port=self._port,
                username=self._user,
                password=self._password,
                use_tls=self._tls,
                timeout=TIMEOUT,
            )
        except aiosmtplib.SMTPRecipientsRefused as refused:
            raise _ending(refused.recipients[0].code) from None
        except aiosmtplib.SMTPResponseException as refused:
            raise _ending(refused.code) from None
        except (aiosmtplib.SMTPException, OSError) as failure:
            raise Transient(f"smtp: {type(failure).__name__}") from None


def _ending(code: int) -> Transient | Permanent:
    return Permanent(f"smtp_{code}") if code >= 500 else Transient(f"smtp_{code}")


class NoMailer:
    """No `SMTP_URL`: e-mail is off, and what should go out is kept for when it is on."""

    async def send(self, _: EmailMessage) -> None:
        """Refuse, with the remedy."""
        raise Permanent("e-mail is off: set SMTP_URL, then redrive")


class SilentMailer:
    """Dry run: nothing leaves the machine."""

    async def send(self, message: EmailMessage) -> None:
        """Log what would have been sent."""
        log.info("mail_not_sent_dry_run", message_id=message["Message-ID"])


class MailChannel:
    """Sends `MailContent`. Implements `engine.outbox.Channel`."""

    def __init__(self, db: Database, mailer: Mailer) -> None:
        self._db = db
        self._mailer = mailer

    def retry_at(self, attempts: int, now: Epoch, _: float | None) -> Epoch | None:
        """By the schedule of mail servers."""
        return after(now, DELAYS[attempts - 1]) if attempts <= len(DELAYS) else None

    async def send(self, intent: Intent) -> str:
        """Write the message and hand it over; the receipt is its Message-ID."""
        content = intent.content
        assert isinstance(content, MailContent)
        vendor, _ = await self._db.read(self._db.keys("vendor", content.vendor_id), Vendor)
        if vendor is None or vendor.disabled or vendor.email is None:
            raise Permanent("the vendor has no e-mail address any more")
        message = EmailMessage()
        message["To"] = vendor.email
        message["Subject"] = content.subject
        message["Date"] = formatdate(intent.created_at)
        message["Message-ID"] = f"<{intent.id}@yuruyuru>"
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(content.text)
        await self._mailer.send(message)
        return str(message["Message-ID"])

    async def find(self, _: Intent) -> str | None:
        """Readers know a repeat by its Message-ID, so an attempt without an answer is simply made again."""
        return None
