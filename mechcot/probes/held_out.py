"""The one grouped cross-validation: every row is guessed by a probe that saw no row of its item."""

from collections.abc import Callable, Iterator

import numpy as np
from jaxtyping import Float, Int
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

FOLDS = 4
Rows = Float[np.ndarray, "row input"]
NewRows = Float[np.ndarray, "new input"]
Indices = Int[np.ndarray, " row"]
Guess = Callable[[Rows, np.ndarray, np.ndarray, NewRows], np.ndarray]
"""Inputs, labels and items of the training rows and the inputs of new rows -> a label for each new row."""


def folds_of(items: np.ndarray, *, folds: int) -> Iterator[tuple[Indices, Indices]]:
    """Yield the training rows and the test rows of every fold; the rows of one item stand in one fold."""
    return GroupKFold(n_splits=folds).split(items, groups=items)


def regression() -> Pipeline:
    """An unfitted logistic regression on standardised inputs."""
    return make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=2000))


def by_regression(x: Rows, y: np.ndarray, _items: np.ndarray, new: NewRows) -> np.ndarray:
    """Guess by `regression`; where the training rows have one label, by that label."""
    if len(set(y)) < 2:
        return np.full(len(new), y[0])
    return np.asarray(regression().fit(x, y).predict(new))


def held_out(
    x: Rows, y: np.ndarray, items: np.ndarray, *, folds: int = FOLDS, guess: Guess = by_regression
) -> np.ndarray:
    """Guess the label of every row from the other folds.

    Args:
        x: Inputs, one row each.
        y: Labels.
        items: The item that each row belongs to; there are at least as many items as folds.
        folds: How many folds.
        guess: Fits on the training rows and labels new ones.

    Returns:
        One label a row.
    """
    guesses = np.empty_like(y)
    for train, test in folds_of(items, folds=folds):
        guesses[test] = guess(x[train], y[train], items[train], x[test])
    return guesses
