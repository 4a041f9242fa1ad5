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

    def likely(self, shown: Mapping[str, float], reason: str) -> float:
        """How likely a message asks, 0 to 1, that shows these features and of which the rules said `reason`."""
        return probability(self.both.odds(upon(self.wording, shown, reason)))


def shows(body: str) -> Mapping[str, float]:
    """What the first model weighs of a message body."""
    return dict.fromkeys(features(body), 1.0)


def upon(wording: Linear, shown: Mapping[str, float], reason: str) -> Mapping[str, float]:
    """What the second model weighs: the log-odds of the first, and the rules' reason."""
    return {"wording": wording.odds(shown), reason: 1.0}


@cache
def shipped() -> Weights:
    """The weights that come with the engine."""
    return Weights.model_validate_json(resources.files("engine.questions").joinpath("weights.json").read_bytes())
