"""From a message's body to what the rules hear. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.chatwork.markup import parse
from engine.moderation.detect import Action, judge
from engine.questions import detect, remarks
from engine.questions.resting import rests_until, resumes
from engine.questions.rules import Heard
from engine.questions.topics import topics

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo


def own_words(body: str) -> str:
    """A message without tags, quotes and code: what its author wrote."""
    return parse(body).text


def hurts(body: str) -> bool:
    """True for words that a moderator would warn about: whoever sneers at a question has not answered it."""
    return judge(body).action is Action.WARN


def hear(
    *, message_id: str, author: int, sent_at: int, body: str, room_id: int, can_answer: bool, zone: ZoneInfo
) -> Heard | None:
    """What a message says, its days being those of `zone`; None for Chatwork's own notices (somebody joined …)."""
    parsed = parse(body)
    if parsed.is_system:
        return None
    judgement = detect.judge(body)
    replies = [reply for reply in parsed.replies if reply.room_id == room_id]
    return Heard(
        message_id=message_id,
        author=author,
        sent_at=sent_at,
        is_question=judgement.is_question,
        reason=judgement.reason,
        is_thanks=remarks.is_thanks(body),
        is_solved=remarks.is_solved(body),
        is_settled=remarks.is_settled(body),
        is_unsolved=remarks.is_unsolved(body),
        is_parked=remarks.is_parked(body),
        is_pass=remarks.is_pass(body),
        is_withdrawn=remarks.is_withdrawn(body),
        rests_until=rests_until(body, sent_at, zone) or 0.0,
        resumes=resumes(body),
        substance=remarks.substance(body),
        tells=remarks.tells_own_case(body),
        asks_back=remarks.asks_back(body),
        asks_everybody=parsed.to_all or remarks.asks_everybody(body),
        nouns=frozenset(topics(parsed.text)),
        can_answer=can_answer and not hurts(body),
        replies_to=frozenset(reply.message_id for reply in replies),
        quotes=frozenset((quote.account_id or 0, quote.time or 0) for quote in parsed.quotes),
        mentions=frozenset(parsed.mentions) | {reply.account_id for reply in replies},
    )
