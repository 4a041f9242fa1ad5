"""What the nudge worker does by time: asks members by name when an answer does not come by itself.

Members see short invitations with a link and two ways out. Safe to run twice: an invitation's id names question and
person, and everything is looked at again in the moment of sending.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING

from engine.backups.lost import LISTENING, lost_time
from engine.chatwork.compose import doctor
from engine.clock import HOUR, MINUTE, ActiveSeconds, Epoch, after
from engine.errors import Ignored
from engine.members.habits import hours_from
from engine.members.store import Members
from engine.moderation.store import Cases
from engine.outbox import Brake, Drop, Go, Intent, Kind, Later, Verdict, brake_key, put
from engine.questions import choosing, following, texts
from engine.questions.choosing import Caps, left_out, wave_of
from engine.questions.decisions import Decision, Invitee, note
from engine.questions.direct import spoke_to
from engine.questions.hearing import own_words
from engine.questions.rules import WAITING
from engine.questions.store import Question, Questions
from engine.questions.threads import rests
from workers.gathering import gather
from workers.learning import first_after

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from engine.commit import Commit
    from engine.questions.choosing import Candidate, Wave
    from workers.gathering import Gathered
    from workers.runtime import Deps, Guard, Job

BRAKE_LOOK = 15 * MINUTE
"""Seconds between two looks whether the brake is still on."""

AHEAD = 12 * HOUR
"""How long an invitation may wait for a good hour of the person who is asked."""


def next_wave(question: Question, commit: Commit, deps: Deps) -> Epoch | None:
    """When a question's next wave is due; after the last one there is none."""
    dues = (_due_at(question, wave, deps) for wave in deps.community.nudge.waves)
    return next((due for due in dues if due is not None and due > commit.now), None)


def _due_at(question: Question, wave: float, deps: Deps) -> Epoch | None:
    """When a wave of the settings is due for a question that may know better when it is first."""
    usual = deps.community.nudge.waves[0]
    first = usual if question.first_after is None else question.first_after
    return deps.hours.add(Epoch(question.asked_at), ActiveSeconds(first + wave - usual))


def wake_next_wave(question: Question, commit: Commit, deps: Deps) -> None:
    """Set the due time of the next wave."""
    due = next_wave(question, commit, deps)
    if due is not None:
        commit.wake("nudge", "ask", question.id, due)


async def begin_waiting(question: Question, commit: Commit, deps: Deps) -> Question:
    """A question is new: set when its first wave is due, which for a newcomer's first is now."""
    question = question.model_copy(update={"first_after": await first_after(question, commit)})
    Questions(commit).put(question)
    if question.first_after == 0 and question.asked_at > commit.now - AHEAD:
        commit.wake("nudge", "ask", question.id, commit.now)
    else:
        wake_next_wave(question, commit, deps)
    return question


def wake_again(question: Question, commit: Commit, deps: Deps) -> None:
    """A question waits again, or still: a wave that it missed meanwhile is due at once, but not while people talk."""
    waves = deps.community.nudge.waves
    due = _due_at(question, waves[min(question.waves, len(waves) - 1)], deps)
    if due is None:
        return
    resting = rests(question.turns, commit.now)
    commit.wake("nudge", "ask", question.id, Epoch(max(due, commit.now, resting[0] if resting else 0.0)))


async def ask(question_id: str, commit: Commit, deps: Deps) -> str:
    """A wave is due: ask the few people who together are likely enough to answer."""
    question, later = await _due("ask", question_id, commit, deps)
    if later is not None:
        return later
    wake_next_wave(question, commit, deps)
    nudge = deps.community.nudge
    caps = Caps(nudge.asks_per_day, nudge.asks_per_week)
    wave = wave_of(question.waves, nudge.max_per_wave, caps)
    return await _ask(question.model_copy(update={"waves": question.waves + 1}), wave, _because(question), commit, deps)


def _because(question: Question) -> str:
    """Why now, from a closed list."""
    if question.waves:
        return "a wave is due"
    if question.first_after == 0:
        return "a newcomer's first question"
    return "nobody answered by itself" if question.first_after is None else "an answer by itself grew unlikely"


async def replace_one(question_id: str, commit: Commit, deps: Deps) -> str:
    """Somebody passed: ask one other person."""
    question, later = await _due("replace", question_id, commit, deps)
    if later is not None:
        return later
    caps = Caps(deps.community.nudge.asks_per_day, deps.community.nudge.asks_per_week)
    return await _ask(question, wave_of(question.waves, 1, caps), "somebody passed", commit, deps)


async def _due(job: str, question_id: str, commit: Commit, deps: Deps) -> tuple[Question, str | None]:
    """The question, and why nobody is asked now; it is looked at again then. Raises `Ignored` if never."""
    question = await Questions(commit).get(question_id)
    if question is None or question.state not in WAITING:
        raise Ignored("needs no invitation any more")
    resting = rests(question.turns, commit.now)
    if resting is None and await commit.read(brake_key(commit.db.keys), Brake) is not None:
        resting = commit.now + BRAKE_LOOK, "brake"
    if resting is not None:
        until, reason = resting
        commit.wake("nudge", job, question_id, Epoch(until))
        commit.fact("ask_suppressed", question_id=question_id, reason=reason)
        return question, f"later: {reason}"
    if await Cases(commit).is_case(question.room_id, question.message_id):
        commit.fact("ask_suppressed", question_id=question_id, reason="under moderation")
        return question, "skipped: under moderation"
    lost = await lost_time(commit)
    if lost is not None and question.room_id in lost.unread:
        commit.wake("nudge", job, question_id, after(commit.now, LISTENING))
        return question, "later: first the room is read again"
    active = deps.hours.next_active(commit.now)
    if active is None:
        raise Ignored("the calendar has no active hours")
    if active > commit.now:
        commit.wake("nudge", job, question_id, active)
        return question, "later: outside active hours"
    return question, None


async def _ask(question: Question, wave: Wave, because: str, commit: Commit, deps: Deps) -> str:
    """Choose, invite, and remember why."""
    message = await Questions(commit).message(question.room_id, question.message_id)
    if message is None:
        raise Ignored("its text is forgotten")
    text = own_words(message.body)
    moments = _moments(question, commit, deps)
    found = await gather(question, text, moments, commit, deps)
    chosen = await _choose(question, found, wave, commit)
    invitees = tuple(_invitee(each, found, moments, deps) for each in chosen)
    for invitee in invitees:
        question = await _invite(question, invitee, text, found, commit)
    Questions(commit).put(question)
    decision = Decision(
        at=commit.now,
        wave=question.waves,
        now_because=because,
        pool=len(found.candidates),
        left_out=_left_out(question, found, wave, invitees, commit.now),
        chosen=invitees,
    )
    await note(commit, question.id, decision, deps.community.retention.messages)
    if not invitees:
        commit.fact("ask_suppressed", question_id=question.id, reason="nobody free")
        return "skipped: nobody free"
    return "asked: " + ", ".join(str(each.account_id) for each in invitees)


async def _choose(question: Question, found: Gathered, wave: Wave, commit: Commit) -> list[Candidate]:
    """Whom to ask. Another question, due at the same moment, may have invited the chosen since all were looked at.

    So the chosen are looked at again, now to be changed; who is no longer as they were is considered anew.
    """
    candidates = {each.account_id: each for each in found.candidates}
    while True:
        chosen = choosing.choose(question.known(), found.asker, candidates.values(), wave, commit.now)
        fresh = {each.account_id: await Members(commit).invited(each.account_id) for each in chosen}
        changed = [each for each in chosen if fresh[each.account_id] != each.asked_at]
        if not changed:
            return chosen
        candidates |= {each.account_id: replace(each, asked_at=fresh[each.account_id]) for each in changed}


def _moments(question: Question, commit: Commit, deps: Deps) -> list[Epoch]:
    """When people may be asked: now, and in the active hours before the next wave."""
    latest = after(commit.now, AHEAD)
    ahead = hours_from(commit.now, min(next_wave(question, commit, deps) or latest, latest))
    return [moment for moment in ahead if moment == commit.now or deps.hours.is_active(moment)]


def _invitee(person: Candidate, found: Gathered, moments: Sequence[Epoch], deps: Deps) -> Invitee:
    """At which good hour of theirs somebody is asked, and why they."""
    moment = found.presences[person.account_id].best(moments, deps.hours.zone)
    because = found.reason(person)
    return Invitee(account_id=person.account_id, why=because.why, word=because.word, at=moment, chance=person.chance)


async def _invite(question: Question, invitee: Invitee, text: str, found: Gathered, commit: Commit) -> Question:
    account_id = invitee.account_id
    times = await Members(commit).invite(account_id)
    body = texts.invitation(question.room_id, question.message_id, text, invitee.because, times)
    name = found.names[account_id]
    intent = following.invitation(
        question,
        account_id,
        body,
        commit.now,
        salutation=texts.salutation(account_id, name),
        private_salutation=doctor(name),
    )
    await put(commit, intent, at=Epoch(invitee.at))
    return question.with_ask(account_id, commit.now)


def _left_out(
    question: Question, found: Gathered, wave: Wave, invitees: tuple[Invitee, ...], now: Epoch
) -> dict[str, tuple[int, ...]]:
    """Who of the pool was not asked, by reason from the closed list."""
    chosen = {each.account_id for each in invitees}
    known = question.known()
    reasons: dict[str, list[int]] = defaultdict(list)
    for each in found.candidates:
        if each.account_id not in chosen:
            reasons[left_out(each, known, wave.caps, now) or "others fit better"].append(each.account_id)
    return {reason: tuple(people) for reason, people in sorted(reasons.items())}


async def still_wanted(intent: Intent, commit: Commit, deps: Deps) -> Verdict:
    """At the moment of sending: still open, the person not paused, the hour active, the room not just asked."""
    questions = Questions(commit)
    question = await questions.get(intent.subject)
    if question is None or intent.person is None:
        return Drop("forgotten")
    person = await Members(commit).get(intent.person)
    reason = choosing.may_still_ask(
        question.known(),
        intent.created_at,
        person.paused_until if person else 0.0,
        commit.now,
        under_moderation=await Cases(commit).is_case(question.room_id, question.message_id),
    )
    if reason is not None:
        await uninvite(question, intent.person, commit)
        return Drop(reason)
    resting = rests(question.turns, commit.now)
    if resting is not None:
        return Later(Epoch(resting[0]), resting[1])
    active = deps.hours.next_active(commit.now)
    if active != commit.now:
        return Later(active or Epoch(commit.now + choosing.WEEK), "outside active hours")
    free = choosing.next_free(await questions.last_ask(question.room_id, intent.id), commit.now)
    if free > commit.now:
        return Later(free, "the room was just asked")
    await _date_invitation(question, intent.person, intent.id, commit)
    return Go()


async def uninvite(question: Question, account_id: int, commit: Commit) -> None:
    """What is not sent does not count: neither as an ask nor against the caps."""
    for ask in question.asks_of(account_id):
        await Members(commit).take_back_invitation(account_id, ask.at)
    Questions(commit).put(question.without_asks_of(account_id))


async def _date_invitation(question: Question, account_id: int, intent_id: str, commit: Commit) -> None:
    """Caps count from when somebody is really asked, which may be long after it was decided."""
    members, questions = Members(commit), Questions(commit)
    spoke_to(commit, account_id)
    await members.date_invitation(account_id, {ask.at for ask in question.asks_of(account_id)})
    questions.put(question.without_asks_of(account_id).with_ask(account_id, commit.now))
    questions.put_last_ask(question.room_id, intent_id)


JOBS: Mapping[str, Job] = {"ask": ask, "replace": replace_one}
GUARDS: Mapping[Kind, Guard] = {Kind.ASK: still_wanted}
