"""Looks for questions that wait, and for people who might be asked about one. Only reads."""

from __future__ import annotations

import heapq
import itertools
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from engine.members.directory import Directory
from engine.members.habits import Presence, presence
from engine.members.profiles import mentioned
from engine.members.rules import faded, willingness
from engine.members.store import Members
from engine.moderation.store import Cases
from engine.questions import pool
from engine.questions.choosing import Asker, Candidate
from engine.questions.hearing import own_words
from engine.questions.reasons import Because, because
from engine.questions.rules import WAITING
from engine.questions.store import Questions
from engine.questions.threads import rests
from engine.questions.topics import knowledge, named, rarity, relevance, topics

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from engine.clock import Epoch
    from engine.commit import Commit
    from engine.members.directory import Familiar
    from engine.members.profiles import Profile
    from engine.questions.store import Question
    from workers.runtime import Deps


async def staff_of(commit: Commit, deps: Deps) -> tuple[set[int], set[int]]:
    """Admins and vendors."""
    return await Members(commit).staff(deps.community.rooms_of("admin"), deps.community.rooms_of("vendor"))


async def waiting(room_id: int, commit: Commit) -> list[Question]:
    """A room's questions that wait, oldest first, but for those under moderation, or about which people talk now."""
    return [
        question
        for question in await Questions(commit).in_room(room_id)
        if question.state in WAITING
        and rests(question.turns, commit.now) is None
        and not await Cases(commit).is_case(room_id, question.message_id)
    ]


async def text_of(question: Question, commit: Commit) -> str:
    """What its author wrote; empty if that is forgotten."""
    message = await Questions(commit).message(question.room_id, question.message_id)
    return own_words(message.body) if message is not None else ""


@dataclass(frozen=True, slots=True)
class Subject:
    """What a question is about: stories it mentions, its nouns and how rare they are, who answered about them."""

    mentions: frozenset[str]
    rarities: Mapping[str, float]
    knowers: Mapping[int, Mapping[str, float]]

    def knowledge(self, account_id: int) -> float:
        """How much of it somebody has answered about, 0 to 1."""
        return knowledge(self.knowers.get(account_id, {}), self.rarities)


@dataclass(frozen=True, slots=True)
class Gathered:
    """Everybody who was looked at."""

    subject: Subject
    asker: Asker
    candidates: Sequence[Candidate]
    names: Mapping[int, str]
    presences: Mapping[int, Presence]

    def reason(self, person: Candidate) -> Because:
        """Why somebody is asked, as they may read it."""
        answered = self.subject.knowers.get(person.account_id, {})
        return because(person.profile, self.asker.profile, self.subject.mentions, answered, self.subject.rarities)


async def gather(question: Question, text: str, moments: Sequence[Epoch], commit: Commit, deps: Deps) -> Gathered:
    """The pool of a question's next wave, whose people may be asked at any of `moments`."""
    directory, members = Directory(commit), Members(commit)
    subject = await subject_of(text, directory, commit.now)
    earlier = [ask.account_id for ask in question.asks]
    known = await directory.look_up([question.account_id, *earlier], question.room_id)
    asker = Asker(known[question.account_id].profile, tuple(known[each].profile for each in earlier))
    drawn = await _draw(question, asker.profile, subject, directory)
    familiar = await directory.look_up(drawn, question.room_id)
    people = await members.look_up(drawn)
    everybody = await directory.everybody()
    at_odds = await Cases(commit).at_odds_with(question.account_id)
    presences = {each: presence(known.habits, everybody, commit.now) for each, known in familiar.items()}
    available = {
        each: known.at(known.best(moments, deps.hours.zone), deps.hours.zone) for each, known in presences.items()
    }
    return Gathered(
        subject=subject,
        asker=asker,
        candidates=[
            replace(each, at_odds=each.account_id in at_odds)
            for each in await _candidates(subject, familiar, available, commit, deps)
        ],
        names={account_id: person.name for account_id, person in people.items()},
        presences=presences,
    )


async def subject_of(text: str, directory: Directory, now: Epoch) -> Subject:
    """What a text is about, and who has answered about that."""
    nouns = topics(text)
    counts, questions = await directory.rarities(nouns)
    rarities = {noun: rarity(count, questions) for noun, count in counts.items()}
    return Subject(mentioned(text), rarities, await directory.knowers(nouns, pool.TOPIC, now))


async def _draw(question: Question, asker: Profile, subject: Subject, directory: Directory) -> list[int]:
    """At most 64 people: who answered about it, colleagues, neighbours, and anybody."""
    knowers = heapq.nlargest(pool.TOPIC, subject.knowers, key=lambda each: (subject.knowledge(each), each))
    specialties = asker.specialties[: pool.SPECIALTY]
    wanted: list[tuple[Sequence[str | int], int]] = [
        *((("who", "specialty", each), pool.SPECIALTY // len(specialties)) for each in specialties),
        *((("who", "region", each), pool.REGION) for each in (asker.region,) if each),
        (("in", question.room_id), pool.ANYBODY),
    ]
    drawn = await directory.draw(wanted, pool.beginning(question.id, question.waves))
    return list(dict.fromkeys(itertools.chain(knowers, *drawn)))


async def _candidates(
    subject: Subject,
    familiar: Mapping[int, Familiar],
    available: Mapping[int, float],
    commit: Commit,
    deps: Deps,
) -> list[Candidate]:
    members = Members(commit)
    people = await members.look_up(familiar)
    invited = await members.invitations(people)
    tallies = await members.tallies(people)
    admins, vendors = await staff_of(commit, deps)
    never = vendors | {deps.own_account_id}
    candidates = []
    for account_id, person in people.items():
        known = familiar[account_id]
        tally = faded(tallies[account_id], commit.now, deps.community.score.half_life)
        is_named = named(known.profile, subject.mentions) is not None
        candidates.append(
            Candidate(
                account_id=account_id,
                asked_at=invited[account_id],
                paused_until=person.paused_until,
                may_be_asked=known.is_here
                and account_id not in never
                and (person.opted_in or account_id not in admins),
                profile=known.profile,
                willingness=willingness(tally),
                relevance=relevance(subject.knowledge(account_id), is_named=is_named),
                availability=available[account_id],
                times_asked=tally.asks,
            )
        )
    return candidates
