"""Somebody's words are taken out of what others wrote; nothing else is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.chatwork.compose import quote
from engine.chatwork.redaction import without_quotes_of

ANN, BEN = 101, 102
ANNS, BENS = "[qt][qtmeta aid=101 time=1]ひみつ[/qt]", "[qt][qtmeta aid=102 time=1]べつ[/qt]"


@pytest.mark.parametrize(
    ("body", "left"),
    [
        pytest.param(f"前{ANNS}後", "前後", id="a quote goes, the words around it stay"),
        pytest.param(f"{ANNS}{ANNS}", "", id="two quotes go"),
        pytest.param("[qt] [qtmeta aid=101]ひみつ[/qt]", "", id="blanks before the author"),
        pytest.param(f"[qt][qtmeta aid=102]あ{ANNS}い[/qt]", "[qt][qtmeta aid=102]あい[/qt]", id="a quote in a quote"),
        pytest.param(f"[qt][qtmeta aid=101]あ{BENS}い[/qt]う", "う", id="what she quoted goes with her words"),
        pytest.param(f"[qt][qtmeta aid=101]あ{ANNS}い[/qt]う", "う", id="herself in herself"),
        pytest.param(f"[qt]{ANNS}", "[qt]", id="a quote behind an open one"),
        pytest.param(f"{ANNS}[/qt]", "[/qt]", id="an end too many"),
        pytest.param(BENS, BENS, id="somebody else's quote stays"),
        pytest.param("[qt][qtmeta aid=1012]あ[/qt]", "[qt][qtmeta aid=1012]あ[/qt]", id="a longer number"),
        pytest.param("[qt][qtmeta aid=10]あ[/qt]", "[qt][qtmeta aid=10]あ[/qt]", id="a shorter number"),
        pytest.param("[qt]あ[/qt]", "[qt]あ[/qt]", id="a quote of nobody"),
        pytest.param("[qt][qtmeta aid=101]あ", "[qt][qtmeta aid=101]あ", id="a quote without an end is text"),
        pytest.param("[qt]あ[qtmeta aid=101]い[/qt]", "[qt]あ[qtmeta aid=101]い[/qt]", id="an author in the middle"),
        pytest.param("[rp aid=101 to=1-2]さん\nはい", "[rp aid=101 to=1-2]さん\nはい", id="a reply is no quote"),
        pytest.param("[To:101]青木さん", "[To:101]青木さん", id="a mention is no quote"),
        pytest.param("", "", id="nothing"),
    ],
)
def test_only_the_quotes_of_one_author_go(body: str, left: str) -> None:
    assert without_quotes_of(ANN, body) == left


WORDS = st.text(st.characters(blacklist_characters="[]", blacklist_categories=["Cs"]), max_size=8)
PIECES = st.lists(
    st.one_of(WORDS, st.tuples(st.sampled_from([ANN, BEN]), WORDS).map(lambda told: quote(told[1], told[0]))),
    max_size=8,
)


@given(PIECES)
def test_of_quotes_beside_one_another_exactly_hers_go(pieces: list[str]) -> None:
    kept = [piece for piece in pieces if not piece.startswith(f"[qt][qtmeta aid={ANN}]")]
    assert without_quotes_of(ANN, "".join(pieces)) == "".join(kept)


@given(st.text(alphabet="[]/qtme a=101x\n", max_size=200))
def test_whatever_is_typed_it_ends_and_only_takes_away(body: str) -> None:
    left = without_quotes_of(ANN, body)
    assert len(left) <= len(body)
    assert without_quotes_of(BEN, body) == body
