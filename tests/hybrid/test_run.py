"""`mechcot hybrid` from its command line: what is refused, what is said where there is nothing to give, and what is told of planted changes."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from mechcot.hybrid.conditions import BASE_ALONE, FORCED, TUNED_ALONE, HybridCondition
from mechcot.hybrid.fitting import threshold
from mechcot.hybrid.sentences import hybrid_sentences
from mechcot.hybrid.verdict import whose_mechanism
from mechcot.hybrid.writing import places_like
from mechcot.organisms.problems import write_problems
from mechcot.organisms.registry import family_named
from mechcot.stats.recovered_share import accuracy_gap, divides
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
    words = (*ORDER, "--problems", questions, "--n", 24, "--fit", 12, "--budget", "0,.2", "--max-tokens", 60)  # fmt: skip
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
    words = (model, "organism:lookup/base", "--problems", problems, "--n", 24, "--fit", 12, "--budget", ".1", "--max-tokens", 60)  # fmt: skip
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
    assert len(set(result["weights"])) == 2 and len(set(result["fitted_on"])) == 3
    assert np.shape(result["read"])[0] == 2


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


def told(*, base, tuned, tokens=(0.8, 1.0), vectors=(-0.1, 0.1), **fit):
    """What a run says whose gap, shares and fit are these."""
    fit = {"disagreements": 30, "in_chain": 30, "texts": 20, "chains": 20, "held_out": 0.6, "positions": 500} | fit  # fmt: skip
    gap = accuracy_gap(np.repeat([0.0, 1.0], [100 - base, base]), np.repeat([0.0, 1.0], [100 - tuned, tuned]))  # fmt: skip
    rows = [
        {"name": name, "budget": 0.1, "share": 0.05, "given": 1.6, "bits": 3.0}
        | {key: {"mean": sum(ends) / 2, "low": ends[0], "high": ends[1]} for key in ("recovered", "surely", "beyond_random")}
        for name, ends in (("tokens", tokens), ("vectors", vectors), (FORCED[0], (0.0, 0.1)))
        if name != "vectors" or fit["in_chain"]
    ]  # fmt: skip
    alone = [{"name": name, "accuracy": {"mean": right / 100}} for name, right in ((BASE_ALONE, base), (TUNED_ALONE, tuned))]  # fmt: skip
    rows = alone + [row | {"accuracy": {"mean": 0.5}} for row in rows]
    result = {
        "models": ["one", "other"], "n": 100, "fit": fit, "conditions": rows, "divides": divides(gap), "least_gap": 0.05,
        "gap": {"mean": gap.mean, "low": gap.low, "high": gap.high}, "settings": {"fit": 24, "give": "vectors"},
    }  # fmt: skip
    result["verdict"] = whose_mechanism(result)
    return result["verdict"], " ".join(hybrid_sentences(result))


@pytest.mark.parametrize(("base", "tuned", "words"), [(70, 45, "right less often than one, by 0.25"), (50, 53, "not surely right more often than one by 0.05")])  # fmt: skip
def test_a_loss_or_a_small_gap_has_no_verdict_whatever_the_help_does(base, tuned, words):
    verdict, said = told(base=base, tuned=tuned, vectors=(1.5, 3.0))
    assert verdict == "no gap" and words in said and "no share is recovered" in said
    assert f"Right answers: one {base} %, other {tuned} %. " in said
    assert ("mechcot hybrid TUNED BASE" in said) == (tuned < base)
    assert "recovers" not in said and "A trigger" not in said


ALONE = {"in_chain": 0, "chains": 0, "held_out": 0.0}


@pytest.mark.parametrize(
    ("fit", "reason"),
    [
        ({}, ""),
        ({"chains": 1}, "1 of 24 fitting texts hold a disagreement before the answer"),
        (
            {"held_out": 0.2},
            "on fitting texts held out vectors bring the tuned model’s token at 20",
        ),
        (ALONE, ""),
        (ALONE | {"texts": 2}, "2 of 24 fitting texts hold a disagreement,"),
    ],
)
def test_vectors_that_fail_say_mechanism_only_where_they_were_fitted_well(fit, reason):
    verdict, said = told(base=20, tuned=80, **fit)
    assert verdict == ("open" if reason else "mechanism")
    assert reason in said and ("raise --fit" in said) == bool(reason)
    assert fit.get("in_chain", 1) == 0 or "(1.6 a text, where vectors were given at 1.6)" in said


def test_random_positions_are_as_many_as_the_text_was_given_among_those_it_could_be():
    rows: Any = [{"id": str(i), "given": list(range(3)), "tellable": 10, "positions": 40} for i in range(50)]  # fmt: skip
    random, first = (HybridCondition("", places=places) for places in ("random", "first"))
    assert set(places_like(first, rows, seed=0).values()) == {(0, 1, 2)}
    drawn = places_like(random, rows, seed=0)
    assert drawn == places_like(random, rows, seed=0)
    assert {len(set(at)) for at in drawn.values()} == {3}
    assert {at for places in drawn.values() for at in places} == set(range(10))


@pytest.mark.parametrize("budget", [0.0, 0.05, 0.2, 0.5, 1.0])
def test_no_more_than_the_budget_passes_the_threshold(budget):
    preferred, positions = torch.rand(30, generator=torch.Generator().manual_seed(1)), 100
    least = threshold(preferred, budget, positions=positions)
    passing = 0 if least is None else int((preferred >= least).sum())
    assert passing == min(round(budget * positions), 30)
