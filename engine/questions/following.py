"""A question's way from one state to the next: state, what others hear of it, and what is no longer due.

Safe to run twice: a state is only left once, and each event is named after the question.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.chatwork.compose import doctor, reply
from engine.events import AnswerTakenBack, AskPassed, MemberAsked, QuestionAnswered, QuestionAsked, ThanksGiven
from engine.outbox import KEPT, ChatContent, Intent, Kind, intent_key
from engine.outbox import State as Outbox
from engine.ports import Lane
from engine.questions.rules import WAITING, State
from engine.questions.store import Questions
from engine.questions.threads import Act

if TYPE_CHECKING:
    from engine.commit import Commit
    from engine.events import MessageCreated, MessageUpdated
    from engine.questions.rules import Heard
    from engine.questions.store import Answer, Question
    from engine.questions.threads import Thread


DUE = ("ask", "replace")
"""What the nudge worker may still have to do about a question, by its number."""


async def begin(heard: Heard, room_id: int, commit: Commit) -> Question:
    """A message is a question now; it must have been looked up by `Questions.of_message` in this commit."""
    question = await Questions(commit).add(room_id, heard)
    commit.publish(
        QuestionAsked(
            question_id=question.id,
            room_id=room_id,
            message_id=heard.message_id,
            account_id=heard.author,
            asked_at=heard.sent_at,
        )
    )
    commit.fact("question_opened", question_id=question.id, room_id=room_id, reason=heard.reason)
    return question


def ask_id(question_id: str, account_id: int) -> str:
    """Id of the one intent by which a question may reach a member: nobody is asked twice for one question."""
    return f"ask-{question_id}-{account_id}"


def invitation(
    question: Question,
    account_id: int,
    body: str,
    decided_at: float,
    *,
    salutation: str = "",
    private_salutation: str = "",
) -> Intent:
    """What asks one member by name: in a direct chat if there is one, else in the room after the salutation."""
    return Intent(
        id=ask_id(question.id, account_id),
        worker="nudge",
        kind=Kind.ASK,
        lane=Lane.NUDGE,
        subject=question.id,
        person=account_id,
        content=ChatContent(
            room_id=question.room_id,
            body=body,
            privately_to=account_id,
            salutation=salutation,
            private_salutation=private_salutation,
        ),
        created_at=decided_at,
        then=(MemberAsked(question_id=question.id, account_id=account_id),),
    )


def answer_to(worker: str, said: MessageCreated | MessageUpdated, body: str, name: str, at: float) -> Intent:
    """What tells somebody that a wish of theirs was understood: in a direct chat if there is one, else in the room.

    `at` is when they said it, or when it was understood: an answer to words of long ago is not given any more.
    """
    return Intent(
        id=f"answer-{worker}-{said.event_id}",
        worker=worker,
        kind=Kind.REPLY,
        lane=Lane.REPLY,
        subject=str(said.account_id),
        person=said.account_id,
        content=ChatContent(
            room_id=said.room_id,
            body=body,
            privately_to=said.account_id,
            salutation=reply(said.account_id, said.room_id, said.message_id, doctor(name) if name else ""),
        ),
        created_at=at,
    )


async def recall_invitation(question: Question, account_id: int, said: MessageCreated, commit: Commit) -> str:
    """An invitation stands in the room that is not known here: the member was asked. Returns the outcome."""
    Questions(commit).put(question.with_ask(account_id, said.sent_at))
    intent = invitation(question, account_id, said.body, said.sent_at)
    key = intent_key(commit.db.keys, intent.id)
    if await commit.read(key, Intent) is None:
        sent = {
            "state": Outbox.SENT,
            "attempts": 1,
            "receipt": f"{said.room_id}-{said.message_id}",
            "trace": commit.trace,
        }
        commit.write(key, intent.model_copy(update=sent), ttl=KEPT)
    for event in intent.then:
        commit.publish(event)
    commit.fact("invitation_recalled", question_id=question.id, account_id=account_id)
    return f"recalled: {account_id} was asked for {question.id}"


def move_on(question: Question, thread: Thread, commit: Commit) -> Question:
    """A question as it is after what was said; what others must hear of it is told. It must have been read by `get`."""
    moved = question.after(thread)
    if moved == question:
        return question
    Questions(commit).put(moved)
    for answer in moved.answers:
        if answer not in question.answers:
            _tell_answered(moved, answer, commit)
    for answer in question.answers:
        if answer not in moved.answers:
            _tell_taken_back(moved, answer, commit)
    if moved.state is not question.state:
        _tell_state(moved, commit)
    return moved


def _tell_answered(question: Question, answer: Answer, commit: Commit) -> None:
    was_asked = answer.account_id in question.known().asked
    commit.publish(
        QuestionAnswered(
            question_id=question.id,
            message_id=answer.message_id,
            account_id=answer.account_id,
            was_asked=was_asked,
            answered_at=answer.at,
        )
    )
    [turn] = [turn for turn in question.turns if turn.message_id == answer.message_id and turn.act is Act.ANSWERS]
    commit.fact(
        "question_answered",
        question_id=question.id,
        account_id=answer.account_id,
        was_asked=was_asked,
        link=turn.link.value,
        confidence=turn.confidence,
    )


def _tell_taken_back(question: Question, answer: Answer, commit: Commit) -> None:
    commit.publish(AnswerTakenBack(question_id=question.id, message_id=answer.message_id, account_id=answer.account_id))
    commit.fact("answer_taken_back", question_id=question.id, account_id=answer.account_id)


def _tell_state(question: Question, commit: Commit) -> None:
    """It is in another state: nobody is to be asked about what no longer waits."""
    let_rest(question.id, commit)
    match question.state:
        case State.THANKED:
            helpers = tuple(sorted({answer.account_id for answer in question.answers}))
            thanked_at = max(turn.at for turn in question.turns if turn.act is Act.THANKS)
            commit.publish(
                ThanksGiven(
                    question_id=question.id, account_id=question.account_id, helpers=helpers, thanked_at=thanked_at
                )
            )
            commit.fact("question_thanked", question_id=question.id, helpers=len(helpers))
        case State.WITHDRAWN:
            commit.fact("question_withdrawn", question_id=question.id)
        case State.ANSWERED:
            pass  # every answer is told by itself
        case State.OPEN:
            commit.fact("question_reopened", question_id=question.id)
        case State.CLARIFY | State.PARKED:
            commit.fact("question_held", question_id=question.id, state=question.state.value)


def record_pass(question: Question, account_id: int, at: int, commit: Commit) -> str:
    """Who was asked would rather not; if it still waits, somebody else is asked at once. Returns the outcome."""
    asks = tuple(
        ask.model_copy(update={"passed": True}) if ask.account_id == account_id else ask for ask in question.asks
    )
    Questions(commit).put(question.model_copy(update={"asks": asks}))
    commit.publish(AskPassed(question_id=question.id, account_id=account_id, passed_at=at))
    commit.fact("ask_passed", question_id=question.id, account_id=account_id)
    if question.state in WAITING:
        commit.wake("nudge", "replace", question.id, commit.now)
    return f"passed: {question.id}"


def let_rest(question_id: str, commit: Commit) -> None:
    """Nobody is to be asked about it any more."""
    for job in DUE:
        commit.sleep("nudge", job, question_id)
