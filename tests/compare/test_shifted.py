"""What holds under a shift: level 0 stands with every shift, each level has its own items, nothing is drawn without shifted problems."""

from dataclasses import replace

import pandas as pd
import pytest

from mechcot.compare.shifted import shift_frame
from mechcot.compare.tables import Tables
from mechcot.core.measurement import Measurement
from mechcot.core.problem import Problem
from mechcot.text.shifts import Shift, with_shifted, with_shifts
from mechcot.view.figures.shifts import shift_lines
from mechcot.view.theme import looks

PLAIN = [Problem(f"p{i}", f"Box {i} holds many tins of paint. How many?", str(i)) for i in range(6)]
ROWS = with_shifts(PLAIN, [Shift("format", 0.5), Shift("format", 1.0)], seed=0)


@pytest.fixture(scope="module")
def tables():
    """`a` is right everywhere, `b` on what is not shifted only."""
    taken = [
        Measurement(
            measure="gates",
            trace=f"{problem.id}/{name}",
            item=problem.id,
            author=name,
            reader=name,
            value=1.0,
            scalars={"own_correct": float(name == "a" or problem.meta["level"] == 0)},
        )
        for problem in ROWS
        for name in ("a", "b")
    ]
    return Tables.of(taken, [])


def test_every_level_has_its_items_and_level_0_stands_with_each(tables):
    frame = shift_frame(ROWS, tables, (), ["a", "b"], author=None, seed=0)
    assert set(frame["quantity"]) == {"right: the answer"}
    shares = frame.set_index(["model", "level"])["mean"]
    assert shares["a"].to_dict() == {0.0: 1.0, 0.5: 1.0, 1.0: 1.0}
    assert shares["b"].to_dict() == {0.0: 1.0, 0.5: 0.0, 1.0: 0.0}
    counts = pd.Series([row.meta["level"] for row in ROWS]).value_counts()
    assert frame.set_index(["model", "level"])["n"]["b"].to_dict() == counts.to_dict()
    figure = shift_lines(frame, looks(["a", "b"]))
    lines = {trace.name: list(trace.y) for trace in figure.data}
    assert lines == {"a": [1.0, 1.0, 1.0], "b": [1.0, 0.0, 0.0]}


def test_every_shift_has_an_axis_of_its_own():
    moved = {("length", -1.0): PLAIN[:2], ("length", 2.0): PLAIN[2:], ("n-1", 1.0): PLAIN}
    lacking = [replace(p, meta={"answerable": False}) for p in PLAIN]
    rows = with_shifted(PLAIN, moved | {("unanswerable", 1.0): lacking})
    taken = [
        Measurement("gates", f"{p.id}/a", p.id, "a", "a", 1.0, scalars={"own_correct": 1.0})
        for p in rows
    ]
    frame = shift_frame(rows, Tables.of(taken, []), (), ["a"], author=None, seed=0)
    levels = frame.groupby("shift")["level"].apply(list).to_dict()
    assert levels == {"length": [-1.0, 0.0, 2.0], "n-1": [0.0, 1.0]}
    figure = shift_lines(frame, looks(["a"]))
    assert [list(axis.tickvals) for axis in figure.select_xaxes()] == [[-1, 0, 2], [0, 1]]
    assert figure.layout.xaxis.range[0] < -1


def test_nothing_without_shifted_problems(tables):
    assert shift_frame(PLAIN, tables, (), ["a", "b"], author=None, seed=0).empty
