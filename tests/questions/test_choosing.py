"""Whom the engine asks, and what it finds at the last look before sending."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.clock import DAY, HOUR, Epoch
from engine.members.profiles import Profile
from engine.questions.choosing import (
    SPACING,
    TOO_LATE,
    WEEK,
    Asker,
    Candidate,
    Caps,
    Wave,
    choose,
    left_out,
    may_still_ask,
    next_free,
    score,
    wave_of,
)
from engine.questions.rules import Known, State

if TYPE_CHECKING:
    from collections.abc import Sequence
    from random import Random

ASKER, COLLEAGUE, THIRD, ENGINE = 101, 102, 103, 900
NOW = Epoch(1_800_000_000.0)
CAPS = Caps(per_day=1, per_week=3)
ONE = Wave(0.9, 1, CAPS)
NOBODY_KNOWN = Asker()

FIRST = Known(question_id="q1", message_id="11", asker=ASKER, asked_at=1, state=State.OPEN)
SECOND = Known(question_id="q2", message_id="12", asker=ASKER, asked_at=2, state=State.OPEN)
ANSWERED = replace(FIRST, state=State.ANSWERED, answerers=frozenset({COLLEAGUE}))
THANKED = replace(FIRST, state=State.THANKED, answerers=frozenset({COLLEAGUE}))
ASKED = replace(FIRST, asked=frozenset({COLLEAGUE}))
PASSED = replace(ASKED, passed=frozenset({COLLEAGUE}))
ASKED_AND_ANSWERED = replace(ASKED, state=State.ANSWERED, answerers=frozenset({COLLEAGUE}))


def member(*asked_at: float, account_id: int = COLLEAGUE, paused: float = 0.0, may_be_asked: bool = True) -> Candidate:
    return Candidate(account_id, asked_at, paused, may_be_asked)


LEFT_OUT: list[tuple[str, Candidate, Known, str | None]] = [
    ("somebody never asked is free", member(), FIRST, None),
    ("somebody asked for another question last week is free", member(NOW - 2 * DAY), FIRST, None),
    ("a pause that ends now is over", member(paused=NOW), FIRST, None),
    ("an invitation exactly a day ago no longer counts for the day", member(NOW - DAY), FIRST, None),
    (
        "three invitations, one of them a week ago, are two",
        member(NOW - WEEK, NOW - 3 * DAY, NOW - 2 * DAY),
        FIRST,
        None,
    ),
    ("nobody is asked their own question", member(account_id=ASKER), FIRST, "asker"),
    ("vendors and staff are not asked", member(may_be_asked=False), FIRST, "vendor or staff"),
    ("nobody is asked twice for a question", member(), ASKED, "asked before"),
    ("who passed is not asked again", member(), PASSED, "asked before"),
    ("who answered is not asked", member(), replace(FIRST, answerers=frozenset({COLLEAGUE})), "answered already"),
    ("who paused is left in peace", member(paused=NOW + 1), FIRST, "paused"),
    ("nobody is asked twice a day", member(NOW - 1), FIRST, "day cap"),
    ("nobody is asked twice a day, not even after 23 hours", member(NOW - 23 * HOUR), FIRST, "day cap"),
    ("an invitation from a clock that ran ahead counts", member(NOW + 5), FIRST, "day cap"),
    ("nobody is asked four times a week", member(NOW - 6 * DAY, NOW - 4 * DAY, NOW - 2 * DAY), FIRST, "week cap"),
]


@pytest.mark.parametrize(
    ("candidate", "question", "reason"), [pytest.param(*row, id=sentence) for sentence, *row in LEFT_OUT]
)
def test_who_is_left_out(candidate: Candidate, question: Known, reason: str | None) -> None:
    assert left_out(candidate, question, CAPS, NOW) == reason


@pytest.mark.parametrize(
    ("caps", "reason"),
    [pytest.param(Caps(0, 3), "day cap", id="a day"), pytest.param(Caps(1, 0), "week cap", id="a week")],
)
def test_a_cap_of_nothing_asks_nobody(caps: Caps, reason: str) -> None:
    assert left_out(member(), FIRST, caps, NOW) == reason
    assert choose(FIRST, Asker(), [member()], Wave(0.9, 3, caps), NOW) == []


def chosen(
    candidates: Sequence[Candidate], wave: Wave = ONE, asker: Asker = NOBODY_KNOWN, question: Known = FIRST
) -> list[int]:
    return [each.account_id for each in choose(question, asker, candidates, wave, NOW)]


def test_nobody_is_chosen_from_nobody() -> None:
    assert chosen([]) == []


def test_nobody_is_chosen_where_everybody_is_left_out() -> None:
    assert chosen([member(account_id=ASKER), member(NOW - 1), member(account_id=THIRD, paused=NOW + DAY)]) == []


def test_who_stands_in_a_case_with_the_asker_is_not_asked() -> None:
    """Whoever was warned about how they spoke to somebody is not sent to them again."""
    assert left_out(replace(member(), at_odds=True), FIRST, CAPS, NOW) == "a case with the asker"


BETTER: list[tuple[str, Candidate, Candidate]] = [
    ("the one asked less this week", member(NOW - 2 * DAY), member(NOW - 5 * DAY, NOW - 3 * DAY, account_id=THIRD)),
    ("the one who answers more", Candidate(1, willingness=0.6), Candidate(2, willingness=0.4)),
    ("the one who knows more about it", Candidate(1, relevance=0.6), Candidate(2, relevance=0.4)),
    ("the one who is there now", Candidate(1, availability=0.6), Candidate(2, availability=0.4)),
    ("one who was never asked before one just as good", Candidate(1), Candidate(2, times_asked=3)),
]


@pytest.mark.parametrize(("better", "worse"), [pytest.param(*row, id=sentence) for sentence, *row in BETTER])
def test_who_is_chosen_first(better: Candidate, worse: Candidate) -> None:
    assert chosen([better, worse]) == chosen([worse, better]) == [better.account_id]


def test_what_was_long_ago_counts_for_nobody() -> None:
    """Equals are drawn by lot, whatever happened before this week."""
    plain = [member(account_id=number) for number in range(1, 20)]
    long_ago = [replace(candidate, asked_at=(NOW - WEEK,) * candidate.account_id) for candidate in plain]
    assert chosen(plain) == chosen(long_ago)


def test_the_lot_is_different_for_each_question() -> None:
    """Different members are asked, not always the first of the list."""
    candidates = [member(account_id=number) for number in range(1, 6)]
    drawn = {chosen(candidates, question=replace(FIRST, question_id=f"q{n}"))[0] for n in range(60)}
    assert drawn == {1, 2, 3, 4, 5}


@pytest.mark.parametrize(
    ("willingness", "wave", "count"),
    [
        pytest.param(0.7, Wave(0.6, 3, CAPS), 1, id="one who surely answers is enough"),
        pytest.param(0.6, Wave(0.6, 3, CAPS), 1, id="the target just reached is reached"),
        pytest.param(0.4, Wave(0.6, 3, CAPS), 2, id="two in ten chances of silence together"),
        pytest.param(0.4, Wave(0.8, 3, CAPS), 3, id="the second wave asks more"),
        pytest.param(0.1, Wave(0.95, 3, CAPS), 3, id="never more than three"),
        pytest.param(0.1, Wave(0.95, 1, CAPS), 1, id="never more than the settings allow"),
        pytest.param(0.0, Wave(0.6, 3, CAPS), 3, id="people who never answered are asked all the same"),
    ],
)
def test_a_wave_is_as_small_as_will_do(willingness: float, wave: Wave, count: int) -> None:
    assert len(chosen([Candidate(number, willingness=willingness) for number in range(1, 9)], wave)) == count


def test_later_waves_aim_higher() -> None:
    assert [wave_of(number, 3, CAPS).target for number in range(5)] == [0.60, 0.80, 0.95, 0.95, 0.95]


EYE_TOKYO = Profile(("眼科",), "東京都", "40代", "新規開業")
EYE_OSAKA = Profile(("眼科",), "大阪府", "40代", "新規開業")
SKIN_SAPPORO = Profile(("皮膚科",), "北海道", "60代", "承継")


def test_the_second_person_is_unlike_the_first() -> None:
    """Another "normal" is worth more than a little more of the same."""
    first, alike = Candidate(1, profile=EYE_TOKYO, willingness=0.4), Candidate(2, profile=EYE_OSAKA, willingness=0.39)
    other = Candidate(3, profile=SKIN_SAPPORO, willingness=0.3)
    assert chosen([first, alike, other], Wave(0.5, 2, CAPS)) == [1, 3]


def test_being_unlike_does_not_outweigh_being_no_help() -> None:
    first, alike = Candidate(1, profile=EYE_TOKYO, willingness=0.5), Candidate(2, profile=EYE_OSAKA, willingness=0.5)
    other = Candidate(3, profile=SKIN_SAPPORO, willingness=0.0, times_asked=50)
    assert chosen([first, alike, other], Wave(0.7, 2, CAPS), Asker(Profile())) in ([1, 2], [2, 1])


def test_the_first_may_be_of_the_askers_own_specialty() -> None:
    near = Candidate(1, profile=EYE_TOKYO, willingness=0.5)
    far = Candidate(2, profile=SKIN_SAPPORO, willingness=0.4)
    assert chosen([near, far], ONE, Asker(EYE_OSAKA)) == [1]


def test_the_second_differs_from_the_asker_in_two_things_though_others_are_better() -> None:
    near = [Candidate(number, profile=EYE_TOKYO, willingness=0.5) for number in (1, 2)]
    far = Candidate(3, profile=SKIN_SAPPORO, willingness=0.1)
    assert chosen([*near, far], Wave(0.9, 2, CAPS), Asker(EYE_OSAKA))[1] == 3
    in_a_wave_before = Asker(EYE_OSAKA, earlier=(EYE_TOKYO,))
    assert chosen([*near, far], ONE, in_a_wave_before) == [3]


def test_where_nobody_is_known_to_differ_somebody_is_asked_all_the_same() -> None:
    assert len(chosen([Candidate(1), Candidate(2)], Wave(0.9, 2, CAPS), Asker(EYE_OSAKA))) == 2


PEOPLE = st.builds(
    Candidate,
    account_id=st.integers(100, 130),
    asked_at=st.lists(st.floats(NOW - 2 * WEEK, NOW), max_size=4).map(tuple),
    paused_until=st.sampled_from([0.0, NOW + 1]),
    may_be_asked=st.booleans(),
    at_odds=st.booleans(),
    profile=st.sampled_from([Profile(), EYE_TOKYO, EYE_OSAKA, SKIN_SAPPORO]),
    willingness=st.floats(0, 1),
    relevance=st.floats(0, 1),
    availability=st.floats(0, 1),
    times_asked=st.floats(0, 9),
)


@given(
    people=st.lists(PEOPLE, max_size=12, unique_by=lambda each: each.account_id),
    shuffled=st.randoms(),
    wave=st.builds(Wave, st.floats(0, 1), st.integers(1, 3), st.just(CAPS)),
    asked=st.frozensets(st.integers(100, 130)),
)
def test_whoever_is_chosen_may_be_asked_and_the_order_of_looking_does_not_matter(
    people: list[Candidate], shuffled: Random, wave: Wave, asked: frozenset[int]
) -> None:
    question = replace(FIRST, asked=asked)
    found = choose(question, Asker(EYE_TOKYO), people, wave, NOW)
    assert len(found) <= wave.most
    assert len({each.account_id for each in found}) == len(found)
    assert [left_out(each, question, CAPS, NOW) for each in found] == [None] * len(found)
    assert all(0 <= score(each, CAPS, NOW) <= 1.1 + 1e-9 for each in found)
    shuffled.shuffle(people)
    assert choose(question, Asker(EYE_TOKYO), people, wave, NOW) == found


@pytest.mark.parametrize(
    ("question", "paused_until", "reason"),
    [
        pytest.param(FIRST, 0.0, None, id="an open question still wants its answer"),
        pytest.param(FIRST, NOW, None, id="a pause that ends now is over"),
        pytest.param(ANSWERED, 0.0, "answered", id="an answered one does not"),
        pytest.param(THANKED, 0.0, "answered", id="a solved one does not"),
        pytest.param(replace(FIRST, state=State.WITHDRAWN), 0.0, "withdrawn", id="a withdrawn one does not"),
        pytest.param(FIRST, NOW + 1, "paused", id="who paused meanwhile is left in peace"),
        pytest.param(ANSWERED, NOW + 1, "answered", id="the question's reason goes before the person's"),
    ],
)
def test_the_last_look_before_sending(question: Known, paused_until: float, reason: str | None) -> None:
    assert may_still_ask(question, NOW, paused_until, NOW) == reason


@pytest.mark.parametrize(
    ("question", "reason"),
    [
        pytest.param(FIRST, "under moderation", id="nobody is sent to a question that admins look at"),
        pytest.param(ANSWERED, "answered", id="that it is answered is told first"),
    ],
)
def test_a_question_under_moderation_is_not_passed_on(question: Known, reason: str) -> None:
    assert may_still_ask(question, NOW, 0.0, NOW, under_moderation=True) == reason
    assert may_still_ask(question, NOW, NOW + 1, NOW, under_moderation=True) == reason


@pytest.mark.parametrize(
    ("age", "reason"),
    [
        pytest.param(0.0, None, id="decided just now"),
        pytest.param(TOO_LATE, None, id="a day ago is just in time"),
        pytest.param(TOO_LATE + 1, "too late", id="more than a day ago is another day's matter"),
        pytest.param(-3600.0, None, id="decided by a clock that was ahead"),
    ],
)
def test_an_invitation_that_waited_too_long_is_dropped(age: float, reason: str | None) -> None:
    assert may_still_ask(FIRST, NOW - age, 0.0, NOW) == reason


@pytest.mark.parametrize(
    ("last_ask", "wait"),
    [
        pytest.param(None, 0, id="a room that never read one"),
        pytest.param(NOW - SPACING, 0, id="a minute after the last"),
        pytest.param(NOW - 1, SPACING - 1, id="a second after the last"),
        pytest.param(NOW, SPACING, id="in the same moment"),
        pytest.param(NOW + 3600, 0, id="one from a clock that was ahead holds nobody up"),
    ],
)
def test_a_room_reads_invitations_one_after_the_other(last_ask: float | None, wait: float) -> None:
    assert next_free(last_ask, NOW) == NOW + wait
