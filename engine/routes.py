"""Who cares about which event. Names are strings: `tests/test_completeness.py` checks that each is a real handler."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.events import (
    AnswerTakenBack,
    AskPassed,
    Event,
    MemberAsked,
    MemberJoined,
    MessageCreated,
    MessageDeleted,
    MessageUpdated,
    QuestionAnswered,
    QuestionAsked,
    ReferralJoined,
    ReferralReceived,
    ThanksGiven,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

WORKERS = ("nudge", "score", "referral", "moderation", "keeper")
"""Every worker is a process, a consumer group, an arq queue, and a module `workers/<name>.py`."""

ROUTES: Mapping[type[Event], Mapping[str, str]] = {
    MessageCreated: {
        "nudge": "on_message",
        "score": "on_message",
        "referral": "on_message",
        "moderation": "on_message",
        "keeper": "on_hint",
    },
    MessageUpdated: {
        "nudge": "on_edit",
        "score": "on_message",
        "referral": "on_message",
        "moderation": "on_message",
    },
    MessageDeleted: {"nudge": "on_deletion"},
    MemberJoined: {"referral": "on_member_joined"},
    MemberAsked: {"score": "on_member_asked"},
    QuestionAsked: {"score": "on_question_asked"},
    AskPassed: {"score": "on_ask_passed"},
    QuestionAnswered: {"score": "on_question_answered"},
    AnswerTakenBack: {"score": "on_answer_taken_back"},
    ThanksGiven: {"score": "on_thanks_given"},
    ReferralReceived: {"referral": "on_referral_received"},
    ReferralJoined: {"referral": "on_referral_joined"},
}
"""Event -> worker -> handler in `workers/<worker>.py`."""

OWN: Mapping[type[Event], Mapping[str, str]] = {MessageCreated: {"nudge": "on_own_message"}}
"""The same for what the engine itself wrote: its posts come back as webhooks."""


def handler_for(worker: str, event: Event, *, own: bool = False) -> str | None:
    """Name of the worker's handler for an event, None if it does not care."""
    return (OWN if own else ROUTES).get(type(event), {}).get(worker)
