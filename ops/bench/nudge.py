#!/usr/bin/env python3
"""Compares ways of asking members, in a simulated community of 1,000 over 90 days. Same town, same questions for each.

ops/bench/nudge.py [--seed N] [--days N] [--members N]      # prints a table; `make bench-nudge`

The choosing is the product's own (`engine/questions/choosing.py`, `habits`, `topics`, `patience`); the people are not.
"""

from __future__ import annotations

import argparse
import heapq
import itertools
import random
import statistics
import sys
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent))

from engine.clock import DAY, HOUR, ActiveSeconds, Epoch
from engine.members import rules as scoring
from engine.members.habits import Presence, hours_from, presence
from engine.members.profiles import difference
from engine.questions import patience, pool
from engine.questions.choosing import Asker, Candidate, Caps, choose, left_out, wave_of
from engine.questions.patience import Curve, Wait
from engine.questions.rules import Known, State
from engine.questions.topics import knowledge, rarity, relevance
from ops.bench.town import HALF_LIFE, START, TOPICS, ZONE, Doctor, Town, build_town, office_hours

if TYPE_CHECKING:
    from collections.abc import Callable

WAVES = (2 * HOUR, 6 * HOUR, 14 * HOUR)
CAPS, NO_CAPS = Caps(per_day=1, per_week=3), Caps(per_day=10**6, per_week=10**6)
A_DAY = 20
"""Questions a day."""

BY_ITSELF = 0.6
"""Questions that somebody answers without being asked, after an exponential active time of `PATIENCE` in the mean."""

PATIENCE = 4 * HOUR
HOURS = office_hours()
NOTHING_LEARNT = Curve()


@dataclass(slots=True)
class Question:
    """One question of the simulation; `answers` are (time, who, asked by us)."""

    id: str
    asker: Doctor
    topic: str
    at: float
    lucky_at: float | None
    lucky: Doctor
    asked: dict[int, float] = field(default_factory=dict)
    answers: list[tuple[float, Doctor, bool]] = field(default_factory=list)
    wave: int = 0
    first: float = WAVES[0]


@dataclass(frozen=True, slots=True)
class Policy:
    """A way of asking. `patient`: it learns when to ask first, and asks everybody at a good hour of theirs."""

    choose: Callable[[Run, Question, Epoch], list[Doctor]]
    patient: bool = False


@dataclass(slots=True)
class Run:
    """One policy in one town; `choice` draws what the policy draws, `fate` what people do."""

    town: Town
    choice: random.Random
    fate: random.Random
    everybody: dict[int, float]
    questions: list[Question]
    curve: Curve = NOTHING_LEARNT
    learnt_at: float = 0.0
    stood_in: Counter[str] = field(default_factory=Counter)
    answered_by_us: int = 0
    asked: list[tuple[float, int]] = field(default_factory=list)

    def willingness(self, doctor: Doctor, now: float) -> float:
        """The engine's estimate: the share of invitations answered, shrunk to three in ten."""
        tally = scoring.faded(doctor.tally, now, HALF_LIFE)
        return scoring.willingness(tally)

    def relevance(self, doctor: Doctor, question: Question) -> float:
        """The engine's estimate of how near the question is to somebody."""
        rare = {question.topic: rarity(self.stood_in[question.topic], sum(self.stood_in.values()))}
        return relevance(knowledge(doctor.answered_about, rare), is_named=False)


def nobody(_run: Run, _question: Question, _now: Epoch) -> list[Doctor]:
    """No nudging."""
    return []


def three_at_random(run: Run, question: Question, _now: Epoch) -> list[Doctor]:
    """Any three."""
    others = [each for each in run.town.doctors.values() if each is not question.asker]
    return run.choice.sample([each for each in others if each.account_id not in question.asked], 3)


def best(run: Run, question: Question, now: Epoch, caps: Caps = NO_CAPS) -> list[Doctor]:
    """The three with the highest scores of all, however often they were asked."""
    known = _known(question)
    free = [
        (run.willingness(doctor, now) * run.relevance(doctor, question), doctor.account_id)
        for doctor in run.town.doctors.values()
        if left_out(Candidate(doctor.account_id, tuple(doctor.asks[-9:])), known, caps, now) is None
    ]
    return [run.town.doctors[account_id] for _, account_id in heapq.nlargest(3, free)]


def best_with_cap(run: Run, question: Question, now: Epoch) -> list[Doctor]:
    """The three with the highest scores among those not at a cap."""
    return best(run, question, now, CAPS)


def ours(run: Run, question: Question, now: Epoch) -> list[Doctor]:
    """The product's rules: a drawn pool, score with curiosity, variety, waves as small as will do."""
    moments = _moments(question, now)
    candidates = [_candidate(run, run.town.doctors[each], question, moments) for each in _pool(run.town, question)]
    earlier = tuple(run.town.doctors[each].profile for each in question.asked)
    asker = Asker(question.asker.profile, earlier)
    chosen = choose(_known(question), asker, candidates, wave_of(question.wave, 3, CAPS), now)
    return [run.town.doctors[each.account_id] for each in chosen]


def _pool(town: Town, question: Question) -> list[int]:
    point = pool.beginning(question.id, question.wave)
    knowers = heapq.nlargest(
        pool.TOPIC,
        town.knowers[question.topic],
        key=lambda each: (town.doctors[each].answered_about.get(question.topic, 0.0), each),
    )
    profile = question.asker.profile
    drawn = (
        knowers,
        town.draw(f"specialty {profile.specialties[0]}", point, pool.SPECIALTY),
        town.draw(f"region {profile.region}", point, pool.REGION),
        town.draw("anybody", point, pool.ANYBODY),
    )
    return list(dict.fromkeys(itertools.chain(*drawn)))


def _moments(question: Question, now: Epoch) -> list[Epoch]:
    """Now, and the active hours before the next wave."""
    last = question.wave + 1 >= len(WAVES)
    due = now + 12 * HOUR if last else _wave_at(question, question.wave + 1)
    return [each for each in hours_from(now, Epoch(min(due, now + 12 * HOUR))) if each == now or HOURS.is_active(each)]


def _presence(run: Run, doctor: Doctor, now: Epoch) -> Presence:
    return presence(doctor.wrote, run.everybody, now)


def _candidate(run: Run, doctor: Doctor, question: Question, moments: list[Epoch]) -> Candidate:
    now = moments[0]
    known = _presence(run, doctor, now)
    return Candidate(
        account_id=doctor.account_id,
        asked_at=tuple(doctor.asks[-9:]),
        profile=doctor.profile,
        willingness=run.willingness(doctor, now),
        relevance=run.relevance(doctor, question),
        availability=known.at(known.best(moments, ZONE), ZONE),
        times_asked=scoring.faded(doctor.tally, now, HALF_LIFE).asks,
    )


def _known(question: Question) -> Known:
    return Known(
        question_id=question.id,
        message_id=question.id,
        asker=question.asker.account_id,
        asked_at=int(question.at),
        state=State.OPEN,
        answerers=frozenset(who.account_id for _, who, _ in question.answers),
        asked=frozenset(question.asked),
    )


def simulate(policy: Policy, seed: int, members: int, days: int) -> Run:
    """Let the days pass."""
    town = build_town(seed, members)
    everybody: dict[int, float] = dict.fromkeys(range(168), 0.0)
    for doctor in town.doctors.values():
        for hour, count in doctor.wrote.items():
            everybody[hour] += count
    questions = _questions(town, random.Random(seed + 1), days)
    run = Run(town, random.Random(seed + 2), random.Random(seed + 3), everybody, questions)
    order = itertools.count()
    agenda = [(question.at, next(order), "asked", question, question.asker) for question in questions]
    heapq.heapify(agenda)
    while agenda:
        at, _, what, question, who = heapq.heappop(agenda)
        for later in _happens(run, policy, Epoch(at), (what, question, who)):
            heapq.heappush(agenda, (later[0], next(order), *later[1:]))
    return run


Later = tuple[float, str, Question, Doctor]


def _happens(run: Run, policy: Policy, at: Epoch, what: tuple[str, Question, Doctor]) -> list[Later]:
    match what:
        case "asked", question, who:
            return _asks(run, policy, at, question, who)
        case "wave", question, who:
            return _wave(run, policy, at, question)
        case "invited", question, who:
            return _invited(run, at, question, who)
        case _, question, who:
            _answers(run, at, question, who)
    return []


def _asks(run: Run, policy: Policy, at: Epoch, question: Question, who: Doctor) -> list[Later]:
    who.writes(at)
    run.stood_in[question.topic] += 1
    if policy.patient:
        learnt = None if patience.goes_on_watching(question.id) else patience.first_ask(_curve(run, at))
        question.first = WAVES[0] if learnt is None else learnt
    lucky = [(question.lucky_at, "answers", question, question.lucky)] if question.lucky_at else []
    return [*lucky, (_wave_at(question, 0), "wave", question, who)]


def _curve(run: Run, now: Epoch) -> Curve:
    """Learnt once a day from 28 days: answers that came by themselves; who was asked or waits is censored."""
    if now - run.learnt_at < DAY:
        return run.curve
    run.learnt_at, waits = now, []
    for question in run.questions:
        if now - 28 * DAY < question.at < now:
            end = min([now, *question.asked.values(), *(at for at, _, _ in question.answers)])
            unasked = bool(question.answers) and end == question.answers[0][0]
            waits.append(Wait(HOURS.between(Epoch(question.at), Epoch(end)), unasked))
    run.curve = patience.learn(waits)
    return run.curve


def _wave_at(question: Question, wave: int) -> float:
    waited = ActiveSeconds(question.first + WAVES[wave] - WAVES[0])
    return HOURS.add(Epoch(question.at), waited) or question.at


def _wave(run: Run, policy: Policy, at: Epoch, question: Question) -> list[Later]:
    if question.answers:
        return []
    moments = _moments(question, at)
    chosen = policy.choose(run, question, at)
    question.wave += 1
    more: list[Later] = []
    if question.wave < len(WAVES):
        more = [(max(_wave_at(question, question.wave), at + HOUR), "wave", question, question.asker)]
    for each in chosen:
        moment = _presence(run, each, at).best(moments, ZONE) if policy.patient else at
        each.asks.append(moment)  # decided: from here on it counts against the caps
        more.append((moment, "invited", question, each))
    return more


def _invited(run: Run, at: Epoch, question: Question, who: Doctor) -> list[Later]:
    if question.answers:  # looked at again in the moment of sending
        who.asks.remove(at)
        return []
    willing = who.willing * (1.0 if question.topic in who.knows else 0.75) * who.fatigue(at)
    who.tally = scoring.asked(scoring.faded(who.tally, at, HALF_LIFE))
    question.asked[who.account_id] = at
    run.asked.append((at, who.account_id))
    if run.fate.random() >= willing:
        return []
    return [(who.looks_next(at, run.fate), "answers", question, who)]


def _answers(run: Run, at: Epoch, question: Question, who: Doctor) -> None:
    by_us = who.account_id in question.asked
    question.answers.append((at, who, by_us))
    who.writes(at)
    who.answered_about[question.topic] = who.answered_about.get(question.topic, 0.0) + 1
    run.town.knowers[question.topic].add(who.account_id)
    who.tally = scoring.answered(scoring.faded(who.tally, at, HALF_LIFE))
    if by_us:
        run.answered_by_us += 1
        who.tally = scoring.responded(who.tally, at - question.asked[who.account_id])


def _questions(town: Town, chance: random.Random, days: int) -> list[Question]:
    doctors = list(town.doctors.values())
    found = []
    for number in range(days * A_DAY):
        asker = chance.choice(doctors)
        at = asker.looks_next(START + chance.random() * days * DAY, chance)
        topic = chance.choices(TOPICS, [1 / (rank + 2) for rank in range(len(TOPICS))])[0]
        by_itself = chance.random() < BY_ITSELF
        waits = ActiveSeconds(chance.expovariate(1 / PATIENCE))
        lucky = chance.choices(doctors, [each.willing * (3 if topic in each.knows else 1) for each in doctors])[0]
        lucky_at = HOURS.add(Epoch(at), waits) if by_itself and lucky is not asker else None
        found.append(Question(f"q{number}", asker, topic, at, lucky_at, lucky))
    return found


def report(run: Run) -> dict[str, float]:
    """The figures of one policy."""
    first = [min((at for at, _, _ in question.answers), default=None) for question in run.questions]
    waits = []
    for question, at in zip(run.questions, first, strict=True):
        end = Epoch(at if at is not None else question.at + 7 * DAY)
        waits.append(Wait(HOURS.between(Epoch(question.at), end), at is not None))
    curve = patience.learn(waits)
    asks = Counter(account_id for _, account_id in run.asked)
    weeks = Counter((account_id, int((at - START) // (7 * DAY))) for at, account_id in run.asked)
    answered = [question for question in run.questions if question.answers]
    return {
        "answered within 24 h": statistics.mean(
            at is not None and at <= question.at + DAY for question, at in zip(run.questions, first, strict=True)
        ),
        "median active hours": next(
            (at / HOUR for at, still in zip(curve.at, curve.still, strict=True) if still <= 0.5), float("nan")
        ),
        "asks per answer": len(run.asked) / run.answered_by_us if run.answered_by_us else float("nan"),
        "Gini of asks": gini([asks[each] for each in run.town.doctors]),
        "most asks a week": max(weeks.values(), default=0),
        "answerers differ": statistics.mean(_differs(question) for question in answered),
    }


def _differs(question: Question) -> bool:
    own = question.asker.profile
    return any(difference(who.profile, own) >= 2 for _, who, _ in question.answers)


def gini(counts: list[int]) -> float:
    """0: all were asked equally often, 1: one was asked everything; nan if nobody was asked."""
    ordered, total = sorted(counts), sum(counts)
    if not total:
        return float("nan")
    size = len(ordered)
    return sum((2 * rank - size + 1) * count for rank, count in enumerate(ordered)) / (size * total)


POLICIES = {
    "no nudging": Policy(nobody),
    "random three": Policy(three_at_random),
    "best scorers only": Policy(best),
    "best scorers with cap": Policy(best_with_cap),
    "ours": Policy(ours, patient=True),
}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--days", type=int, default=90)
    parser.add_argument("--members", type=int, default=1000)
    chosen = parser.parse_args()
    for name, policy in POLICIES.items():
        figures = report(simulate(policy, chosen.seed, chosen.members, chosen.days))
        print(f"{name:24}" + "  ".join(f"{key} {value:.2f}" for key, value in figures.items()), flush=True)


if __name__ == "__main__":
    main()
