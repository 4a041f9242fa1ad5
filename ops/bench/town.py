"""A town of doctors for `ops/bench/nudge.py`: who they are, when they look, what they know and how willing they are.

What a policy may see (profiles, habits, who answered what) is apart from what only the simulation knows.
"""

from __future__ import annotations

import bisect
import math
import random
from dataclasses import dataclass, field
from datetime import time
from zoneinfo import ZoneInfo

from engine.clock import DAY, HOUR, Epoch
from engine.members.habits import HOURS, fading, hour_of_week
from engine.members.profiles import Profile
from engine.members.rules import Tally
from engine.questions.active_hours import ActiveHours
from engine.questions.pool import place

ZONE = ZoneInfo("Asia/Tokyo")
START = Epoch(1_798_729_200.0)  # 2027-01-01 00:00 in Tokyo
HALF_LIFE = 30 * DAY
NOTHING_COUNTED = Tally(at=START)
FATIGUE = 0.2
"""An invitation within the last seven days multiplies willingness by e to the minus this."""

SPECIALTIES = ("内科", "小児科", "皮膚科", "眼科", "整形外科", "耳鼻咽喉科", "精神科", "産婦人科", "泌尿器科", "歯科")
REGIONS = tuple(f"region {number}" for number in range(20))
AGES = ("30代", "40代", "50代", "60代")
FORMS = ("新規開業", "承継", "医療モール", "勤務医", "開業準備中")
TOPICS = tuple(f"topic {number}" for number in range(40))

_DAYS = {
    "noon": {12: 3.0, 13: 6.0, 14: 2.0, 21: 1.0},
    "evening": {19: 1.0, 20: 4.0, 21: 6.0, 22: 3.0},
    "early": {6: 3.0, 7: 4.0, 12: 1.0, 20: 1.0},
    "all day": dict.fromkeys(range(8, 23), 1.0),
}
"""When four kinds of doctors look, by hour of the day."""


def office_hours() -> ActiveHours:
    """The hours that `community.toml` ships with, without holidays."""

    def at(text: str) -> time:
        return time.fromisoformat(text)

    return ActiveHours(
        zone=ZONE,
        weekday=((at("12:30"), at("15:00")), (at("19:30"), at("22:30"))),
        weekend=((at("09:00"), at("22:30")),),
        quiet=(at("23:00"), at("07:00")),
        is_holiday=lambda _: False,
    )


@dataclass(slots=True)
class Doctor:
    """One member. `willing`, `looks` and `knows` are hidden from every policy; `asks` are times of invitations."""

    account_id: int
    profile: Profile
    willing: float
    looks: tuple[float, ...]
    knows: frozenset[str]
    asks: list[float] = field(default_factory=list)
    tally: Tally = NOTHING_COUNTED
    wrote: dict[int, float] = field(default_factory=dict)
    answered_about: dict[str, float] = field(default_factory=dict)

    def fatigue(self, now: float) -> float:
        """What is left of the willingness after the invitations of the last seven days."""
        return math.exp(-FATIGUE * sum(now - 7 * DAY < at < now for at in self.asks))

    def writes(self, moment: float) -> None:
        """A message of theirs, from which habits are learnt."""
        hour = hour_of_week(moment, ZONE)
        self.wrote[hour] = self.wrote.get(hour, 0.0) + fading(moment)

    def looks_next(self, moment: float, chance: random.Random) -> float:
        """When they next look at the room, within the next two days."""
        at = moment
        while at < moment + 2 * DAY:
            rest = HOUR - at % HOUR
            if chance.random() < self.looks[hour_of_week(at, ZONE)] * rest / HOUR:
                return at + chance.random() * rest
            at += rest
        return at


@dataclass(slots=True)
class Town:
    """All members, and the sets they are drawn from."""

    doctors: dict[int, Doctor]
    rings: dict[str, list[tuple[int, int]]]
    knowers: dict[str, set[int]]

    def draw(self, ring: str, point: int, count: int) -> list[int]:
        """As the directory in Redis draws: from a place on the ring on, and around its end."""
        members = self.rings.get(ring, [])
        first = bisect.bisect_left(members, (point, 0))
        return [account_id for _, account_id in (members[first:] + members[:first])[:count]]


def build_town(seed: int, size: int) -> Town:
    """The same town for every policy."""
    chance = random.Random(seed)
    doctors = {1000 + number: _doctor(1000 + number, chance) for number in range(size)}
    rings: dict[str, list[tuple[int, int]]] = {}
    for doctor in doctors.values():
        region, specialty = doctor.profile.region, doctor.profile.specialties[0]
        for ring in ("anybody", f"specialty {specialty}", f"region {region}"):
            bisect.insort(rings.setdefault(ring, []), (place(doctor.account_id), doctor.account_id))
    return Town(doctors, rings, {topic: set() for topic in TOPICS})


def _doctor(account_id: int, chance: random.Random) -> Doctor:
    day = _DAYS[chance.choice(tuple(_DAYS))]
    a_day = chance.uniform(0.7, 3.0) / sum(day.values())
    looks = tuple(min(0.95, day.get(hour % 24, 0.02) * a_day) for hour in range(HOURS))
    doctor = Doctor(
        account_id=account_id,
        profile=Profile(
            specialties=(chance.choices(SPECIALTIES, range(len(SPECIALTIES), 0, -1))[0],),
            region=chance.choice(REGIONS),
            age_band=chance.choice(AGES),
            form=chance.choice(FORMS),
        ),
        willing=chance.betavariate(1.6, 2.0),
        looks=looks,
        knows=frozenset(chance.sample(TOPICS, 6)),
    )
    for _ in range(chance.randrange(30)):  # what they wrote in the four weeks before
        doctor.writes(doctor.looks_next(START - chance.random() * 28 * DAY, chance))
    return doctor
