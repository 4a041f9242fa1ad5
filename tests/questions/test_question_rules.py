"""What a message does to the questions of its room. The sentence is the id."""

from __future__ import annotations

from dataclasses import replace

import pytest

from engine.questions.rules import (
    CloseThanked,
    Decision,
    Heard,
    Known,
    OpenQuestion,
    RecordAnswer,
    RecordPass,
    Rest,
    State,
    Withdraw,
    answered_by,
    on_message,
)

ASKER, COLLEAGUE, THIRD, ENGINE = 101, 102, 103, 900

FIRST = Known(question_id="q1", message_id="11", asker=ASKER, asked_at=1, state=State.OPEN)
SECOND = Known(question_id="q2", message_id="12", asker=ASKER, asked_at=2, state=State.OPEN)
THEIRS = Known(question_id="q3", message_id="13", asker=THIRD, asked_at=3, state=State.OPEN)
ANSWERED = replace(FIRST, state=State.ANSWERED, answerers=frozenset({COLLEAGUE}))
THANKED = replace(FIRST, state=State.THANKED, answerers=frozenset({COLLEAGUE}))
ASKED = replace(FIRST, asked=frozenset({COLLEAGUE}))
ALSO_ASKED = replace(SECOND, asked=frozenset({COLLEAGUE}))
PASSED = replace(ASKED, passed=frozenset({COLLEAGUE}))
ASKED_AND_ANSWERED = replace(ASKED, state=State.ANSWERED, answerers=frozenset({COLLEAGUE}))


def heard(
    author: int = COLLEAGUE,
    *,
    replies_to: str = "",
    mentions: tuple[int, ...] = (),
    is_question: bool = False,
    is_thanks: bool = False,
    is_solved: bool = False,
    is_pass: bool = False,
    is_withdrawn: bool = False,
    rests_until: float = 0.0,
    resumes: bool = False,
    has_words: bool = True,
    can_answer: bool = True,
) -> Heard:
    return Heard(
        message_id="99",
        author=author,
        sent_at=9,
        is_question=is_question,
        is_thanks=is_thanks,
        is_solved=is_solved,
        is_pass=is_pass,
        is_withdrawn=is_withdrawn,
        rests_until=rests_until,
        resumes=resumes,
        has_words=has_words,
        can_answer=can_answer,
        replies_to=frozenset(replies_to.split()),
        mentions=frozenset(mentions),
    )


DECISIONS: list[tuple[str, Heard, list[Known], list[Decision]]] = [
    # -- who wants to be left in peace
    ("who tells the engine so is left in peace", heard(rests_until=99.0, mentions=(ENGINE,)), [], [Rest(99.0)]),
    (
        "who was asked and rests passes, so that somebody else is asked",
        heard(rests_until=99.0),
        [ASKED, ALSO_ASKED],
        [RecordPass("q1"), RecordPass("q2"), Rest(99.0)],
    ),
    ("who rests and was not asked speaks to the others", heard(rests_until=99.0), [FIRST], []),
    ("who answered what they were asked speaks to the others", heard(rests_until=99.0), [ASKED_AND_ANSWERED], []),
    ("who rests and mentions a colleague speaks to them", heard(rests_until=99.0, mentions=(THIRD,)), [FIRST], []),
    ("who is back tells the engine", heard(resumes=True, mentions=(ENGINE,)), [], [Rest(0.0)]),
    ("who is back has passed nothing", heard(resumes=True, mentions=(ENGINE,)), [ASKED], [Rest(0.0)]),
    ("who opens again speaks to the others", heard(resumes=True), [FIRST], []),
    # -- questions
    ("a question opens", heard(is_question=True), [], [OpenQuestion()]),
    ("a second question of the same asker opens, too", heard(ASKER, is_question=True), [FIRST], [OpenQuestion()]),
    (
        "a vendor's question opens: asking is for everybody",
        heard(is_question=True, can_answer=False),
        [],
        [OpenQuestion()],
    ),
    (
        "a clarifying question opens, and answers nothing",
        heard(replies_to="11", is_question=True),
        [FIRST],
        [OpenQuestion()],
    ),
    (
        "thanks with a new question close nothing",
        heard(ASKER, is_question=True, is_thanks=True),
        [ANSWERED],
        [OpenQuestion()],
    ),
    ("words that ask nothing do nothing", heard(), [FIRST, THEIRS], []),
    ("words in an empty room do nothing", heard(), [], []),
    # -- answers
    ("a reply to the question answers it", heard(replies_to="11"), [FIRST], [RecordAnswer("q1")]),
    (
        "a reply answers the replied question, not the newest",
        heard(replies_to="11"),
        [FIRST, SECOND],
        [RecordAnswer("q1")],
    ),
    (
        "a reply to two questions answers both",
        heard(replies_to="11 13"),
        [FIRST, THEIRS],
        [RecordAnswer("q1"), RecordAnswer("q3")],
    ),
    ("a second answer is an answer", heard(THIRD, replies_to="11"), [ANSWERED], [RecordAnswer("q1")]),
    (
        "a late answer to a solved question is giving, too",
        heard(THIRD, replies_to="11"),
        [THANKED],
        [RecordAnswer("q1")],
    ),
    ("a mention of the asker answers", heard(mentions=(ASKER,)), [FIRST], [RecordAnswer("q1")]),
    (
        "a mention answers the asker's newest open question",
        heard(mentions=(ASKER,)),
        [FIRST, SECOND],
        [RecordAnswer("q2")],
    ),
    ("a reply to the engine answers what it asked about", heard(mentions=(ENGINE,)), [ASKED], [RecordAnswer("q1")]),
    (
        "a reply to the engine answers the newest it asked about",
        heard(mentions=(ENGINE,)),
        [ASKED, ALSO_ASKED],
        [RecordAnswer("q2")],
    ),
    (
        "a mention of asker and engine answers, asked or not",
        heard(mentions=(ASKER, ENGINE)),
        [FIRST],
        [RecordAnswer("q1")],
    ),
    (
        "a reply to the asker's other words answers by its mention",
        heard(replies_to="77", mentions=(ASKER,)),
        [FIRST],
        [RecordAnswer("q1")],
    ),
    ("a reply to something else answers nothing", heard(replies_to="77", mentions=(THIRD,)), [FIRST], []),
    (
        "the asker's reply to their own question is no answer",
        heard(ASKER, replies_to="11", mentions=(ASKER,)),
        [FIRST],
        [],
    ),
    ("a vendor's reply is no answer", heard(replies_to="11", can_answer=False), [FIRST], []),
    ("a vendor's mention is no answer", heard(mentions=(ASKER,), can_answer=False), [FIRST], []),
    ("an asked vendor's word to the engine is no answer", heard(mentions=(ENGINE,), can_answer=False), [ASKED], []),
    ("a reply without own words is no answer", heard(replies_to="11", has_words=False), [FIRST], []),
    ("a mention without own words is no answer", heard(mentions=(ASKER,), has_words=False), [FIRST], []),
    ("a mention of somebody who asked nothing is no answer", heard(mentions=(COLLEAGUE,)), [FIRST], []),
    ("a mention answers no answered question", heard(THIRD, mentions=(ASKER,)), [ANSWERED], []),
    ("a mention answers no solved question", heard(THIRD, mentions=(ASKER,)), [THANKED], []),
    ("a word to the engine by somebody it did not ask is no answer", heard(THIRD, mentions=(ENGINE,)), [ASKED], []),
    ("a second word to the engine is no second answer", heard(mentions=(ENGINE,)), [ASKED_AND_ANSWERED], []),
    ("a word to the engine after a pass is no answer", heard(mentions=(ENGINE,)), [PASSED], []),
    ("a word beside the engine's question, to nobody, is no answer", heard(), [ASKED], []),
    # -- passes
    ("a pass of somebody asked is kept", heard(is_pass=True), [ASKED], [RecordPass("q1")]),
    ("a pass is for the newest question asked about", heard(is_pass=True), [ASKED, ALSO_ASKED], [RecordPass("q2")]),
    (
        "a second pass is for the one before",
        heard(is_pass=True),
        [ASKED, replace(ALSO_ASKED, passed=frozenset({COLLEAGUE}))],
        [RecordPass("q1")],
    ),
    ("a pass in reply to the question is no answer", heard(is_pass=True, replies_to="11"), [ASKED], [RecordPass("q1")]),
    ("a pass of somebody who was not asked is nothing", heard(THIRD, is_pass=True), [ASKED], []),
    (
        "a pass in reply by somebody who was not asked is no answer",
        heard(THIRD, is_pass=True, replies_to="11"),
        [ASKED],
        [],
    ),
    ("a second pass for one question is nothing", heard(is_pass=True), [PASSED], []),
    ("a pass after the answer is nothing", heard(is_pass=True), [ASKED_AND_ANSWERED], []),
    # -- thanks
    ("thanks by the asker close", heard(ASKER, is_thanks=True), [ANSWERED], [CloseThanked("q1")]),
    ("the asker's own solution closes", heard(ASKER, is_solved=True), [FIRST], [CloseThanked("q1")]),
    ("thanks close the newest question only", heard(ASKER, is_thanks=True), [FIRST, SECOND], [CloseThanked("q2")]),
    (
        "thanks that answer another's question do both",
        heard(ASKER, is_thanks=True, replies_to="13"),
        [FIRST, THEIRS],
        [RecordAnswer("q3"), CloseThanked("q1")],
    ),
    ("thanks by a bystander close nothing", heard(THIRD, is_thanks=True), [ANSWERED], []),
    ("thanks by a helper close nothing", heard(COLLEAGUE, is_thanks=True), [ANSWERED], []),
    ("thanks close no solved question again", heard(ASKER, is_thanks=True), [THANKED], []),
    ("a bystander's solution closes nothing", heard(THIRD, is_solved=True), [FIRST], []),
    (
        "a question about something solved closes nothing",
        heard(ASKER, is_solved=True, is_question=True),
        [FIRST],
        [OpenQuestion()],
    ),
    # -- withdrawals
    ("the asker's #質問ではない withdraws", heard(ASKER, is_withdrawn=True), [FIRST], [Withdraw("q1")]),
    ("it withdraws an answered question", heard(ASKER, is_withdrawn=True), [ANSWERED], [Withdraw("q1")]),
    ("it withdraws the newest question only", heard(ASKER, is_withdrawn=True), [FIRST, SECOND], [Withdraw("q2")]),
    ("it thanks nobody", heard(ASKER, is_withdrawn=True, is_thanks=True), [ANSWERED], [Withdraw("q1")]),
    ("nobody withdraws another's question", heard(THIRD, is_withdrawn=True), [FIRST], []),
    ("nobody withdraws another's question by a reply", heard(THIRD, is_withdrawn=True, replies_to="11"), [FIRST], []),
    ("a solved question is not withdrawn", heard(ASKER, is_withdrawn=True), [THANKED], []),
]


@pytest.mark.parametrize(
    ("said", "questions", "expected"), [pytest.param(*row, id=sentence) for sentence, *row in DECISIONS]
)
def test_what_a_message_does(said: Heard, questions: list[Known], expected: list[Decision]) -> None:
    assert on_message(said, questions, ENGINE) == expected


def test_an_early_answer_is_found_for_a_question_that_arrives_after_it() -> None:
    assert answered_by(heard(replies_to="11"), [FIRST], ENGINE) == [FIRST]
