"""Events and records as version 0.1.0 wrote them: every later version must read them.

The file is a recording of a community's life, not made by hand. It is never changed; a later version adds its own.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from engine.dead import DeadLetter
from engine.events import SINCE, VERSION, NewerVersion, envelope, parse_envelope
from engine.members.store import Invited, Member, Opportunity, Roster, TallyRecord
from engine.moderation.store import Case, CaseOf, Strikes
from engine.outbox import Brake, Intent
from engine.questions.store import LastAsk, Message, Question, QuestionOf, Replies
from engine.referrals.store import Claim, Referral, ReferralOf, Vendor, VendorKey
from engine.upkeep.store import LookRecord, Silence
from tests.test_completeness import event_classes

if TYPE_CHECKING:
    from engine.commit import Record

RECORDED = [json.loads(line) for line in (Path(__file__).parent / "recorded" / "0.1.0.ndjson").read_text().splitlines()]
RECORDS = [line for line in RECORDED if "key" in line]
EVENTS = [line["event"] for line in RECORDED if "event" in line]
MODELS: dict[str, type[Record]] = {
    "brake": Brake, "case": Case, "case_of": CaseOf, "claim": Claim, "dead": DeadLetter, "intent": Intent,
    "invited": Invited, "last_ask": LastAsk, "look": LookRecord, "member": Member, "message": Message,
    "opportunity": Opportunity, "question": Question, "question_of": QuestionOf, "referral": Referral,
    "referral_code": ReferralOf, "referral_of": ReferralOf, "replies": Replies, "roster": Roster,
    "silence": Silence, "strikes": Strikes, "tally": TallyRecord, "vendor": Vendor, "vendor_key": VendorKey,
}  # fmt: skip


def kind_of(line: dict[str, Any]) -> str:
    return str(line["key"]).partition(":")[0]


@pytest.mark.parametrize("line", RECORDS, ids=lambda line: str(line["key"]))
def test_a_record_of_the_first_version_is_read_and_keeps_what_it_said(line: dict[str, Any]) -> None:
    read = MODELS[kind_of(line)].model_validate_json(json.dumps(line["d"]))
    assert only_what(line["d"], json.loads(read.model_dump_json())) == line["d"]


def only_what(recorded: Any, said: Any) -> Any:
    """What is said now, as far as the first version could say it: later ones may know more."""
    if isinstance(recorded, dict) and isinstance(said, dict):
        return {name: only_what(value, said.get(name)) for name, value in recorded.items()}
    return said


@pytest.mark.parametrize("told", EVENTS, ids=lambda told: str(told["event_id"]))
def test_an_event_of_the_first_version_is_read_under_its_id(told: dict[str, Any]) -> None:
    read = parse_envelope(json.dumps(told))
    assert read.event_id == read.event.event_id == told["event_id"]
    assert read.version <= VERSION


def test_nothing_of_the_first_version_is_missing_in_the_recording() -> None:
    assert {kind_of(line) for line in RECORDS} == MODELS.keys()
    assert {told["event"]["kind"] for told in EVENTS} == {
        "ask_passed", "member_asked", "member_joined", "member_left", "message_created", "message_deleted",
        "message_updated", "question_answered", "question_asked", "referral_joined", "referral_received",
        "strike_issued", "thanks_given",
    }  # fmt: skip


def test_an_envelope_says_no_more_than_the_version_that_first_knew_its_kind() -> None:
    kinds = {str(kind.model_fields["kind"].default) for kind in event_classes()}
    assert SINCE.keys() <= kinds
    assert max(SINCE.values()) <= VERSION
    for told in EVENTS:
        event = parse_envelope(json.dumps(told)).event
        assert envelope(event, now=0).version == SINCE.get(event.kind, 1)


def test_what_a_later_version_writes_is_told_from_rubbish() -> None:
    later = {"version": VERSION + 1, "event_id": "x", "event": {"kind": "something_new"}, "more": True}
    with pytest.raises(NewerVersion):
        parse_envelope(json.dumps(later))
    with pytest.raises(ValueError, match="validation error") as rubbish:
        parse_envelope(json.dumps(later | {"version": VERSION}))
    assert not isinstance(rubbish.value, NewerVersion)
