"""What the console shows, gathered from where it stands."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from engine.ingress.journal import soon
from engine.standing import standing

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from engine.clock import Clock
    from engine.commit import Database
    from engine.ingress.health import Health

WORKER_NAMES = {
    "nudge": "ご質問の見守り",
    "score": "応答の記録",
    "referral": "ご紹介の連絡",
    "moderation": "言葉づかいの見守り",
    "keeper": "全体の番人",
}
SHOWN = 20
"""Rows of a list at most; the newest."""

WEEKDAYS = "月火水木金土日"


@dataclass(frozen=True, slots=True)
class Worker:
    """A worker, and whether its loop turns."""

    name: str
    alive: bool


@dataclass(frozen=True, slots=True)
class Line:
    """A row of a list: when, and what."""

    when: str
    what: str


@dataclass(frozen=True, slots=True)
class Outlook:
    """How things stand; counts are None while the database is away."""

    reachable: bool
    problems: int
    workers: tuple[Worker, ...] = ()
    spooled: int = 0
    braked_since: str | None = None
    waiting_questions: int | None = None
    open_cases: int | None = None
    losses: tuple[Line, ...] = ()
    dead_letters: tuple[Line, ...] = ()
    dead_count: int = 0

    @classmethod
    def without_database(cls) -> Outlook:
        """All that can be said while the database does not answer."""
        return cls(reachable=False, problems=1)


class Viewpoint:
    """Looks at everything at once. Raises `Transient` while the database is away."""

    def __init__(self, db: Database, clock: Clock, health: Health, zone: ZoneInfo) -> None:
        self._db = db
        self._clock = clock
        self._health = health
        self._zone = zone

    async def look(self) -> Outlook:
        """How things stand now."""
        known = await soon(standing(self._db, self._clock.now()))
        ready = await self._health.readiness()
        return Outlook(
            reachable=True,
            problems=len(ready.problems),
            workers=tuple(Worker(WORKER_NAMES[name], alive) for name, alive in known.alive.items()),
            spooled=ready.spooled,
            braked_since=None if known.braked_at is None else self._moment(known.braked_at),
            waiting_questions=known.waiting,
            open_cases=known.open_cases,
            losses=tuple(
                Line(f"{self._moment(loss.start)} 〜 {self._moment(loss.end)}", f"ルーム {loss.room_id}")
                for loss in reversed(known.losses)
            ),
            dead_letters=tuple(
                Line(self._moment(letter.died_at), f"{letter.id}: {letter.reason}")
                for letter in reversed(known.dead[-SHOWN:])
            ),
            dead_count=len(known.dead),
        )

    def _moment(self, at: float) -> str:
        moment = datetime.fromtimestamp(at, self._zone)
        return f"{moment.month}月{moment.day}日({WEEKDAYS[moment.weekday()]}) {moment.hour}:{moment.minute:02}"
