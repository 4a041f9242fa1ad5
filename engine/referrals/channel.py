"""The outbox's way to vendors: one signed Standard Webhooks message, the same `webhook-id` in every attempt."""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol

from engine.clock import Epoch
from engine.errors import Permanent
from engine.log import get_logger
from engine.outbox import VendorContent
from engine.referrals.delivery import Delivered
from engine.referrals.retries import retry_at
from engine.referrals.signing import sign
from engine.referrals.store import Vendor

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from engine.clock import Clock
    from engine.commit import Database
    from engine.outbox import Intent

log = get_logger()


class Poster(Protocol):
    """Whoever posts to vendors' addresses; `engine.referrals.delivery.VendorHttp` says with which endings."""

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Delivered:
        """Post a body as it is."""
        ...


class VendorChannel:
    """Posts `VendorContent`. Implements `engine.outbox.Channel`."""

    def __init__(self, db: Database, http: Poster, clock: Clock, *, dice: Callable[[], float] = random.random) -> None:
        self._db = db
        self._http = http
        self._clock = clock
        self._dice = dice

    def retry_at(self, attempts: int, now: Epoch, retry_after: float | None) -> Epoch | None:
        """By the specification's schedule, a little spread, so that a receiver who was away is not overrun."""
        moment = retry_at(attempts, now, self._dice(), retry_after)
        return None if moment is None else Epoch(moment)

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


class SilentHttp:
    """Dry run: nothing leaves the machine. Chosen where the process starts; nobody else knows."""

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Delivered:
        """Log what would have been posted; the status is 0."""
        del url  # may hold a vendor's secret
        log.info("webhook_not_posted_dry_run", webhook_id=headers["webhook-id"], bytes=len(body))
        return Delivered(status=0, duration_ms=0.0, excerpt="")
