"""A linear model over named features, as `ops/training` fits and writes it: adds up weights, needs no library."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

if TYPE_CHECKING:
    from collections.abc import Mapping

LARGEST = 30.0
"""Log-odds beyond which nothing is more certain."""


class Linear(BaseModel):
    """A logistic regression: `bias` and `weights` by feature, in log-odds."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    bias: float
    weights: dict[str, float]

    def odds(self, features: Mapping[str, float]) -> float:
        """Log-odds of the thing that the model was fitted to tell; an unknown feature weighs nothing."""
        known = (self.weights.get(name, 0.0) * value for name, value in features.items())
        return max(-LARGEST, min(LARGEST, math.fsum((self.bias, *known))))  # the same sum in any order


def probability(odds: float) -> float:
    """Log-odds as a probability, 0 to 1."""
    return 1 / (1 + math.exp(-odds))
