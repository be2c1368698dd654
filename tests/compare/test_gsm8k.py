"""GSM8K through the whole study with tiny random models: real questions, real solutions, real arithmetic."""

import json
from pathlib import Path

import pandas as pd
import pytest

from mechcot.compare.run import run
from mechcot.compare.settings import Study
from mechcot.core.measurement import Measurement
from mechcot.measures.registry import STANDARD
from mechcot.runs.shards import shards_of
from tests.compare.tiny_models import byte_tokenizer, save_tiny, write_rows

FILE = (
    Path(__file__).resolve().parents[2].parent / "shared" / "data" / "gsm8k" / "test_first400.jsonl"
)
N = 4


@pytest.fixture(scope="module")
def rows():
    if not FILE.is_file():
        pytest.skip(f"no GSM8K at {FILE}")
    return [json.loads(line) for line in FILE.read_text(encoding="utf-8").splitlines()]


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    root = tmp_path_factory.mktemp("pair")
    tokenizer = byte_tokenizer(merges=0)  # a token is a byte: a changed digit moves no other token
    return tuple(
        save_tiny(root / name, tokenizer, seed=i, context=1024)
        for i, name in enumerate(("one", "two"))
    )


def accounted(study: Study, found: dict, *, measures: tuple[str, ...]) -> pd.DataFrame:
    """Every reading has a value or a reason, and the reasons are counted in the summary."""
    measurements = pd.read_parquet(study.out / "results" / "readings.parquet")
    headline = measurements[measurements["author"] == found["author"]]
    assert len(headline) == 2 * N * len(measures)
    assert (measurements["value"].notna() == (measurements["reason"] == "")).all()
    assert sum(row["count"] for row in found["not_judged"]) == (measurements["reason"] != "").sum()
    return headline


def test_solutions_of_the_data_set_are_patched_where_their_arithmetic_allows(rows, pair, tmp_path):
    chains = [
        {
            "id": f"gsm8k-{i}",
            "question": row["question"],
            "chain": solution.strip(),
            "answer_text": f"\nThe answer is {answer.strip()}",
            "answer": answer.strip(),
        }
        for i, row in enumerate(sorted(rows, key=lambda row: len(row["question"]))[:N])
        for solution, _, answer in [row["answer"].partition("####")]
    ]
    path = write_rows(tmp_path / "chains.jsonl", chains)
    study = Study(models=pair, out=tmp_path / "out", traces=path, null_reader="none")
    found = run(study)
    headline = accounted(study, found, measures=STANDARD)
    patched = headline[(headline["measure"] == "step_patching") & (headline["reason"] == "")]
    assert len(patched), "no solution could be patched"
    assert headline[headline["measure"] != "step_patching"]["value"].notna().all()
    shards = shards_of(study.out / "readings")
    for name in (name for name in shards.places if name.startswith("one/step_patching/")):
        measurement = Measurement.parse(shards.read(name), name)
        if not measurement.reason:
            assert measurement.scalars["identity"] == 0.0
            assert measurement.results["next"].values.shape[0] == 2
            break


def test_problems_of_the_data_set_with_chains_of_their_own(rows, pair, tmp_path):
    """A random model's chains hold no arithmetic and no text: step patching is counted with the reason of each maker, the rest is read."""
    path = tmp_path / "gsm8k.jsonl"
    short = sorted(rows, key=lambda row: len(row["question"]))[: 2 * N]
    path.write_text("".join(json.dumps(row) + "\n" for row in short))
    study = Study(
        models=pair, out=tmp_path / "out", problems=str(path), n=N, chains="all", max_tokens=32,
        null_reader="none",
    )  # fmt: skip
    found = run(study)
    headline = accounted(study, found, measures=STANDARD)
    assert all(item.startswith("gsm8k-") for item in headline["item"])
    refused = headline[headline["measure"] == "step_patching"]
    assert set(refused["reason"]) == {
        "the chain has no parseable arithmetic; the trace's tokens are not the encoding of its own text"
    }
    assert headline[headline["measure"] == "gates"]["value"].notna().all()
