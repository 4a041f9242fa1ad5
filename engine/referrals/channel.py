"""The outbox's way to vendors: one signed Standard Webhooks message, the same `webhook-id` in every attempt."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol

from engine.errors import Permanent
from engine.outbox import VendorContent
from engine.referrals.retries import RETRY_DELAYS
from engine.referrals.signing import sign
from engine.referrals.store import Vendor

if TYPE_CHECKING:
    from collections.abc import Mapping

    from engine.clock import Clock
    from engine.commit import Database
    from engine.outbox import Intent
    from engine.referrals.delivery import Delivered


class Poster(Protocol):
    """Whoever posts to vendors' addresses; `engine.referrals.delivery.VendorHttp` says with which endings."""

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Delivered:
        """Post a body as it is."""
        ...


class VendorChannel:
    """Posts `VendorContent`. Implements `engine.outbox.Channel`."""

    delays = RETRY_DELAYS[1:]

    def __init__(self, db: Database, http: Poster, clock: Clock) -> None:
        self._db = db
        self._http = http
        self._clock = clock

    async def send(self, intent: Intent) -> str:
        """Sign and post; the receipt is the status. Every attempt is signed anew, with its own time."""
        content = intent.content
        assert isinstance(content, VendorContent)
        vendor, _ = await self._db.read(self._db.keys("vendor", content.vendor_id), Vendor)
        if vendor is None or vendor.disabled or vendor.webhook_url is None:
            raise Permanent("the vendor has no webhook any more")
        body = json.dumps(
            {
                "type": content.type,
                "timestamp": datetime.fromtimestamp(intent.created_at, UTC).isoformat(timespec="seconds"),
                "data": content.data,
            },
            ensure_ascii=False,
            separators=(",", ":"),
        ).encode()
        headers = sign(f"msg_{intent.id}", int(self._clock.now()), body, vendor.secrets)
        delivered = await self._http.post(vendor.webhook_url, body, {**headers, "content-type": "application/json"})
        return str(delivered.status)

    async def find(self, _: Intent) -> str | None:
        """Receivers know repeats by `webhook-id`, so an attempt without an answer is simply made again."""
        return None
