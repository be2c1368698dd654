"""The notebooks' closing figures: what is drawn is what the tables hold."""

import pandas as pd

from mechcot.view.plot import feature_exchange_figure, steered


def tried():
    rows = [
        ("nothing", 0.0, 120.0, 0.9),
        ("vector", 0.05, 100.0, 0.8),
        ("vector", 0.1, 80.0, 0.7),
        ("random", 0.05, 119.0, 0.85),
    ]
    return pd.DataFrame(
        [
            {"arm": a, "nats": x, "tokens": t, "accuracy": y, "low": y - 0.1, "high": y + 0.05, "n": 20}
            for a, x, t, y in rows
        ]
    )  # fmt: skip


def test_every_arm_is_a_line_of_its_doses():
    figure = steered(tried())
    lines = {line.name: line for line in figure.data}
    assert set(lines) == {"nothing", "vector", "random"}
    assert list(lines["vector"].x) == [80.0, 100.0]
    assert list(lines["vector"].y) == [0.7, 0.8]
    assert list(lines["vector"].text) == ["vector at 0.1 nats", "vector at 0.05 nats"]
    assert "n = 20" in figure.layout.title.subtitle.text
    assert "95 % intervals" in figure.layout.title.subtitle.text


def test_marks_stand_at_measured_doses_and_are_open_where_one_was_missed():
    table = tried().assign(kl=[0.0, 0.051, 0.098, 0.001])
    lines = {line.name: line for line in steered(table).data}
    assert list(lines["vector"].text) == [
        "vector at 0.098 nats (0.1 asked)",
        "vector at 0.051 nats (0.05 asked)",
    ]
    assert list(lines["random"].text) == ["random at 0.001 nats (0.05 asked)"]
    assert [mark.endswith("-open") for mark in lines["random"].marker.symbol] == [True]
    assert [mark.endswith("-open") for mark in lines["vector"].marker.symbol] == [False, False]


def found(model, top, whole):
    rows = [{"mean": m, "low": m - 0.1, "high": m + 0.1} for m in top]
    zero = [{"mean": 0.0, "low": 0.0, "high": 0.0}] * len(top)
    return {
        "model": model,
        "traces": 16,
        "counts": [0, 1, 2],
        "effect": rows,
        "random": zero,
        "whole": {"mean": whole},
    }


def test_every_model_is_a_panel_with_its_whole_state_as_the_dotted_line():
    figure = feature_exchange_figure(
        [found("one", [0.0, 0.2, 0.8], 0.9), found("two", [0.0, 0.0, 0.0], 0.01)]
    )
    assert [list(line.y) for line in figure.data] == [[0, 0.2, 0.8], [0] * 3, [0] * 3, [0] * 3]
    assert list(figure.data[0].x) == ["0", "1", "2"]
    assert [shape.y0 for shape in figure.layout.shapes] == [0.9, 0.01]
    assert [note.text for note in figure.layout.annotations] == ["one", "two"]
    assert "n = 16 chains" in figure.layout.title.subtitle.text
