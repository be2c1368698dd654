"""The critical set against the slow obvious computation, and its laws."""

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from hypothesis.extra.numpy import arrays

from mechcot.influence.critical_set import entries, levels, within_budget
from mechcot.pruning.rankings import by_closure


def weights(n: int) -> st.SearchStrategy[np.ndarray]:
    return arrays(float, (n, n + 1), elements=st.integers(0, 6).map(float))


def slow(matrix: np.ndarray, rho: float) -> frozenset[int]:
    """For each kept step try every cut-off from the top until the share is covered."""
    n = matrix.shape[0]
    kept: set[int] = set()
    todo = [n]
    while todo:
        target = todo.pop()
        column = {j: matrix[j, target] for j in range(min(target, n)) if matrix[j, target] > 0}
        total = sum(column.values())
        chosen: set[int] = set()
        for cut in sorted(set(column.values()), reverse=True):
            if sum(column[j] for j in chosen) >= rho * total:
                break
            chosen = {j for j, w in column.items() if w >= cut}
        todo += [j for j in chosen if j not in kept]
        kept |= chosen
    return frozenset(kept)


def critical_set(matrix: np.ndarray, rho: float) -> frozenset[int]:
    return frozenset(int(step) for step in np.flatnonzero(levels(matrix) < rho))


@given(st.integers(1, 7).flatmap(weights), st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0]))
@settings(max_examples=40, deadline=None)
def test_the_levels_give_the_closure_of_the_definition(matrix, rho):
    assert critical_set(matrix, rho=rho) == slow(matrix, rho)


def test_a_chain_of_parents_is_followed_and_the_unused_step_is_not():
    matrix = np.zeros((4, 5))
    matrix[3, 4] = matrix[1, 3] = matrix[0, 1] = 1.0
    matrix[2, 3] = 0.1
    assert critical_set(matrix, rho=0.9) == {0, 1, 3}
    assert critical_set(matrix, rho=1.0) == {0, 1, 2, 3}
    assert list(levels(matrix)) == pytest.approx([0, 0, 1 / 1.1, 0])


def test_steps_that_enter_together_are_kept_from_the_answer_backwards():
    matrix = np.zeros((4, 5))
    matrix[2, 4] = matrix[0, 2] = matrix[3, 4] = 1.0
    level, links = entries(matrix)
    assert list(level) == [0.0, np.inf, 0.0, 0.0]
    assert list(links) == [2.0, np.inf, 1.0, 1.0]
    assert by_closure(matrix) == (2, 3, 0, 1)


def test_what_nothing_needs_never_enters():
    matrix = np.full((3, 4), np.nan)
    matrix[2, 3] = 1.0
    assert list(levels(matrix)) == [np.inf, np.inf, 0.0]


@given(st.lists(st.integers(0, 9), min_size=1, max_size=8), st.floats(0, 40), st.randoms())
@settings(max_examples=30, deadline=None)
def test_a_budget_is_never_passed_and_what_fits_is_not_left_out(sizes, budget, rng):
    order = list(range(len(sizes)))
    rng.shuffle(order)
    kept = within_budget(order, sizes, budget=budget)
    used = sum(sizes[s] for s in kept)
    assert used <= budget + 1e-6
    assert all(used + sizes[s] > budget for s in order if s not in kept)
    if order and sizes[order[0]] <= budget:
        assert order[0] in kept
