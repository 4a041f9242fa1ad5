"""A linear model: weights are added up, the same in any order."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.linear import LARGEST, Linear, probability

MODEL = Linear(bias=-1.0, weights={"a": 0.1, "b": 0.2, "c": 0.3, "d": 1e16, "e": -1e16})


@pytest.mark.parametrize(
    ("features", "odds"),
    [
        pytest.param({}, -1.0, id="nothing: the bias"),
        pytest.param({"z": 5.0}, -1.0, id="an unknown feature weighs nothing"),
        pytest.param({"a": 1.0, "b": 2.0}, -0.5, id="value times weight"),
        pytest.param({"d": 1.0}, LARGEST, id="never beyond the largest"),
        pytest.param({"e": 1.0}, -LARGEST, id="never below"),
    ],
)
def test_odds_are_the_sum_of_what_is_shown(features: dict[str, float], odds: float) -> None:
    assert MODEL.odds(features) == pytest.approx(odds)


@given(st.permutations(["a", "b", "c", "d", "e", "z"]))
def test_the_order_of_features_changes_nothing(order: list[str]) -> None:
    """Sets of features come in another order in every process; the judgement may not."""
    assert MODEL.odds(dict.fromkeys(order, 1.0)) == MODEL.odds(dict.fromkeys("abcdez", 1.0)) == pytest.approx(-0.4)


@given(st.floats(-LARGEST, LARGEST))
def test_a_probability_lies_between_nothing_and_one_and_is_symmetric(odds: float) -> None:
    assert 0 < probability(odds) < 1
    assert probability(odds) + probability(-odds) == pytest.approx(1)
