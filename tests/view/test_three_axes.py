"""Right, valid, used: a panel an axis, a row a comparison; marks stand where the shares are and bars never leave 0 to 1."""

import pandas as pd

from mechcot.view.figures.three_axes import three_axes
from mechcot.view.theme import looks


def row(title, before, after, low, high):
    numbers = {"before": before, "after": after, "delta": after - before, "low": low, "high": high}
    return {"title": title, "n": 24, "verdict": "less"} | numbers


def test_marks_are_the_shares_and_bars_stay_inside():
    axes = {
        "a → b": pd.DataFrame(
            [row("right", 1.0, 0.5, -0.7, -0.3), row("valid", 0.0, 1.0, 0.9, 1.2)]
        ),
        "a → c": pd.DataFrame([row("right", 1.0, 0.0, -1.1, -0.9)]),
    }
    named = looks(["a", "b", "c"])
    figure = three_axes(axes, {"a → b": named["b"], "a → c": named["c"]})
    marks = [trace for trace in figure.data if trace.mode == "markers"]
    assert [trace.x[0] for trace in marks] == [1.0, 0.5, 0.0, 1.0, 1.0, 0.0]
    for trace in marks[1::2]:
        low = trace.x[0] - trace.error_x.arrayminus[0]
        assert low >= 0 and trace.x[0] + trace.error_x.array[0] <= 1
    titles = [note.text for note in figure.layout.annotations]
    assert titles == ["right", "valid"] and "n = 24 items" in figure.layout.title.subtitle.text
