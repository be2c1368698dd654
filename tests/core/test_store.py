import json
import math
from pathlib import Path

import numpy as np
import pytest

from mechcot.core.measurement import Measurement
from mechcot.core.pair import Pair
from mechcot.core.problem import Problem
from mechcot.core.step_arrays import Curve, LayerSteps, StepMatrix
from mechcot.core.store import read_traces, write_bytes, write_json, write_traces
from mechcot.core.trace import Answer, Phase, Span, Step, StepKind, Trace


def a_trace() -> Trace:
    steps = (
        Step(0, "so a = 3 . ", Span(0, 11), Span(2, 6), StepKind.PROGRESSION, Phase.CHAIN),
        Step(1, "thus 3 .", Span(11, 19), Span(6, 8), StepKind.CONCLUSION, Phase.CHAIN),
        Step(2, "</t> 3", Span(19, 25), Span(8, 10), StepKind.OTHER, Phase.ANSWER),
    )
    return Trace(
        id="p/base/0",
        problem=Problem("p", "what is a ?", "3", {"stratum": "easy"}),
        author="base",
        prompt="what is a ? <t>",
        completion="so a = 3 . thus 3 .</t> 3",
        ids=tuple(range(10)),
        prompt_length=2,
        steps=steps,
        answer=Answer("3", "tag"),
    )


def a_curve(values, *, tokens="abc", unit="probability", reader="base") -> Curve:
    return Curve(
        values=np.asarray(values, dtype=float),
        measure="early_answering",
        name="soft",
        unit=unit,
        trace="p/base/0",
        reader=reader,
        tokens=tokens,
    )


def test_phases_and_cuts_partition_the_tokens():
    trace = a_trace()
    spans = [trace.phase(phase) for phase in Phase]
    assert [(s.start, s.stop) for s in spans] == [(0, 2), (2, 8), (8, 10)]
    assert trace.cuts() == (2, 6, 8)


def test_a_trace_whose_steps_lose_text_is_refused():
    trace = a_trace()
    with pytest.raises(ValueError, match="do not give the completion back"):
        Trace(**{**trace.__dict__, "completion": trace.completion + "!"})


def test_a_trace_whose_steps_leave_tokens_over_is_refused():
    trace = a_trace()
    with pytest.raises(ValueError, match="end at token 10 of 11"):
        Trace(**{**trace.__dict__, "ids": tuple(range(11))})


def test_traces_survive_the_disk(tmp_path: Path):
    write_traces(tmp_path / "t.jsonl", [a_trace(), a_trace()])
    assert read_traces(tmp_path / "t.jsonl") == [a_trace(), a_trace()]


def test_readings_survive_the_disk_with_nan(tmp_path: Path):
    matrix = StepMatrix(
        values=np.array([[0.0, math.nan], [1.0, 2.0]]),
        measure="m",
        name="kl",
        unit="nats",
        trace="t",
        reader="r",
        tokens="x",
    )
    measurement = Measurement(
        "m",
        "t",
        "p",
        "a",
        "r",
        math.nan,
        "why",
        {"null": math.nan, "ppl": math.inf, "x": 1.5},
        {"kl": matrix},
    )
    measurement.save(tmp_path / "r.safetensors")
    back = Measurement.load(tmp_path / "r.safetensors")
    assert math.isnan(back.value)
    assert back.reason == "why"
    assert back.scalars["x"] == 1.5
    assert math.isnan(back.scalars["ppl"]), "what is infinite is no number"
    np.testing.assert_array_equal(back.results["kl"].values, matrix.values)
    assert type(back.results["kl"]) is StepMatrix


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path):
    path = tmp_path / "a.json"
    write_json(path, {"a": 1})
    (tmp_path / "folder").mkdir()
    with pytest.raises(ValueError, match="JSON"):
        write_json(path, {"a": math.inf})
    with pytest.raises(IsADirectoryError):
        write_bytes(tmp_path / "folder", b"x")
    assert json.loads(path.read_text()) == {"a": 1}
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.json", "folder"]


def test_nan_is_not_written_into_json(tmp_path: Path):
    with pytest.raises(ValueError, match="JSON"):
        write_json(tmp_path / "a.json", {"a": math.nan})


def test_subtracting_results_about_other_tokens_or_units_raises():
    assert np.allclose((a_curve([1, 2]) - a_curve([0, 1], reader="tuned")).values, 1)
    with pytest.raises(ValueError, match="differ in tokens"):
        _ = a_curve([1, 2]) - a_curve([1, 2], tokens="other")
    with pytest.raises(ValueError, match="differ in unit"):
        _ = a_curve([1, 2]) - a_curve([1, 2], unit="nats")
    with pytest.raises(ValueError, match="differ in labels"):
        _ = a_curve([1, 2]) - a_curve([1, 2, 3])


def test_frames_are_tidy():
    grid = LayerSteps(
        values=np.arange(6.0).reshape(2, 3),
        measure="m",
        name="next",
        unit="probability",
        trace="t",
        reader="r",
        tokens="x",
        labels={"step": (2.0, 5.0, 7.0)},
    )
    frame = grid.to_frame()
    assert list(frame.columns) == [
        "measure",
        "name",
        "trace",
        "reader",
        "unit",
        "layer",
        "step",
        "value",
    ]
    assert frame.query("layer == 1 and step == 5").value.item() == 4.0


def test_results_cannot_be_changed_in_place():
    with pytest.raises(ValueError, match="read-only"):
        a_curve([1, 2]).values[0] = 5


def test_pairs():
    assert Pair(1, 2).map(str) == Pair("1", "2")
