"""What may stay in the database for good; every other key has a time to live. So nothing grows for ever unnoticed."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from redis.asyncio import Redis

LASTING = {
    "events": "trimmed by the keeper below what every worker is done with",
    "wakes": "due times, taken away when their job ends",
    "tries": "one hash a worker, emptied when its jobs end",
    "told": "one number a room",
    "number": "one number a kind of id",
    "beats": "one hash, from which dead processes are taken",
    "born": "one mark of the database",
    "brake": "there while it is pulled",
    "look": "one record a room",
    "silence": "one record",
    "roster": "one record a room",
    "in": "one entry a person in a room",
    "who": "one entry a person and attribute, until they are forgotten",
    "profile": "one record a person, until they are forgotten",
    "member": "one record a person, until they are forgotten",
    "members": "its index",
    "tally": "one record a person, until they are forgotten",
    "strikes": "one record a person who was warned",
    "spoken_to": "one entry a person asked in the last two days",
    "question": "until the retention's end, by the keeper",
    "question_of": "with its question",
    "patience": "one record",
    "questions": "with its question",
    "questions_in": "with its question",
    "case": "the audit of a warning; without words after the retention's end",
    "case_of": "with its case",
    "cases": "with its case",
    "dead": "until the retention's end, by the keeper, or a person's decision",
    "intent": "until it ends",
    "vendor": "until the operator removes it",
    "vendors": "its index",
    "vendor_key": "with its vendor",
    "referral": "the record of a consent",
    "referrals": "its index",
    "referral_code": "with its referral",
    "referral_of": "with its referral",
}
"""Kinds of keys without a time to live, and what keeps them from growing for ever."""


async def assert_that_nothing_else_lasts(redis: Redis) -> None:
    """Every key expires or is of a kind that may stay."""
    lasting = {key.split(":")[1] async for key in redis.scan_iter() if await redis.ttl(key) == -1}
    assert lasting - LASTING.keys() == set()
