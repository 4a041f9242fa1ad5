"""What questions are about, who knows it, from whom a wave is drawn, and the reason that people read."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.members.profiles import Profile, mentioned
from engine.questions.pool import ANYBODY, REGION, RING, SPECIALTY, TOPIC, beginning, place
from engine.questions.reasons import Because, Why, because
from engine.questions.topics import MOST_NOUNS, knowledge, named, rarity, relevance, topics


@pytest.mark.parametrize(
    ("text", "nouns"),
    [
        pytest.param("レセコンの選び方を教えてください", ("レセコン", "選び方"), id="nouns in order"),
        pytest.param("レセコン、レセコン、レセコン！", ("レセコン",), id="each once"),
        pytest.param("3年前と去年のことです", (), id="times, numbers and things are no subject"),
        pytest.param("田中さんに聞きました", (), id="a person is no subject"),
        pytest.param("そうなんですか", (), id="words without a noun"),
        pytest.param("", (), id="nothing"),
    ],
)
def test_what_a_question_is_about(text: str, nouns: tuple[str, ...]) -> None:
    assert topics(text) == nouns


def test_a_long_text_is_about_what_it_begins_with() -> None:
    assert len(topics("、".join(f"機器{chr(0x4E00 + each)}" for each in range(100)))) <= MOST_NOUNS


def test_a_rare_noun_says_more() -> None:
    assert rarity(1, 100) > rarity(50, 100) > rarity(100, 100) > 0


def test_what_was_counted_twice_says_no_less_than_nothing() -> None:
    assert rarity(7, 5) > 0


def test_who_answered_about_the_rare_noun_knows_more_than_who_did_about_the_common_one() -> None:
    rarities = {"開業": 0.7, "分包機": 3.0}
    assert knowledge({"分包機": 1}, rarities) > knowledge({"開業": 1}, rarities) > knowledge({}, rarities) == 0


def test_the_first_answers_count_most() -> None:
    once, twice, often = (knowledge({"分包機": count}, {"分包機": 2.0}) for count in (1, 2, 3))
    assert twice - once > often - twice > 0


def test_of_a_question_about_nothing_nobody_knows_more() -> None:
    assert knowledge({"開業": 5}, {}) == 0


@given(st.dictionaries(st.text(max_size=3), st.floats(0, 1e6)), st.dictionaries(st.text(max_size=3), st.floats(0, 20)))
def test_knowledge_and_relevance_stay_between_nothing_and_all(
    weights: dict[str, float], rare: dict[str, float]
) -> None:
    known = knowledge(weights, rare)
    assert 0 <= known <= 1
    assert 0 < relevance(known, is_named=False) < relevance(known, is_named=True) <= 1


def test_a_wave_looks_at_no_more_than_sixty_four() -> None:
    assert TOPIC + SPECIALTY + REGION + ANYBODY == 64


@given(st.integers(1, 2**40), st.integers(1, 10**6), st.integers(0, 9))
def test_places_on_the_ring_are_fixed(account_id: int, number: int, wave: int) -> None:
    assert place(account_id) == place(account_id) in range(RING)
    assert beginning(f"q{number}", wave) == beginning(f"q{number}", wave) in range(RING)
    assert beginning(f"q{number}", wave) != beginning(f"q{number}", wave + 1)


EYE = Profile(("眼科",), "北海道", "40代", "承継", 2019)
BONE = Profile(("整形外科",), "東京都", "60代", "新規開業")
ABOUT = {"従業員": 1.0, "面談": 2.0}

REASONS: list[tuple[str, Profile, Profile, str, dict[str, float], Because]] = [
    ("their form of opening is named", EYE, BONE, "承継のときの従業員", {}, Because(Why.STORY, "承継")),
    ("their specialty is named", EYE, BONE, "眼科の検査機器", {}, Because(Why.STORY, "眼科")),
    (
        "their region is named, with or without 県",
        Profile(region="長野県"),
        BONE,
        "長野の冬",
        {},
        Because(Why.STORY, "長野県"),
    ),
    ("their own story goes before what they answered", EYE, BONE, "承継", {"面談": 3}, Because(Why.STORY, "承継")),
    ("they answered about it", BONE, EYE, "面談", {"従業員": 9, "面談": 1}, Because(Why.KNOWS, "面談")),
    ("they answered about something else", BONE, EYE, "面談", {"駐車場": 9}, Because(Why.DIFFERENT)),
    ("they are colleagues", EYE, Profile(("眼科", "内科")), "面談", {}, Because(Why.COLLEAGUE, "眼科")),
    ("they differ from the asker", EYE, BONE, "面談", {}, Because(Why.DIFFERENT)),
    (
        "they differ in one thing only",
        Profile(region="東京都"),
        Profile(region="北海道"),
        "面談",
        {},
        Because(Why.FRESH),
    ),
    ("nothing is known of them", Profile(), EYE, "眼科", {}, Because(Why.FRESH)),
    ("nothing is known of the asker", EYE, Profile(), "面談", {}, Because(Why.FRESH)),
]


@pytest.mark.parametrize(
    ("person", "asker", "text", "answered", "reason"), [pytest.param(*row, id=sentence) for sentence, *row in REASONS]
)
def test_why_somebody_is_asked(
    person: Profile, asker: Profile, text: str, answered: dict[str, float], reason: Because
) -> None:
    assert because(person, asker, mentioned(text), answered, ABOUT) == reason


OTHER_WORDS: list[tuple[str, Profile, str]] = [
    ("nothing", EYE, ""),
    ("another specialty", EYE, "耳鼻科の検査"),
    ("a word that looks like one", EYE, "形態素"),
    ("a longer specialty holds a shorter one", Profile(("外科",)), "整形外科の機器"),
    ("a whole specialty of its own", Profile(("内科",)), "循環器内科の先生"),
    ("an adverb spelt like a place", Profile(region="大分県"), "大分時間がかかりました"),
    ("a person called like a place", Profile(region="千葉県"), "千葉先生にうかがったのですが"),
]


@pytest.mark.parametrize(("profile", "text"), [pytest.param(*row, id=sentence) for sentence, *row in OTHER_WORDS])
def test_nobodys_story_is_named_by_other_words(profile: Profile, text: str) -> None:
    assert named(profile, mentioned(text)) is None
