#!/usr/bin/env python3
"""Fits the weights by which a message is judged to ask, and tells how well that does on sentences it has not seen.

ops/training/fit.py --write     # engine/questions/weights.json, from ops/training/questions.jsonl
ops/training/fit.py             # only tell

The sentences are our own, written in sets by different people; a set's name begins the ids. Each set is judged by
weights that were fitted to the other sets. The rules were mended on what they had got wrong in any of these sets, so
the figures that count are those of `tests/questions/unseen*.jsonl`, whose errors nobody looked at.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sklearn.feature_extraction import DictVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import precision_recall_fscore_support

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent))

from engine.linear import Linear
from engine.questions.detect import ASKS_FROM, by_rules
from engine.questions.weighing import Weights, shows, upon

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

ROOT = Path(__file__).resolve().parent.parent.parent
SENTENCES = Path(__file__).parent / "questions.jsonl"
UNSEEN = [ROOT / "tests" / "questions" / name for name in ("unseen.jsonl", "unseen_week.jsonl")]
WEIGHTS = ROOT / "engine" / "questions" / "weights.json"

AT_LEAST = 2
"""Sentences in which a feature must stand to be weighed."""

INVERSE_REGULARISATION = {"wording": 0.3, "both": 10.0}
"""Thousands of features of the wording need more of it, a few reasons less."""

FOLDS = 5
"""Parts of the sets, each judged by what was fitted to the others, to learn how far the first model can be trusted."""

DIGITS = 3


@dataclass(frozen=True)
class Labelled:
    """A sentence, what it shows, what the rules say of it, and whether it asks."""

    id: str
    text: str
    kind: str
    asks: bool
    shown: Mapping[str, float]
    ruled: bool
    reason: str

    @property
    def group(self) -> str:
        """The set it belongs to."""
        return self.id.rpartition("-")[0]


def labelled(path: Path) -> list[Labelled]:
    """Read JSON lines: `id`, `text`, `label.is_question`, `kind`."""
    return [_labelled(json.loads(line)) for line in path.read_text("utf-8").splitlines()]


def _labelled(row: Mapping[str, object]) -> Labelled:
    text, label = str(row["text"]), row["label"]
    assert isinstance(label, dict)
    ruled, asks = by_rules(text), bool(label["is_question"])
    return Labelled(str(row["id"]), text, str(row["kind"]), asks, shows(text), ruled.is_question, ruled.reason)


def fit(rows: Sequence[Labelled]) -> Weights:
    """Both models; the same rows give the same weights.

    The second learns how far the first can be trusted on sets that this one has not seen.
    """
    names = groups(rows)
    unseen = [row for fold in range(FOLDS) for row in _unseen_by_others(rows, frozenset(names[fold::FOLDS]))]
    both = _logistic([shown for shown, _ in unseen], [asks for _, asks in unseen], INVERSE_REGULARISATION["both"])
    return Weights(wording=_wording(rows), both=both)


def _unseen_by_others(rows: Sequence[Labelled], names: frozenset[str]) -> list[tuple[Mapping[str, float], bool]]:
    first = _wording([row for row in rows if row.group not in names])
    return [(upon(first, row.shown, row.reason), row.asks) for row in rows if row.group in names]


def _wording(rows: Sequence[Labelled]) -> Linear:
    counts = Counter(feature for row in rows for feature in row.shown)
    shown = [{name: 1.0 for name in row.shown if counts[name] >= AT_LEAST} for row in rows]
    return _logistic(shown, [row.asks for row in rows], INVERSE_REGULARISATION["wording"])


def _logistic(shown: Sequence[Mapping[str, float]], asks: Sequence[bool], c: float) -> Linear:
    vectoriser = DictVectorizer()
    model = LogisticRegression(C=c, max_iter=5000, tol=1e-6).fit(vectoriser.fit_transform(shown), asks)
    named = zip(vectoriser.get_feature_names_out(), model.coef_[0], strict=True)
    weights = {str(name): round(float(weight), DIGITS) for name, weight in named}
    return Linear(
        bias=round(float(model.intercept_[0]), DIGITS), weights={name: each for name, each in weights.items() if each}
    )


def groups(rows: Sequence[Labelled]) -> list[str]:
    """The sets, in order."""
    return list(dict.fromkeys(row.group for row in rows))


def judged(rows: Sequence[Labelled], weights: Weights) -> list[bool]:
    """Which of them ask."""
    return [weights.likely(row.shown, row.reason) >= ASKS_FROM for row in rows]


def figures(found: Sequence[bool], rows: Sequence[Labelled]) -> tuple[float, float, float]:
    """Precision, recall and F1 of what was found."""
    precision, recall, f1, _ = precision_recall_fscore_support([row.asks for row in rows], found, average="binary")
    return float(precision), float(recall), float(f1)


def main() -> None:
    """Tell the figures set by set; with `--write`, write the weights."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", action="store_true", help="write the weights")
    chosen = parser.parse_args()
    rows = labelled(SENTENCES)
    weights = fit(rows)
    if chosen.write:
        told = json.dumps(weights.model_dump(), ensure_ascii=False, indent=0, sort_keys=True)
        WEIGHTS.write_text(told + "\n", encoding="utf-8")
    print("| set | sentences | rules: precision | recall | F1 | both: precision | recall | F1 |")
    print("|---|---|---|---|---|---|---|---|")
    missed, needless = Counter[str](), Counter[str]()
    for group in groups(rows):
        unseen = [row for row in rows if row.group == group]
        found = judged(unseen, fit([row for row in rows if row.group != group]))
        _tell(group, unseen, found)
        missed.update(row.kind for row, asks in zip(unseen, found, strict=True) if row.asks and not asks)
        needless.update(row.kind for row, asks in zip(unseen, found, strict=True) if asks and not row.asks)
    for path in UNSEEN:
        unseen = labelled(path)
        _tell(path.stem, unseen, judged(unseen, weights))
    for what, kinds in (("missed", missed), ("needless", needless)):
        most = ", ".join(f"{kind} {count}" for kind, count in kinds.most_common(12))
        print(f"\n{what}, but for the unseen, most by kind: {most}")


def _tell(name: str, rows: Sequence[Labelled], found: Sequence[bool]) -> None:
    cells = [f"{each:.3f}" for each in (*figures([row.ruled for row in rows], rows), *figures(found, rows))]
    print(f"| {name} | {len(rows)} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
