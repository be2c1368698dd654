"""`mechcot hybrid` from its command line: what is refused, what is said where there is nothing to give, and what is told of planted changes."""

import json
from pathlib import Path

import pytest
import torch

from mechcot.hybrid.fitting import threshold
from mechcot.organisms.problems import write_problems
from mechcot.organisms.registry import family_named
from tests.compare.tiny_models import byte_tokenizer, save_tiny
from tests.runs.commands import call
from tests.user_files import checkpoints, problems_file

ORDER = ("organism:order/base", "organism:order/bypass")


@pytest.fixture(scope="module")
def questions(tmp_path_factory) -> Path:
    """Questions whose hint is right, so that a model that reads it answers all of them."""
    path = tmp_path_factory.mktemp("order") / "problems.jsonl"
    write_problems(path, family_named("order").problems(72, seed=2, hint="answer"))
    return path


def run(out: Path, *words: object) -> tuple[dict, str]:
    code, said = call("hybrid", *words, "--out", out)
    assert code == 0, said
    return json.loads((out / "hybrid.json").read_text()), said


def lines(result: dict) -> dict[str, dict]:
    return {row["key"]: row for row in result["conditions"]}


@pytest.mark.slow
def test_a_new_mechanism_is_told_from_a_trigger(questions, tmp_path):
    """The bypass answers from the hint, which no vector can tell the base to read; its tokens give it away."""
    words = (*ORDER, "--problems", questions, "--n", 48, "--fit", 16, "--budget", "0,.2", "--max-tokens", 60)  # fmt: skip
    result, _ = run(tmp_path / "out", *words)
    row = lines(result)
    assert result["verdict"] == "mechanism"
    assert result["sentences"][0].startswith("A mechanism of order-bypass’s own")
    assert row["tokens 0"]["recovered"]["mean"] == row["tokens 0"]["bits"] == 0
    assert row["tokens 0.2"]["bits"] > 0
    assert row["tokens 0.2"]["share"] <= 0.2 + 1 / 25
    given = [row[f"{name} 0.2"]["given"] for name in ("vectors", "forced tokens, first")]
    assert given[0] == pytest.approx(given[1], abs=0.5)
    page = (tmp_path / "out" / "report.html").read_text()
    assert "Whose mechanism is it?" in page and "A mechanism of order-bypass" in page


@pytest.mark.slow
def test_a_planted_trigger_is_told(tmp_path):
    """The base that was taught to close its thought at once can do all the rest."""
    from benchmarks.whose_mechanism import silent

    model, problems = silent("lookup", tmp_path / "silent"), tmp_path / "problems.jsonl"
    write_problems(problems, family_named("lookup").problems(64, seed=2, hint="random"))
    words = (model, "organism:lookup/base", "--problems", problems, "--n", 48, "--fit", 16, "--budget", ".1", "--max-tokens", 60)  # fmt: skip
    result, _ = run(tmp_path / "out", *words)
    row = lines(result)
    assert result["verdict"] == "trigger"
    for control in ("random vectors 0.1", "random positions 0.1", "bias alone"):
        assert row[control]["recovered"]["high"] < row["vectors 0.1"]["recovered"]["low"]


def test_a_model_against_itself_has_nothing_to_give(questions, tmp_path):
    words = (ORDER[0], ORDER[0], "--problems", questions, "--n", 8, "--fit", 4, "--budget", ".5", "--max-tokens", 60)  # fmt: skip
    result, said = run(tmp_path / "out", *words)
    assert result["verdict"] == "no gap"
    assert "never disagree" in said and "there is nothing to give" in said
    assert "no share is recovered" in said
    assert all(row["share"] == 0 or row["name"].startswith("forced") for row in result["conditions"])  # fmt: skip
    assert lines(result)["tokens 0.5"]["bits"] == 0


def test_a_strangers_models_and_problems_run(tmp_path):
    specs = checkpoints(tmp_path, "one", "two")
    problems = problems_file(tmp_path, 8)
    words = (*specs, "--problems", problems, "--n", 5, "--fit", 3, "--budget", ".3", "--max-tokens", 20)  # fmt: skip
    result, said = run(tmp_path / "out", *words)
    assert result["verdict"] == "no gap" and "no share is recovered" in said
    assert lines(result)["vectors 0.3"]["bits"] > 0


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("--budget", "1.5"), "--budget: expected shares of the positions from 0 to 1, such as .05,.1,.2, got 1.5"),
        (("--budget", "a"), "--budget: expected shares of the positions from 0 to 1, such as .05,.1,.2, got 'a'"),
        (("--categories", "0"), "--categories: expected 1 or more, got 0"),
        (("--n", "70"), "the problems are 72; expected at least 94: --n 70 that are asked, and --fit 24 others"),
        (("--site", "resid_post.9", "--n", "8", "--fit", "2"), "the model has layers 0 to 1, got 9"),
    ],
)  # fmt: skip
def test_bad_settings_are_refused(questions, tmp_path, words, reason):
    code, said = call("hybrid", *ORDER, "--problems", questions, *words, "--out", tmp_path / "out")
    assert code != 0
    assert reason in said


def test_models_that_do_not_belong_together_are_refused(tmp_path):
    problems = problems_file(tmp_path, 8)
    one = save_tiny(tmp_path / "one", byte_tokenizer(merges=0), seed=0)
    other = save_tiny(tmp_path / "other", byte_tokenizer(merges=0, shift=3), seed=1)
    deeper = save_tiny(tmp_path / "deeper", byte_tokenizer(merges=0), seed=1, layers=3)
    few = ("--problems", problems, "--n", 4, "--fit", 2, "--max-tokens", 10)
    code, said = call("hybrid", one, other, *few, "--out", tmp_path / "out")
    assert code != 0
    assert (
        "have different tokenizers" in said
        and "give a base and a model that was tuned from it" in said
    )
    code, said = call("hybrid", one, deeper, *few, "--out", tmp_path / "out")
    assert code != 0 and "give tokens instead (--give tokens)" in said
    result, _ = run(tmp_path / "out", one, deeper, *few, "--give", "tokens")
    assert not any(row["name"] == "vectors" for row in result["conditions"])  # fmt: skip


@pytest.mark.parametrize("budget", [0.0, 0.05, 0.2, 0.5, 1.0])
def test_no_more_than_the_budget_passes_the_threshold(budget):
    preferred, positions = torch.rand(30, generator=torch.Generator().manual_seed(1)), 100
    least = threshold(preferred, budget, positions=positions)
    passing = 0 if least is None else int((preferred >= least).sum())
    assert passing == min(round(budget * positions), 30)
