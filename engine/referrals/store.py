"""What is remembered about vendors and referrals.

{c}:vendor:<id>            record  a vendor; the API key only as a hash
{c}:vendors                zset    all ids by time of adding
{c}:vendor_key:<hash>      record  which vendor a key is
{c}:referral:<id>          record  a referral with its steps
{c}:referrals              zset    all ids by time
{c}:referral_code:<code>   record  which referral a code is
{c}:referral_of:<account>  record  which referral brought a member
{c}:claim:<account>        record  a code that somebody wrote before the member list showed them (expires)
{c}:idempotency:<hash>     record  the answer to a request with this vendor's Idempotency-Key (expires)
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from engine.clock import DAY
from engine.commit import Commit, Database, Record
from engine.referrals.rules import State, Waiting

if TYPE_CHECKING:
    from collections.abc import Sequence

    from engine.clock import Clock

CLAIM_KEPT = 30 * DAY
IDEMPOTENCY_KEPT = DAY


class Vendor(Record):
    """A vendor. `secrets` sign webhooks, the newest first; the one before stays until the next rotation."""

    id: str
    name: str
    key_hash: str
    secrets: tuple[str, ...]
    webhook_url: str | None = None
    email: str | None = None
    room_id: int | None = None
    created_at: float
    rotated_at: float | None = None
    disabled: bool = False


class VendorKey(Record):
    """Which vendor a key is."""

    vendor_id: str


class Referral(Record):
    """A referral. `reference` is the vendor's own word for it; `intents` are its acknowledgements, in order."""

    id: str
    vendor_id: str
    code: str
    reference: str
    consent: bool
    received_at: float
    expires_at: float
    state: State = State.RECEIVED
    account_id: int | None = None
    wrote_code: bool = False
    joined_at: float | None = None
    intents: tuple[str, ...] = ()

    def waiting(self) -> Waiting:
        """As the rules see it."""
        return Waiting(self.id, self.received_at, self.expires_at, self.state)


class ReferralOf(Record):
    """Which referral is meant."""

    referral_id: str


class Claim(Record):
    """A code somebody wrote."""

    code: str


class Answered(Record):
    """An earlier answer of the API and the hash of the request it answered."""

    request_hash: str
    referral_id: str


def hashed(secret: str) -> str:
    """How a key is stored and looked up. Keys are random and long, so a plain hash is enough.

    Headers are bytes; those that are no UTF-8 arrive as lone surrogates and go back to what they were.
    """
    return hashlib.sha256(secret.encode(errors="surrogateescape")).hexdigest()


class Referrals:
    """Reads and writes through one commit."""

    def __init__(self, commit: Commit) -> None:
        self._commit = commit
        self._db = commit.db
        self._keys = commit.db.keys

    async def vendor(self, vendor_id: str) -> Vendor | None:
        """A vendor, to be changed."""
        return await self._commit.read(self._keys("vendor", vendor_id), Vendor)

    async def put_vendor(self, vendor: Vendor, *, old_key_hash: str | None = None) -> None:
        """Write a vendor that `vendor` looked for, and let its key be found; the old key no longer is."""
        self._commit.write(self._keys("vendor", vendor.id), vendor)
        self._commit.rank(self._keys("vendors"), vendor.id, vendor.created_at)
        key = self._keys("vendor_key", vendor.key_hash)
        await self._commit.read(key, VendorKey)
        self._commit.write(key, VendorKey(vendor_id=vendor.id))
        if old_key_hash is not None:
            self._commit.erase(self._keys("vendor_key", old_key_hash))

    async def vendor_of_key(self, api_key: str) -> Vendor | None:
        """The vendor that a key belongs to, unless disabled."""
        found = (await self._db.read(self._keys("vendor_key", hashed(api_key)), VendorKey))[0]
        vendor = await self.vendor(found.vendor_id) if found else None
        return vendor if vendor is not None and not vendor.disabled else None

    async def get(self, referral_id: str) -> Referral | None:
        """A referral, to be changed."""
        return await self._commit.read(self._keys("referral", referral_id), Referral)

    def put(self, referral: Referral) -> None:
        """Write a referral that `get` gave."""
        self._commit.write(self._keys("referral", referral.id), referral)

    async def add(self, referral: Referral) -> None:
        """Write a new referral."""
        await self.get(referral.id)
        self.put(referral)
        self._commit.rank(self._keys("referrals"), referral.id, referral.received_at)
        code_key = self._keys("referral_code", referral.code)
        await self._commit.read(code_key, ReferralOf)
        self._commit.write(code_key, ReferralOf(referral_id=referral.id))

    async def of_code(self, code: str) -> Referral | None:
        """The referral that a code is."""
        found = (await self._db.read(self._keys("referral_code", code), ReferralOf))[0]
        return await self.get(found.referral_id) if found else None

    async def of_member(self, account_id: int) -> Referral | None:
        """The referral that brought a member."""
        found = await self._commit.read(self._keys("referral_of", account_id), ReferralOf)
        return await self.get(found.referral_id) if found else None

    def bind(self, account_id: int, referral_id: str) -> None:
        """A member was brought by a referral; `of_member` must have been asked."""
        self._commit.write(self._keys("referral_of", account_id), ReferralOf(referral_id=referral_id))

    async def claim(self, account_id: int) -> str | None:
        """The code somebody wrote before they were listed."""
        found = await self._commit.read(self._keys("claim", account_id), Claim)
        return found.code if found else None

    async def put_claim(self, account_id: int, code: str) -> None:
        """Remember a code until the member list shows its writer."""
        await self.claim(account_id)
        self._commit.write(self._keys("claim", account_id), Claim(code=code), ttl=CLAIM_KEPT)

    async def answered(self, vendor_id: str, idempotency_key: str) -> Answered | None:
        """What was answered to this key before."""
        return await self._commit.read(self._idempotency(vendor_id, idempotency_key), Answered)

    def put_answered(self, vendor_id: str, idempotency_key: str, answer: Answered) -> None:
        """Remember the answer; `answered` must have been asked."""
        self._commit.write(self._idempotency(vendor_id, idempotency_key), answer, ttl=IDEMPOTENCY_KEPT)

    def _idempotency(self, vendor_id: str, idempotency_key: str) -> str:
        return self._keys("idempotency", hashed(f"{vendor_id}:{idempotency_key}"))


async def forget_claim(db: Database, clock: Clock, account_id: int) -> int:
    """Erase a code that somebody wrote and that never led anywhere. Returns whether there was one."""
    commit = db.commit(clock.now())
    known = await Referrals(commit).claim(account_id)
    commit.erase(db.keys("claim", account_id))
    await db.apply(commit)
    return int(known is not None)


async def list_vendors(db: Database) -> Sequence[Vendor]:
    """All vendors, oldest first."""
    ids = await db.ranked(db.keys("vendors"))
    found = await db.read_many([db.keys("vendor", vendor_id) for vendor_id in ids], Vendor)
    return [vendor for vendor in found if vendor is not None]


async def list_referrals(db: Database) -> Sequence[Referral]:
    """All referrals, oldest first."""
    ids = await db.ranked(db.keys("referrals"))
    found = await db.read_many([db.keys("referral", referral_id) for referral_id in ids], Referral)
    return [referral for referral in found if referral is not None]
