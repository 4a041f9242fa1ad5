"""What people say, and what becomes of the questions: real words, in every order in which they may be heard."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.clock import DAY, HOUR, MINUTE, Epoch
from engine.questions.conversation import follow
from engine.questions.hearing import hear
from engine.questions.rules import Heard, Known, State
from engine.questions.store import Answer, Question
from engine.questions.threads import MOST_TURNS, Act, Link, Thread, Turn, fold, rests, rewritten, without_message
from tests.fakes import TOKYO

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

ASKER, COLLEAGUE, THIRD, VENDOR, ENGINE = 101, 102, 103, 701, 900
ROOM = 5
START = 1_790_000_000

FLOOR = "待合室の床材は何がいいですか？"
BACK = "広さはどのくらいですか？"
PARKING = "駐車場は何台分ありますか？"


@dataclass(frozen=True, slots=True)
class Line:
    """Who says what, `after` so many seconds; `to` replies to a line by its number, `at` mentions somebody."""

    who: int
    text: str
    after: float = MINUTE
    to: int | None = None
    at: int | None = None
    quotes: int | None = None


def said(*lines: Line) -> list[Heard]:
    """The lines as heard; message ids are 11, 12, …"""
    found: list[Heard] = []
    now = float(START)
    for number, line in enumerate(lines):
        now += line.after
        body = line.text
        if line.at is not None:
            body = f"[To:{line.at}]先生\n{body}"
        if line.to is not None:
            target = found[line.to]
            body = f"[rp aid={target.author} to={ROOM}-{target.message_id}]先生\n{body}"
        if line.quotes is not None:
            target = found[line.quotes]
            body = f"[qt][qtmeta aid={target.author} time={target.sent_at}]…[/qt]\n{body}"
        heard = hear(
            message_id=str(11 + number),
            author=line.who,
            sent_at=int(now),
            body=body,
            room_id=ROOM,
            can_answer=line.who != VENDOR,
            zone=TOKYO,
        )
        assert heard is not None
        found.append(heard)
    return found


def thread_of(heard: Heard, number: int = 1, invited_at: Mapping[int, float] | None = None) -> Thread:
    known = Known(f"q{number}", heard.message_id, heard.author, heard.sent_at, State.OPEN)
    return Thread(known, heard.nouns, invited_at=invited_at or {})


def lived(*lines: Line) -> list[Thread]:
    """Hear the lines; the threads of the questions among them."""
    return follow([], said(*lines), ENGINE)


A, B, C = ASKER, COLLEAGUE, THIRD

ENDINGS: list[tuple[str, list[Line], State]] = [
    # -- marked answers
    ("a reply answers", [Line(A, FLOOR), Line(B, "塩ビです。", to=0)], State.ANSWERED),
    ("a reply of one word answers", [Line(A, FLOOR), Line(B, "タイルです", to=0)], State.ANSWERED),
    ("a reply answers after days", [Line(A, FLOOR), Line(B, "塩ビです。", 9 * DAY, to=0)], State.ANSWERED),
    ("a quote answers", [Line(A, FLOOR), Line(B, "塩ビにしました。", quotes=0)], State.ANSWERED),
    ("a mention of the asker answers", [Line(A, FLOOR), Line(B, "塩ビにしました。", at=A)], State.ANSWERED),
    (
        "a reply to the asker's further words answers",
        [Line(A, FLOOR), Line(B, BACK, to=0), Line(A, "30坪です。"), Line(C, "塩ビが楽です。", to=2)],
        State.ANSWERED,
    ),
    (
        "an answer that asks at its end is an answer",
        [Line(A, FLOOR), Line(B, "うちは塩ビです。先生のところは何坪ですか？", to=0)],
        State.ANSWERED,
    ),
    # -- no answers
    ("the asker's own words are none", [Line(A, FLOOR), Line(A, "補足ですが、30坪です。", to=0)], State.OPEN),
    ("a vendor's reply is none", [Line(A, FLOOR), Line(VENDOR, "弊社の床材をお使いください。", to=0)], State.OPEN),
    ("a reply that wants to know, too, is none", [Line(A, FLOOR), Line(B, "私も知りたいです！", to=0)], State.OPEN),
    ("a reply 「なるほど」 is none", [Line(A, FLOOR), Line(B, "なるほど、床材ですか。", to=0)], State.OPEN),
    ("a reply without words is none", [Line(A, FLOOR), Line(B, "(bow)", to=0)], State.OPEN),
    ("a reply that only thanks is none", [Line(A, FLOOR), Line(B, "ご質問ありがとうございます。", to=0)], State.OPEN),
    (
        "a sneer is none",
        [Line(A, FLOOR), Line(B, "そんなことも知らないで開業するんですか？研修医でも知ってますよ。", to=0)],
        State.OPEN,
    ),
    ("a pass is none", [Line(A, FLOOR), Line(B, "パス", to=0)], State.OPEN),
    (
        "a mention of somebody else is none",
        [Line(A, FLOOR), Line(B, "うちの床材の件、ありがとうございました。", at=C)],
        State.OPEN,
    ),
    ("words of another day are none", [Line(A, FLOOR), Line(B, "うちは床材を替えました。", 2 * DAY)], State.OPEN),
    # -- without any mark
    ("the next words about it answer", [Line(A, FLOOR), Line(B, "床材は塩ビが掃除しやすいです。")], State.ANSWERED),
    ("the next own case answers", [Line(A, FLOOR), Line(B, "うちは塩ビのタイルにしました。")], State.ANSWERED),
    ("the next words about something may", [Line(A, FLOOR), Line(B, "木目調のものが人気らしいですよ。")], State.OPEN),
    ("a greeting does not", [Line(A, FLOOR), Line(B, "おはようございます。今日もよろしくお願いします。")], State.OPEN),
    ("「私も知りたいです」 does not", [Line(A, FLOOR), Line(B, "うちも床材で悩んでいて、知りたいです。")], State.OPEN),
    ("a short word does not", [Line(A, FLOOR), Line(B, "床ですね。")], State.OPEN),
    ("own cases of much later do not", [Line(A, FLOOR), Line(B, "うちは来週休みます。", 11 * HOUR)], State.OPEN),
    # -- asking back
    ("who asks back has not answered", [Line(A, FLOOR), Line(B, BACK, to=0)], State.CLARIFY),
    ("who asks back without a mark", [Line(A, FLOOR), Line(B, "ちなみに広さはどのくらいですか？")], State.CLARIFY),
    (
        "the asker's word turns the ball",
        [Line(A, FLOOR), Line(B, BACK, to=0), Line(A, "30坪くらいの予定です。")],
        State.OPEN,
    ),
    (
        "an answer by another ends it, too",
        [Line(A, FLOOR), Line(B, BACK, to=0), Line(C, "塩ビが楽です。", to=0)],
        State.ANSWERED,
    ),
    (
        "asking back after the answer changes nothing",
        [Line(A, FLOOR), Line(C, "塩ビが楽です。", to=0), Line(B, BACK, to=0)],
        State.ANSWERED,
    ),
    # -- the asker
    ("thanks close", [Line(A, FLOOR), Line(B, "塩ビです。", to=0), Line(A, "ありがとうございます！")], State.THANKED),
    ("thanks in advance close nothing", [Line(A, FLOOR), Line(A, "よろしくお願いします。感謝します。")], State.OPEN),
    ("thanks for unmarked words close", [Line(A, FLOOR), Line(B, "塩ビ。"), Line(A, "感謝です！")], State.THANKED),
    ("the asker's own solution closes", [Line(A, FLOOR), Line(A, "自己解決しました。")], State.THANKED),
    (
        "thanks by another do not",
        [Line(A, FLOOR), Line(B, "塩ビです。", to=0), Line(C, "ありがとうございます！")],
        State.ANSWERED,
    ),
    (
        "「まだ」 opens it again",
        [Line(A, FLOOR), Line(B, "塩ビです。", to=0), Line(A, "まだ決まっていません。他の方のご意見も伺いたいです。")],
        State.OPEN,
    ),
    (
        "「まだ」 after thanks, too",
        [
            Line(A, FLOOR), Line(B, "塩ビです。", to=0), Line(A, "ありがとうございます！"),
            Line(A, "すみません、やはりうまくいきませんでした。まだ困っています。"),
        ],
        State.OPEN,
    ),
    (
        "an answer after 「まだ」 answers",
        [Line(A, FLOOR), Line(B, "塩ビです。", to=0), Line(A, "まだ迷っています。"), Line(C, "タイルです。", to=0)],
        State.ANSWERED,
    ),
    (
        "「まだ」 of another opens nothing",
        [Line(A, FLOOR), Line(B, "塩ビです。", to=0), Line(C, "まだです。")],
        State.ANSWERED,
    ),
    ("it can wait", [Line(A, FLOOR), Line(A, "この件はいったん保留にします。")], State.PARKED),
    (
        "what waits is answered all the same",
        [Line(A, FLOOR), Line(A, "いったん保留にします。"), Line(B, "塩ビです。", to=0)],
        State.ANSWERED,
    ),
    ("#質問ではない withdraws", [Line(A, FLOOR), Line(A, "#質問ではない です")], State.WITHDRAWN),
    (
        "what is withdrawn stays so",
        [Line(A, FLOOR), Line(A, "#質問ではない です"), Line(B, "塩ビです。", to=0)],
        State.WITHDRAWN,
    ),
    ("nobody withdraws another's question", [Line(A, FLOOR), Line(B, "#質問ではない です", to=0)], State.OPEN),
]  # fmt: skip


@pytest.mark.parametrize(("lines", "expected"), [pytest.param(*row, id=sentence) for sentence, *row in ENDINGS])
def test_what_becomes_of_a_question(lines: list[Line], expected: State) -> None:
    threads = lived(*lines)
    assert threads[0].state is expected, threads[0].turns


@pytest.mark.parametrize("lines", [pytest.param(row[1], id=row[0]) for row in ENDINGS])
def test_the_order_of_arrival_does_not_matter(lines: list[Line]) -> None:
    """All orders in which the webhooks may come lead to the same questions, states and answers."""
    heard = said(*lines)
    assert len({arrived(order) for order in itertools.permutations(heard)}) == 1


def arrived(order: Sequence[Heard]) -> frozenset[tuple[str, State, tuple[Turn, ...]]]:
    """Live through an order of arrival; withdrawn questions are as good as none."""
    threads: list[Thread] = []
    for position, each in enumerate(order):
        threads = follow(threads, order[: position + 1], ENGINE, each.order)
    return frozenset(
        (each.known.message_id, each.state, each.turns) for each in threads if each.state is not State.WITHDRAWN
    )


WORDS = [
    FLOOR, PARKING, BACK, "うちは塩ビのタイルです。", "10台分です。", "ありがとうございます！", "まだです。",
    "30坪の予定です。", "まだ決まりません。他の方のご意見も伺いたいです。", "なるほど。", "いったん保留にします。",
    "床材は掃除のしやすさで選びました。", "私も知りたいです。",
]  # fmt: skip
HISTORIES = st.lists(
    st.builds(
        Line,
        who=st.sampled_from([A, B, C]),
        text=st.sampled_from(WORDS),
        after=st.sampled_from([0.0, MINUTE, HOUR]),
        to=st.none(),
        at=st.sampled_from([None, None, None, A, B, ENGINE]),
    ),
    min_size=2,
    max_size=6,
)


@given(lines=HISTORIES, order=st.randoms(use_true_random=False))
def test_no_history_depends_on_its_order_of_arrival(lines: list[Line], order: object) -> None:
    heard = said(*lines)
    shuffled = list(heard)
    order.shuffle(shuffled)  # type: ignore[attr-defined]  # a random.Random
    assert arrived(shuffled) == arrived(heard)


# -- several questions at once ----------------------------------------------------------------------------------------


def acts(threads: Sequence[Thread]) -> list[list[Act]]:
    return [[turn.act for turn in thread.turns] for thread in threads]


def test_an_answer_goes_to_the_question_with_its_words() -> None:
    both = lived(Line(A, FLOOR), Line(C, PARKING), Line(B, "床材はうちは塩ビのタイルにしました。"))
    assert acts(both) == [[Act.ANSWERS], []]


def test_an_own_case_with_nobodys_words_goes_to_the_newest() -> None:
    both = lived(Line(A, FLOOR), Line(C, PARKING), Line(B, "うちは10台です、足りています。"))
    assert acts(both)[0] == []
    assert acts(both)[1] != []


def test_a_reply_to_two_questions_answers_both() -> None:
    heard = said(Line(A, FLOOR), Line(C, PARKING), Line(B, "どちらも業者に任せました。", to=0))
    both = [thread_of(heard[0], 1), thread_of(heard[1], 2)]
    reply = heard[2]
    twice = Heard(
        "13", B, reply.sent_at, replies_to=reply.replies_to | {heard[1].message_id}, mentions=frozenset({A, C})
    )
    assert [each.state for each in follow(both, [*heard[:2], twice], ENGINE)] == [State.ANSWERED, State.ANSWERED]


def test_thanks_close_the_question_that_somebody_answered_not_the_newest() -> None:
    both = lived(Line(A, FLOOR), Line(A, PARKING), Line(B, "塩ビです。", to=0), Line(A, "ありがとうございます！"))
    assert [each.state for each in both] == [State.THANKED, State.OPEN]


def test_thanks_to_somebody_close_what_they_answered() -> None:
    both = lived(
        Line(A, FLOOR), Line(A, PARKING), Line(B, "塩ビです。", to=0), Line(C, "10台です。", to=1),
        Line(A, "ありがとうございます！", at=B),
    )  # fmt: skip
    assert [each.state for each in both] == [State.THANKED, State.ANSWERED]


def test_a_mention_answers_the_newest_that_waits() -> None:
    both = lived(Line(A, FLOOR), Line(A, PARKING), Line(B, "10台です。", at=A))
    assert [each.state for each in both] == [State.OPEN, State.ANSWERED]


@pytest.mark.parametrize("text", [BACK, "うちは塩ビです。先生のところは何坪ですか？"], ids=str)
def test_what_an_answer_or_a_counter_question_asks_is_no_question_of_its_own(text: str) -> None:
    assert len(lived(Line(A, FLOOR), Line(B, text, to=0))) == 1


@pytest.mark.parametrize("text", [f"#質問 {BACK}", "うちは塩ビです。#質問 先生のところは何坪ですか？"], ids=str)
def test_an_explicit_mark_always_wins(text: str) -> None:
    assert len(lived(Line(A, FLOOR), Line(B, text, to=0))) == 2


def test_the_askers_answer_to_another_explains_nothing() -> None:
    first, second = lived(
        Line(A, FLOOR), Line(B, BACK, to=0), Line(C, PARKING), Line(A, "うちは10台です、足りています。", to=2)
    )
    assert first.state is State.CLARIFY
    assert second.state is State.ANSWERED


@pytest.mark.parametrize(
    "text", ["うちも悩んでいます。皆さんはどうされていますか？", "どなたか詳しい方いらっしゃいますか？"], ids=str
)
def test_who_asks_everybody_asks_for_themselves(text: str) -> None:
    first, second = lived(Line(A, FLOOR), Line(B, text, to=0))
    assert first.state is State.OPEN
    assert second.state is State.OPEN


def test_another_question_in_the_room_is_one() -> None:
    assert len(lived(Line(A, FLOOR), Line(B, PARKING))) == 2


# -- the engine asked -------------------------------------------------------------------------------------------------


def test_who_was_asked_answers_by_replying_to_the_engine() -> None:
    heard = said(Line(A, FLOOR), Line(B, "塩ビです。", at=ENGINE))
    [thread] = follow([thread_of(heard[0], invited_at={B: START + 60})], heard, ENGINE)
    assert [turn.link for turn in thread.turns] == [Link.TO_ENGINE]
    assert thread.state is State.ANSWERED


def test_who_was_not_asked_does_not() -> None:
    heard = said(Line(A, FLOOR), Line(C, "塩ビです。", at=ENGINE))
    [thread] = follow([thread_of(heard[0], invited_at={B: START + 60})], heard, ENGINE)
    assert thread.turns == ()


def test_what_was_said_to_the_engine_before_it_asked_is_no_answer() -> None:
    heard = said(Line(A, FLOOR), Line(B, "塩ビです。", at=ENGINE))
    [thread] = follow([thread_of(heard[0], invited_at={B: heard[1].sent_at + 1})], heard, ENGINE)
    assert thread.turns == ()


# -- edits and deletions ----------------------------------------------------------------------------------------------


def test_a_deleted_answer_was_none() -> None:
    heard = said(Line(A, FLOOR), Line(B, "塩ビです。", to=0), Line(C, "はい。", at=B))
    [thread] = follow([thread_of(heard[0])], heard, ENGINE)
    assert thread.state is State.ANSWERED
    [after] = follow([without_message(thread, heard[1].message_id)], [heard[0], heard[2]], ENGINE, heard[1].order)
    assert after.state is State.OPEN


@pytest.mark.parametrize("heard_first", [0, 1, 2, 3])
def test_a_deleted_question_is_withdrawn_unless_it_was_settled(heard_first: int) -> None:
    """Also if what was said is heard after the deletion."""
    heard = said(Line(A, FLOOR), Line(B, "塩ビです。", to=0), Line(A, "ありがとうございます！"))
    [thread] = follow([thread_of(heard[0])], heard[:heard_first], ENGINE)
    deleted = without_message(thread, heard[0].message_id)
    assert (deleted.state is State.THANKED) == (heard_first == 3)
    assert (follow([deleted], heard[1:2], ENGINE)[0].state is State.THANKED) == (heard_first == 3)
    assert follow([deleted], heard[1:], ENGINE)[0].state is State.THANKED


def test_a_question_is_taken_back_by_an_edit_and_asked_again_by_another() -> None:
    heard = said(Line(A, FLOOR), Line(A, "自分で調べます"))
    taken_back = Heard(heard[0].message_id, A, heard[0].sent_at)
    thread = rewritten(thread_of(heard[0]), taken_back, START + 99)
    assert thread.state is State.WITHDRAWN
    assert rewritten(thread, heard[0], START + 199).state is State.OPEN


def test_an_edit_after_the_answer_takes_nothing_back() -> None:
    heard = said(Line(A, FLOOR), Line(B, "塩ビです。", to=0))
    [thread] = follow([thread_of(heard[0])], heard, ENGINE)
    solved = Heard(heard[0].message_id, A, heard[0].sent_at)
    assert rewritten(thread, solved, heard[1].sent_at + 60).state is State.ANSWERED


def test_what_was_said_before_is_not_judged_again_without_its_context() -> None:
    """The window moves on: words whose context has left it stay what they were."""
    heard = said(
        Line(A, FLOOR), Line(C, "今日は暑いですね。"), Line(B, "木目調のものが人気らしいですよ。"), Line(C, "はい。")
    )
    [thread] = follow([thread_of(heard[0])], heard, ENGINE)
    [later] = follow([thread], heard[2:], ENGINE, heard[3].order)
    assert later == thread


# -- when nobody should be asked --------------------------------------------------------------------------------------

NOW = Epoch(START)


def turn(act: Act, ago: float) -> Turn:
    return Turn("99", B, int(NOW - ago), act, Link.NEXT)


@pytest.mark.parametrize(
    ("turns", "expected"),
    [
        pytest.param([], None, id="nothing was said"),
        pytest.param([turn(Act.EXPLAINS, 19 * MINUTE)], "the thread is lively", id="19 minutes ago"),
        pytest.param([turn(Act.EXPLAINS, 20 * MINUTE)], None, id="20 minutes ago"),
        pytest.param([turn(Act.MAY_ANSWER, 1.9 * HOUR)], "perhaps answered", id="something like an answer"),
        pytest.param([turn(Act.MAY_ANSWER, 2 * HOUR)], None, id="something like an answer long ago"),
        pytest.param([turn(Act.ASKS_BACK, 23 * HOUR)], "asked back", id="the asker was asked back"),
        pytest.param([turn(Act.ASKS_BACK, 24 * HOUR)], None, id="who never came back for a day"),
        pytest.param([turn(Act.ASKS_BACK, 5 * HOUR), turn(Act.EXPLAINS, HOUR)], None, id="and who came back"),
    ],
)
def test_when_asking_rests(turns: list[Turn], expected: str | None) -> None:
    found = rests(turns, NOW)
    assert (found[1] if found else None) == expected
    assert found is None or found[0] > NOW


def test_what_is_remembered_of_one_question_is_bounded_and_keeps_the_answers() -> None:
    thread = Thread(Known("q1", "1", A, START, State.OPEN)).with_turn(Turn("2", B, START + 1, Act.ANSWERS, Link.REPLY))
    for number in range(3, 500):
        thread = thread.with_turn(Turn(str(number), B, START + number, Act.MAY_ANSWER, Link.NEXT))
    assert len(thread.turns) == MOST_TURNS + 1
    assert thread.turns[0].act is Act.ANSWERS


@given(st.lists(st.sampled_from(Act), max_size=12))
def test_withdrawn_is_the_only_end(history: list[Act]) -> None:
    """From everywhere else an answer, thanks or 「まだ」 leads on."""
    turns = [Turn("9", B, START, act, Link.OWN) for act in history]
    state = fold(turns)
    if state is not State.WITHDRAWN:
        assert fold([*turns, Turn("9", A, START, Act.NOT_YET, Link.OWN)]) is State.OPEN
    else:
        assert fold([*turns, Turn("9", A, START, Act.THANKS, Link.OWN)]) is State.WITHDRAWN


# -- as it is kept ----------------------------------------------------------------------------------------------------


def kept(**update: object) -> Question:
    return Question(id="q1", room_id=ROOM, message_id="11", account_id=A, asked_at=START).model_copy(update=update)


def test_two_forgotten_people_answered_twice() -> None:
    answers = tuple(Turn(number, 0, START + 60, Act.ANSWERS, Link.REPLY) for number in ("12", "13"))
    question = kept(turns=answers)
    assert [answer.message_id for answer in question.after(question.thread()).answers] == ["12", "13"]


@pytest.mark.parametrize("state", [State.ANSWERED, State.THANKED, State.WITHDRAWN])
def test_a_question_of_the_first_version_stays_what_it_was_when_it_is_edited(state: State) -> None:
    answer = Answer(account_id=B, message_id="12", at=START + 60)
    old = kept(state=state, answers=(answer,))
    asked_otherwise = Heard("11", A, START, is_question=True)
    after = old.after(rewritten(old.thread(), asked_otherwise, START + 99))
    assert (after.state, after.answers) == (state, (answer,))
