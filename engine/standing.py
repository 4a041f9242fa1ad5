"""How things stand, gathered from where it is known: for the admins' page and their daily digest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from engine.clock import DAY
from engine.dead import DeadLetter, list_dead
from engine.heartbeat import beats, is_alive
from engine.moderation.rules import State as CaseState
from engine.moderation.store import list_cases
from engine.outbox import Brake, brake_key
from engine.questions.rules import WAITING
from engine.questions.rules import State as QuestionState
from engine.questions.store import LOOK_BACK, list_questions
from engine.routes import WORKERS
from engine.upkeep.store import Loss, losses

if TYPE_CHECKING:
    from collections.abc import Mapping

    from engine.commit import Database


@dataclass(frozen=True, slots=True)
class Standing:
    """Counts of now; `asked` and `answered` of the last day, `waiting` of the last month. Times in epoch seconds."""

    alive: Mapping[str, bool]
    braked_at: float | None
    asked: int
    answered: int
    waiting: int
    open_cases: int
    losses: tuple[Loss, ...]
    dead: tuple[DeadLetter, ...]


async def standing(db: Database, now: float) -> Standing:
    """Look at everything. Raises `Transient` while the database is away."""
    known = await beats(db, now)
    brake, _ = await db.read(brake_key(db.keys), Brake)
    questions = await list_questions(db)
    lately = [
        question
        for question in questions
        if question.asked_at >= now - DAY and question.state is not QuestionState.WITHDRAWN
    ]
    return Standing(
        alive={worker: is_alive(known, worker, now) for worker in WORKERS},
        braked_at=brake.pulled_at if brake else None,
        asked=len(lately),
        answered=sum(bool(question.answers) for question in lately),
        waiting=sum(question.state in WAITING and question.asked_at >= now - LOOK_BACK for question in questions),
        open_cases=sum(case.state is CaseState.OPEN for case in await list_cases(db)),
        losses=tuple(await losses(db)),
        dead=tuple(await list_dead(db)),
    )
