"""`yuruyuru members forget`: a person's words leave the database; what must stay is named, with the reason."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from engine import forgetting
from engine.chatwork.compose import message_link
from engine.members.directory import forget_familiar
from engine.members.store import Members, forget_member
from engine.moderation.store import forget_evidence, forget_odds, list_cases
from engine.questions.decisions import forget_in_decisions
from engine.questions.direct import forget_direct
from engine.questions.forgetting import forget_part, forget_questions, forget_words
from engine.questions.store import list_questions
from engine.questions.talk import forget_talk
from engine.referrals.store import forget_claim, list_referrals

if TYPE_CHECKING:
    from collections.abc import Mapping

    from engine.commands.office import Office
    from engine.moderation.store import Case
    from engine.questions.store import Question

AUDIT = "who decided what about this person and when can be appealed and must be explained; its words are gone"
CONSENT = "a record that the doctor agreed to be named to the vendor, which the law wants kept for three years"
PRESENT = "Chatwork shows who is in a room; remove the person there first, then forget them again"
FILE = "the server may not be asked to write its file anew: run BGREWRITEAOF there, until then the file holds the words"
BACKUPS = "copies made before hold the words until they are too old to be kept; delete them by hand if that is too late"
ROOMS = "what stands in Chatwork's rooms is Chatwork's; only there it can be deleted"
REPEATED = "what others repeated in words of their own, or pasted without Chatwork's quote mark, is their text"


@dataclass(frozen=True, slots=True)
class Stays:
    """Something that is not erased, and why."""

    what: str
    why: str


@dataclass(frozen=True, slots=True)
class Forgotten:
    """What was erased (how many of each), and what was not."""

    erased: Mapping[str, int]
    stays: tuple[Stays, ...]


async def forget(office: Office, account_id: int) -> Forgotten:
    """Erase a person. Safe to run again: it goes on where it was cut off.

    Raises `Refused`, then nothing is half done that a second run would miss, while their words are being handled.
    """
    db, clock = office.db, office.clock
    questions = [question for question in await list_questions(db) if question.account_id == account_id]
    cases = [case for case in await list_cases(db) if case.account_id == account_id]
    hers: list[Question | Case] = [*questions, *cases]
    subjects = {about.id for about in hers}
    links = {message_link(about.room_id, about.message_id) for about in hers}
    erased = {
        "events": await forgetting.forget_entries(db, account_id, links),
        "posts": await forgetting.forget_intents(db, clock, account_id, subjects, links),
        "dead_letters": await forgetting.forget_dead_letters(db, clock, account_id),
        "talk": await forget_talk(db, clock, account_id),
        "messages": await forget_words(db, clock, account_id),
        "cases_without_words": await forget_evidence(db, clock, lambda case: case.account_id == account_id),
        "direct_chats": await forget_direct(db, clock, account_id),
        "between_people": await forget_odds(db, clock, account_id),
        "others_questions": await forget_part(db, clock, account_id),
        "questions": await forget_questions(db, clock, lambda question: question.account_id == account_id),
        "decisions": await forget_in_decisions(db, clock, account_id),
        "referral_codes": await forget_claim(db, clock, account_id),
        "profile": await forget_member(db, clock, account_id),
        "habits_and_knowledge": await forget_familiar(db, clock, account_id),
    }
    stays = [Stays(f"case {case.id} ({case.state})", AUDIT) for case in cases]
    stays += await _stays(office, account_id)
    return Forgotten({what: count for what, count in erased.items() if count}, tuple(stays))


async def _stays(office: Office, account_id: int) -> list[Stays]:
    stays = [
        Stays(f"referral {referral.id}", CONSENT)
        for referral in await list_referrals(office.db)
        if referral.account_id == account_id
    ]
    members = Members(office.commit())
    stays += [
        Stays(f"member list of room {room.room_id}", PRESENT)
        for room in office.community.rooms
        if account_id in await members.in_rooms([room.room_id])
    ]
    if not await forgetting.compact(office.db):
        stays.append(Stays("the server's append-only file", FILE))
    backups = await asyncio.to_thread(lambda: sorted((office.environment.data_dir / "backups").glob("*.backup")))
    if backups:
        stays.append(Stays(f"backups in {backups[0].parent}", BACKUPS))
    return [*stays, Stays("messages in Chatwork", ROOMS), Stays("others' messages", REPEATED)]
