"""A question's way from one state to the next: state, what others hear of it, and what is no longer due.

Safe to run twice: a state is only left once, and each event is named after the question.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.events import AskPassed, QuestionAnswered, QuestionAsked, ThanksGiven
from engine.questions.rules import State
from engine.questions.store import Answer, Questions

if TYPE_CHECKING:
    from engine.commit import Commit
    from engine.events import MessageCreated, MessageUpdated
    from engine.questions.store import Question


async def begin(said: MessageCreated | MessageUpdated, reason: str, commit: Commit) -> Question:
    """A message is a question now; it must have been looked up by `Questions.of_message` in this commit."""
    question = await Questions(commit).add(said.room_id, said.message_id, said.account_id, said.sent_at, reason)
    commit.publish(
        QuestionAsked(
            question_id=question.id,
            room_id=said.room_id,
            message_id=said.message_id,
            account_id=said.account_id,
            asked_at=said.sent_at,
        )
    )
    commit.fact("question_opened", question_id=question.id, room_id=said.room_id, reason=reason)
    return question


def record_answer(question: Question, account_id: int, message_id: str, at: int, commit: Commit) -> str:
    """Somebody answered; their second answer is no second one. Returns the outcome."""
    known = question.known()
    if account_id in known.answerers:
        return f"skipped: {question.id} has an answer of theirs"
    answer = Answer(account_id=account_id, message_id=message_id, at=at)
    state = State.ANSWERED if question.state is State.OPEN else question.state
    Questions(commit).put(question.model_copy(update={"answers": (*question.answers, answer), "state": state}))
    commit.sleep("nudge", "ask", question.id)
    was_asked = account_id in known.asked
    commit.publish(
        QuestionAnswered(
            question_id=question.id,
            message_id=message_id,
            account_id=account_id,
            was_asked=was_asked,
            answered_at=at,
        )
    )
    commit.fact("question_answered", question_id=question.id, account_id=account_id, was_asked=was_asked)
    return f"answered: {question.id}"


def record_pass(question: Question, account_id: int, at: int, commit: Commit) -> str:
    """Who was asked would rather not; if it still waits, somebody else is asked at once. Returns the outcome."""
    asks = tuple(
        ask.model_copy(update={"passed": True}) if ask.account_id == account_id else ask for ask in question.asks
    )
    Questions(commit).put(question.model_copy(update={"asks": asks}))
    commit.publish(AskPassed(question_id=question.id, account_id=account_id, passed_at=at))
    commit.fact("ask_passed", question_id=question.id, account_id=account_id)
    if question.state is State.OPEN:
        commit.wake("nudge", "ask", question.id, commit.now)
    return f"passed: {question.id}"


def close_thanked(question: Question, account_id: int, at: int, commit: Commit) -> str:
    """The asker is content: thanks to everybody who helped. Returns the outcome."""
    Questions(commit).put(question.model_copy(update={"state": State.THANKED}))
    commit.sleep("nudge", "ask", question.id)
    helpers = tuple(sorted({answer.account_id for answer in question.answers}))
    commit.publish(ThanksGiven(question_id=question.id, account_id=account_id, helpers=helpers, thanked_at=at))
    commit.fact("question_thanked", question_id=question.id, helpers=len(helpers))
    return f"thanked: {question.id}"


def withdraw(question: Question, commit: Commit) -> str:
    """It is no question after all. Returns the outcome."""
    Questions(commit).put(question.model_copy(update={"state": State.WITHDRAWN}))
    commit.sleep("nudge", "ask", question.id)
    commit.fact("question_withdrawn", question_id=question.id)
    return f"withdrawn: {question.id}"
