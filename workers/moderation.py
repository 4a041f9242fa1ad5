"""Finds what would make asking feel risky, puts it before the admins, and does what they decide.

Admins see a card in their room; members see a warning only after an admin's word (or by policy), in a direct chat
where there is one. Safe to run twice: a message is a case at most once, a verdict applies only in the state it is for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.backups.lost import lost_time
from engine.chatwork.markup import parse
from engine.errors import Ignored, Refused
from engine.members.store import Members
from engine.moderation import detect, rules, texts
from engine.moderation.deciding import decide, warning_still_wanted, withdrawal_still_wanted
from engine.moderation.rules import BrakeCommand, CaseCommand, Policy, Verdict
from engine.moderation.store import Case, Cases
from engine.outbox import ChatContent, Intent, Kind, put, set_brake, was_put
from engine.ports import Lane
from engine.questions.store import Questions

if TYPE_CHECKING:
    from collections.abc import Mapping

    from engine.commit import Commit
    from engine.events import MessageCreated, MessageUpdated
    from engine.moderation.detect import Judgement
    from engine.outbox import Verdict as SendVerdict
    from workers.runtime import Deps, Guard, Job


async def on_message(event: MessageCreated | MessageUpdated, commit: Commit, deps: Deps) -> str:
    """Judge what is written on a board; obey what admins write in their room."""
    role = deps.community.role_of(event.room_id)
    if role == "admin":
        return await _obey(event, commit, deps)
    if role != "board":
        raise Ignored("not a board")
    if parse(event.body).is_system:
        raise Ignored("a notice of Chatwork's")
    return await _judge(event, commit, deps)


async def _judge(event: MessageCreated | MessageUpdated, commit: Commit, deps: Deps) -> str:
    judgement = detect.judge(event.body, await _context(event, commit))
    admins = await Members(commit).in_rooms(deps.community.rooms_of("admin"))
    decisions = rules.on_judgement(
        judgement.action,
        already_a_case=await Cases(commit).is_case(event.room_id, event.message_id),
        by_admin=event.account_id in admins,
        policy=Policy(warn_by_itself=deps.community.moderation.warn == "auto"),
    )
    outcomes = []
    for decision in decisions:
        case = Case(
            id=await _number(event, commit, deps),
            room_id=event.room_id,
            message_id=event.message_id,
            account_id=event.account_id,
            category=judgement.category,
            action=judgement.action,
            reason=", ".join(signal.name for signal in judgement.signals),
            masked=parse(judgement.masked).text,
            opened_at=commit.now,
        )
        Cases(commit).set_at_odds(case, _addressed(event, deps))
        outcomes.append(await _open(case, _words(judgement), approved=decision.approved, commit=commit, deps=deps))
    return ", ".join(outcomes) or "skipped: nothing to act on"


def _addressed(event: MessageCreated | MessageUpdated, deps: Deps) -> set[int]:
    """To whom a message was said, by name."""
    parsed = parse(event.body)
    people = {*parsed.mentions, *(reply.account_id for reply in parsed.replies)}
    return people - {event.account_id, deps.own_account_id}


async def _number(event: MessageCreated | MessageUpdated, commit: Commit, deps: Deps) -> str:
    """A number that no other case has; after a restore the one that the message's card of the lost time shows."""
    if await lost_time(commit) is None:
        return await Cases(commit).new_id()
    cards = await _cards(deps)
    shown = [case_id for case_id, message in cards.items() if message == (event.room_id, event.message_id)]
    return shown[0] if shown else await Cases(commit).new_id(cards)


async def _cards(deps: Deps, before: str | None = None) -> dict[str, tuple[int, str]]:
    """Room and message of the cases whose cards the admin rooms show, if need be only those from before a message."""
    rooms = [await deps.chat.newest_messages(room, Lane.MODERATION) for room in deps.community.rooms_of("admin")]
    own = [said for room in rooms for said in room if said.account_id == deps.own_account_id]
    shown = [texts.read_card(said.body) for said in own if before is None or int(said.message_id) < int(before)]
    return {card[0]: card[1:] for card in shown if card is not None}


async def _refuse_old_number(case_id: str, event: MessageCreated | MessageUpdated, commit: Commit, deps: Deps) -> None:
    """A verdict of the lost time is for the case whose card its admin saw, not for one that has the number since."""
    lost, case = await lost_time(commit), await Cases(commit).get(case_id)
    if lost is None or event.sent_at > lost.restored_at:
        return
    reopened = case is not None and case.opened_at > lost.restored_at
    if case is None or (
        reopened and (await _cards(deps, event.message_id)).get(case_id) != (case.room_id, case.message_id)
    ):
        raise Ignored("a word of the lost time about a case that is not known by its card")


def _words(judgement: Judgement) -> list[str]:
    """What of the message gave rise to the case, each piece once."""
    seen = (signal.excerpt for signal in judgement.signals if signal.category is judgement.category)
    return list(dict.fromkeys(word for word in seen if word))


async def _context(event: MessageCreated | MessageUpdated, commit: Commit) -> list[str]:
    """What the message answers, as far as it is remembered."""
    targets = {reply.message_id for reply in parse(event.body).replies if reply.room_id == event.room_id}
    found = [await Questions(commit).message(event.room_id, target) for target in sorted(targets)]
    return [message.body for message in found if message is not None]


async def _open(case: Case, words: list[str], *, approved: bool, commit: Commit, deps: Deps) -> str:
    cases = Cases(commit)
    strikes = rules.valid_strikes([strike.expires_at for strike in await cases.strikes(case.account_id)], commit.now)
    await cases.add(case)
    commit.fact(
        "case_opened", case_id=case.id, room_id=case.room_id, category=case.category, action=case.action,
        signals=case.reason,
    )  # fmt: skip
    body = texts.card(
        case_id=case.id,
        category=case.category,
        action=case.action,
        words=words,
        masked=case.masked,
        room_id=case.room_id,
        message_id=case.message_id,
        strikes=strikes,
    )
    for room_id in deps.community.rooms_of("admin"):
        await _post(Kind.CASE_CARD, case.id, room_id, body, commit)
    if approved:
        await _decide(case.id, Verdict.APPROVE, "policy", commit, deps)
    return f"opened: {case.id}"


async def _obey(event: MessageCreated | MessageUpdated, commit: Commit, deps: Deps) -> str:
    """An admin's word in the admin room; edits of old messages are no commands."""
    if await was_put(commit, _post_id(Kind.REPLY, event.message_id, event.room_id)):
        raise Ignored("obeyed before")
    command = rules.read_command(parse(event.body).text) if event.kind == "message_created" else None
    match command:
        case CaseCommand(verdict, case_id):
            await _refuse_old_number(case_id, event, commit, deps)
            try:
                case = await _decide(case_id, verdict, str(event.account_id), commit, deps)
                answer = texts.decided(case_id, case.state)
            except Refused:
                answer = texts.not_possible(case_id)
            outcome = f"{verdict}: {case_id}"
        case BrakeCommand(pull):
            await set_brake(commit, pull=pull, by=str(event.account_id))
            answer, outcome = texts.brake(pull), "brake"
        case None:
            raise Ignored("no command")
    await _post(Kind.REPLY, event.message_id, event.room_id, answer, commit, about=event.sent_at)
    return outcome


async def _decide(case_id: str, verdict: Verdict, by: str, commit: Commit, deps: Deps) -> Case:
    return await decide(
        case_id,
        verdict,
        by=by,
        name_of=Members(commit).name_of,
        strike_expires=deps.community.moderation.strike_expires,
        commit=commit,
    )


async def _post(
    kind: Kind, subject: str, room_id: int, body: str, commit: Commit, *, about: float | None = None
) -> None:
    """`about` is when that was said which it answers: an answer to a word of long ago is too late."""
    intent = Intent(
        id=_post_id(kind, subject, room_id),
        worker="moderation",
        kind=kind,
        lane=Lane.REPLY if kind is Kind.REPLY else Lane.MODERATION,
        subject=subject,
        content=ChatContent(room_id=room_id, body=body),
        created_at=commit.now if about is None else about,
    )
    await put(commit, intent)


def _post_id(kind: Kind, subject: str, room_id: int) -> str:
    return f"{kind}-{subject}-{room_id}"


async def _warning_wanted(intent: Intent, commit: Commit, _: Deps) -> SendVerdict:
    return await warning_still_wanted(intent, commit)


async def _withdrawal_wanted(intent: Intent, commit: Commit, _: Deps) -> SendVerdict:
    return await withdrawal_still_wanted(intent, commit)


JOBS: Mapping[str, Job] = {}
GUARDS: Mapping[Kind, Guard] = {Kind.WARNING: _warning_wanted, Kind.WITHDRAWAL: _withdrawal_wanted}
