"""`python -m benchmarks.train_kinds FOLDER [FILE]`: train the classifier of kinds that ships.

FOLDER holds `traces.jsonl` of Thought Anchors; FILE is where the weights go, by default where the package reads them. The same data give
the same file. `python -m benchmarks.kinds FOLDER` says how well such a classifier names problems that it was not trained on.
"""

import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from scipy.sparse import csr_array
from sklearn.linear_model import LogisticRegression

from benchmarks.labelled_chains import Chain, as_kinds, published
from mechcot.core.trace import KINDS, StepKind
from mechcot.text.learned_step_kinds import FILE, LearnedClassifier, step_features

PENALTY = 0.3
"""C of the L2 penalty."""
NEVER = -1e4
"""The bias of a kind that no step has."""


def train(chains: Sequence[Chain]) -> LearnedClassifier:
    """Fit the logistic regression.

    Args:
        chains: With a kind for every step.
    """
    rows = [features for chain in chains for features in step_features(chain.steps)]
    buckets = np.array(sorted({bucket for features in rows for bucket in features}))
    column = {bucket: i for i, bucket in enumerate(buckets.tolist())}
    table = csr_array(
        (
            [value for features in rows for value in features.values()],
            [column[bucket] for features in rows for bucket in features],
            np.cumsum([0, *map(len, rows)]),
        ),
        shape=(len(rows), len(buckets)),
    )
    labels = [label for chain in chains for label in chain.labels]
    counts = Counter(labels)
    rarity = {label: (len(labels) / n) ** 0.5 for label, n in counts.items()}
    model = LogisticRegression(C=PENALTY, class_weight=rarity, max_iter=2000)
    model.fit(table, labels)
    weight, bias = np.zeros((len(buckets), len(KINDS))), np.full(len(KINDS), NEVER)
    for row, label in enumerate(model.classes_):
        kind = KINDS.index(StepKind(label))
        weight[:, kind], bias[kind] = model.coef_[row], model.intercept_[row]
    return LearnedClassifier(buckets, weight, bias)


def main(arguments: Sequence[str]) -> int:
    """Train on all chains of FOLDER."""
    if not arguments:
        sys.stderr.write(f"{__doc__}\n")
        return 2
    train(as_kinds(published(Path(arguments[0])))).save(
        Path(arguments[1]) if arguments[1:] else FILE
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
