"""When a question's first wave is due: learnt from how long questions wait, at once for a newcomer's first.

Nobody reads anything of it. Safe to run twice: the curve is learnt anew from the questions themselves.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.clock import DAY
from engine.members.store import Members
from engine.questions import patience
from engine.questions.rules import WAITING
from engine.questions.store import Patience, Questions, list_questions

if TYPE_CHECKING:
    from collections.abc import Mapping

    from engine.commit import Commit
    from engine.questions.patience import Wait
    from engine.questions.store import Question
    from workers.runtime import Deps, Job

NEW = 30 * DAY
"""How long after joining somebody's first question is a newcomer's."""

MOST = 5000
"""Questions that are looked at, the newest: more would teach nothing and take memory."""


async def learn_patience(_: str, commit: Commit, deps: Deps) -> str:
    """Draw the curve of a month's questions again, and remember when it says that somebody should be asked."""
    found = await list_questions(commit.db, since=commit.now - patience.WATCHED)
    curve = patience.learn([wait for each in found[-MOST:] if (wait := _wait(each, commit, deps)) is not None])
    first_after = patience.first_ask(curve)
    await Questions(commit).put_patience(Patience(questions=curve.questions, first_after=first_after))
    commit.fact("patience_learnt", questions=curve.questions, first_after=first_after)
    return f"learnt: from {curve.questions} questions"


def _wait(question: Question, commit: Commit, deps: Deps) -> Wait | None:
    """How long it waited; None for what was taken back or settled by the asker, nobody knows when."""
    if not question.answers and question.state not in WAITING:
        return None
    asks, answers = (ask.at for ask in question.asks), (answer.at for answer in question.answers)
    return patience.watch(question.asked_at, asks, answers, commit.now, deps.hours)


async def first_after(question: Question, commit: Commit) -> float | None:
    """Active seconds until a new question's first wave: 0 for a newcomer's first; None: as the settings say."""
    members = Members(commit)
    asker = await members.get(question.account_id)
    if asker is not None and not asker.first_question:
        members.put(asker.model_copy(update={"first_question": question.id}))
        if asker.joined_at is not None and asker.joined_at > question.asked_at - NEW:
            return 0.0
    known = await Questions(commit).patience()
    return None if known is None or patience.goes_on_watching(question.id) else known.first_after


JOBS: Mapping[str, Job] = {"learn_patience": learn_patience}
PERIODIC: Mapping[str, float] = {"learn_patience": DAY}
