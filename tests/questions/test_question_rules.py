"""What a message tells the engine about being asked. The sentence is the id."""

from __future__ import annotations

from dataclasses import replace

import pytest

from engine.questions.rules import Heard, Known, RecordPass, Rest, State, to_the_engine

ASKER, COLLEAGUE, THIRD, ENGINE = 101, 102, 103, 900

FIRST = Known(question_id="q1", message_id="11", asker=ASKER, asked_at=1, state=State.OPEN)
SECOND = Known(question_id="q2", message_id="12", asker=ASKER, asked_at=2, state=State.OPEN)
ASKED = replace(FIRST, asked=frozenset({COLLEAGUE}))
ALSO_ASKED = replace(SECOND, asked=frozenset({COLLEAGUE}))
PASSED = replace(ASKED, passed=frozenset({COLLEAGUE}))
ASKED_AND_ANSWERED = replace(ASKED, state=State.ANSWERED, answerers=frozenset({COLLEAGUE}))


def heard(
    author: int = COLLEAGUE,
    *,
    replies_to: str = "",
    mentions: tuple[int, ...] = (),
    is_pass: bool = False,
    rests_until: float = 0.0,
    resumes: bool = False,
) -> Heard:
    return Heard(
        message_id="99",
        author=author,
        sent_at=9,
        is_pass=is_pass,
        rests_until=rests_until,
        resumes=resumes,
        replies_to=frozenset(replies_to.split()),
        mentions=frozenset(mentions),
    )


WISHES: list[tuple[str, Heard, list[Known], list[RecordPass | Rest]]] = [
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
    # -- passes
    ("a pass of somebody asked is kept", heard(is_pass=True), [ASKED], [RecordPass("q1")]),
    ("a pass is for the newest question asked about", heard(is_pass=True), [ASKED, ALSO_ASKED], [RecordPass("q2")]),
    (
        "a second pass is for the one before",
        heard(is_pass=True),
        [ASKED, replace(ALSO_ASKED, passed=frozenset({COLLEAGUE}))],
        [RecordPass("q1")],
    ),
    ("a pass in reply to the question is one", heard(is_pass=True, replies_to="11"), [ASKED], [RecordPass("q1")]),
    ("a pass of somebody who was not asked is nothing", heard(THIRD, is_pass=True), [ASKED], []),
    ("a second pass for one question is nothing", heard(is_pass=True), [PASSED], []),
    ("a pass after the answer is nothing", heard(is_pass=True), [ASKED_AND_ANSWERED], []),
    ("any other word tells the engine nothing", heard(replies_to="11", mentions=(ENGINE,)), [ASKED], []),
]


@pytest.mark.parametrize(
    ("said", "questions", "expected"), [pytest.param(*row, id=sentence) for sentence, *row in WISHES]
)
def test_what_a_message_tells_the_engine(
    said: Heard, questions: list[Known], expected: list[RecordPass | Rest]
) -> None:
    assert to_the_engine(said, questions, ENGINE) == expected
