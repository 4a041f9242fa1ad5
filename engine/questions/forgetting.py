"""Questions, answers and words that are to be remembered no longer."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from engine.chatwork.redaction import without_quotes_of
from engine.erasure import Records
from engine.questions.following import let_rest
from engine.questions.store import FOR_GOOD, Message, Question

if TYPE_CHECKING:
    from collections.abc import Callable

    from engine.clock import Clock
    from engine.commit import Commit, Database

NOBODY = 0
"""Stands for a forgotten person, so that a question they answered is not open again."""


async def forget_words(db: Database, clock: Clock, account_id: int) -> int:
    """Empty a person's messages and what others quoted of them. A late webhook does not bring the words back."""

    def wordless(message: Message) -> Message:
        if message.account_id == account_id:
            return Message(account_id=NOBODY, body="", sent_at=message.sent_at, updated_at=FOR_GOOD)
        body = without_quotes_of(account_id, message.body)
        return message if body == message.body else message.model_copy(update={"body": body})

    return await Records(db, clock).change("message", Message, wordless)


async def forget_questions(db: Database, clock: Clock, wanted: Callable[[Question], bool]) -> int:
    """Erase questions: of a person, or of a time long past."""

    def gone(question: Question) -> Question | None:
        return None if wanted(question) else question

    def indexes(commit: Commit, question: Question) -> None:
        commit.erase(db.keys("question_of", question.room_id, question.message_id))
        commit.unrank(db.keys("questions"), question.id)
        commit.unrank(db.keys("questions_in", question.room_id), question.id)
        commit.erase(db.keys("decisions", question.id))
        let_rest(question.id, commit)

    return await Records(db, clock).change("question", Question, gone, indexes)


async def forget_part(db: Database, clock: Clock, account_id: int) -> int:
    """Take a person out of others' questions: as one who answered, and as one who was asked."""

    def without(question: Question) -> Question:
        spoke = {turn.account_id for turn in question.turns}
        if account_id not in question.known().answerers | question.known().asked | spoke:
            return question
        answers = tuple(
            answer.model_copy(update={"account_id": NOBODY}) if answer.account_id == account_id else answer
            for answer in question.answers
        )
        turns = tuple(
            replace(turn, account_id=NOBODY) if turn.account_id == account_id else turn for turn in question.turns
        )
        return question.without_asks_of(account_id).model_copy(update={"answers": answers, "turns": turns})

    return await Records(db, clock).change("question", Question, without)
