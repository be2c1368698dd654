"""The folder that `mechcot explore` reads: whatever is wrong with a file of it is said in a sentence that names it."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from safetensors import safe_open
from safetensors.numpy import load_file, save

from mechcot.cli.main import app
from tests.damage import damaged, faults, torn

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def run(models, chains, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("run") / "run"
    names = "gates,early_answering,suppression,step_patching"
    words = ["compare", *models, "--traces", chains, "--n", 2, "--measures", names, "--out", out]
    app([str(word) for word in words], standalone_mode=False)
    return out


def explore(run: Path) -> None:
    app(["explore", str(run), "--out", str(run / "x.html"), "--overwrite"], standalone_mode=False)


def found(path: Path, cases: Iterator, run: Path) -> list[str]:
    """The faults, each with the file in its sentence."""
    return faults(path, cases, lambda: explore(run))


@pytest.mark.parametrize("name", ["summary.json", "manifest.json"])
def test_summary_and_manifest(run, name):
    path = run / name
    value = json.loads(path.read_bytes())
    cases = [*damaged(value, most=40), *torn(path.read_bytes(), flips=2)]
    if name == "summary.json":
        cases += damaged({"author": value["author"], "models": value["models"]})
    assert found(path, iter(cases), run) == []


def test_traces(run):
    path = run / "traces.jsonl"
    first, rest = path.read_bytes().split(b"\n", 1)
    cases = [
        (name, json.dumps(value).encode() + b"\n" + rest)
        for name, value in damaged(json.loads(first), most=80)
    ]
    assert found(path, iter([*cases, *torn(path.read_bytes(), flips=4)]), run) == []


def tables(table: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """Tables that are none of this run."""
    yield "no file", table.drop(columns="file")
    yield "no row", table.iloc[:0]
    for value in (
        1,
        None,
        np.nan,
        b"\xff",
        "../../etc/passwd",
        "/etc/passwd",
        "readings",
        ["a"],
        {"a": 1},
        True,
    ):
        yield f"{value!r}", table.assign(file=[value] * len(table))


def test_readings_in_parquet(run, tmp_path):
    path = run / "results" / "readings.parquet"
    cases = [*torn(path.read_bytes())]
    for name, table in tables(pd.read_parquet(path)):
        table.to_parquet(tmp_path / "table")
        cases.append((name, (tmp_path / "table").read_bytes()))
    assert found(path, iter(cases), run) == []


def arrays(own: dict[str, np.ndarray]) -> Iterator[tuple[str, dict[str, np.ndarray]]]:
    """Arrays of other shapes and types."""
    for key, array in own.items():
        yield f"{key} gone", {k: v for k, v in own.items() if k != key}
        for name, other in {
            "flat": array.reshape(-1), "short": array[..., :-1], "empty": array[:0], "one more axis": array[None],
            "long": np.concatenate([array, array], axis=-1), "int": np.nan_to_num(array).astype("int32"), "bool": array.astype(bool),
            "nan": array * np.nan, "inf": array + np.inf, "half": array.astype("float16"), "scalar": np.zeros(()),
        }.items():  # fmt: skip
            yield f"{key} {name}", own | {key: np.ascontiguousarray(other)}


@pytest.mark.parametrize("measure", ["gates", "early_answering", "suppression", "step_patching"])
def test_measurements(run, measure):
    path = next(p for p in sorted(run.rglob("*.safetensors")) if measure in str(p))
    own, text = load_file(path), safe_open(path, "np").metadata()["reading"]
    cases = [(name, save(values, {"reading": text})) for name, values in arrays(own)]
    cases += [
        (name, save(own, {"reading": json.dumps(meta)}))
        for name, meta in damaged(json.loads(text), most=40)
    ]
    cases += [("no text", save(own)), *torn(path.read_bytes(), flips=6)]
    assert found(path, iter(cases), run) == []
