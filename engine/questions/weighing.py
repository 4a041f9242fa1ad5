"""How likely a message asks, by how it is worded and by what the rules found. Pure.

Two linear models, one upon the other: the first weighs the wording, the second that and the rules' reason. Their
weights are fitted to labelled sentences by `ops/training/fit.py` and kept in `weights.json`.
"""

from __future__ import annotations

from functools import cache
from importlib import resources
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

from engine.linear import Linear, probability
from engine.questions.wording import features

if TYPE_CHECKING:
    from collections.abc import Mapping


class Weights(BaseModel):
    """Both models."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    wording: Linear
    both: Linear

    def likely(self, body: str, reason: str) -> float:
        """How likely a message body asks, 0 to 1, of which the rules said `reason`."""
        worded = self.wording.odds(dict.fromkeys(features(body), 1.0))
        return probability(self.both.odds(both(worded, reason)))


def both(worded: float, reason: str) -> Mapping[str, float]:
    """Features of the second model: the log-odds of the first, and the reason."""
    return {"wording": worded, reason: 1.0}


@cache
def shipped() -> Weights:
    """The weights that come with the engine."""
    return Weights.model_validate_json(resources.files("engine.questions").joinpath("weights.json").read_bytes())
