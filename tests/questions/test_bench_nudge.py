"""The bench of ways of asking: the same seed gives the same figures, and nobody in it is asked against the rules."""

from __future__ import annotations

import math

import pytest

from engine.clock import DAY
from ops.bench.nudge import POLICIES, gini, report, simulate


def test_the_same_seed_gives_the_same_figures() -> None:
    first, second = (simulate(POLICIES["ours"], 3, 80, 6) for _ in range(2))
    assert first.asked == second.asked
    assert report(first) == report(second)


def test_ours_asks_nobody_above_the_caps_or_twice_or_about_their_own() -> None:
    run = simulate(POLICIES["ours"], 3, 80, 12)
    assert run.asked
    for account_id in {who for _, who in run.asked}:
        times = sorted(at for at, who in run.asked if who == account_id)
        assert all(sum(at - 7 * DAY < other <= at for other in times) <= 3 for at in times)
    assert all(question.asker.account_id not in question.asked for question in run.questions)
    assert len(run.asked) == sum(len(question.asked) for question in run.questions)


def test_without_nudging_nobody_is_asked() -> None:
    run = simulate(POLICIES["no nudging"], 3, 80, 6)
    assert run.asked == []
    assert math.isnan(report(run)["Gini of asks"])


@pytest.mark.parametrize(
    ("counts", "index"),
    [
        pytest.param([2, 2, 2, 2], 0.0, id="all alike"),
        pytest.param([0, 0, 0, 4], 0.75, id="one of four has everything"),
        pytest.param([1, 3], 0.25, id="a quarter and three"),
    ],
)
def test_the_index_of_inequality(counts: list[int], index: float) -> None:
    assert gini(counts) == pytest.approx(index)
