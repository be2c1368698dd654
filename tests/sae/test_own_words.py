"""A user's own truth through the commands: rewordings hold the trial of features, kinds are exact, pruning and influence run to their pages."""

import json

import pytest
from typer.testing import CliRunner

from mechcot.cli.main import app
from mechcot.core.errors import UserError
from tests.user_files import apples, checkpoints, write_lines

KINDS = ("progression", "progression", "progression", "verification", "conclusion")


def steps(i):
    own, given = 11 + i, 20 + i
    total = own + given
    return (
        (f"She starts with {own} apples.", f"At first there are {own} apples."),
        (f"She gets {given} more.", f"Another {given} are given to her."),
        (f"{own} + {given} = {total}.", f"{own} + {given} is {total}."),
        (
            f"Wait, let me check: {total} - {given} = {own}.",
            f"Hold on, a check: {total} - {given} is {own}.",
        ),
        (f"So she has {total} apples.", f"Therefore {total} apples are hers."),
    )


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    folder = tmp_path_factory.mktemp("own")
    chains = write_lines(folder / "chains.jsonl", [apples(i) for i in range(28)])
    rows = [
        (f"apples-{i}", pair, kind)
        for i in range(28)
        for pair, kind in zip(steps(i), KINDS, strict=True)
    ]
    reworded = [{"id": name, "step": step, "paraphrase": other} for name, (step, other), _ in rows]
    kinds = [{"id": name, "step": step, "kind": kind} for name, (step, _), kind in rows]
    write_lines(folder / "reworded.jsonl", reworded)
    write_lines(folder / "kinds.jsonl", kinds)
    return folder, chains, checkpoints(folder, "one", "two")


def run(*arguments):
    done = CliRunner().invoke(
        app, [str(argument) for argument in arguments], catch_exceptions=False
    )
    assert done.exit_code == 0, done.output
    return done.output


@pytest.mark.slow
def test_features_are_falsified_on_given_rewordings(own, tmp_path):
    folder, chains, models = own
    run(
        "sae",
        "train",
        *models,
        "--traces",
        chains,
        "--out",
        tmp_path / "sae",
        "--site",
        "resid_post.0",
        "--width",
        8,
        "--k",
        2,
        "--samples",
        8000,
        "--n",
        8,
    )
    command = ("sae", "falsify", tmp_path / "sae", *models, "--traces", chains, "--n", 20)
    said = run(
        *command,
        "--kinds",
        folder / "kinds.jsonl",
        "--paraphrases",
        folder / "reworded.jsonl",
        "--out",
        tmp_path / "with",
    )
    assert "every step has a rewording in 28 of 28 chains" in said
    assert "a step has a kind in 28 of 28 chains (140 of 140 steps)" in said
    without = run(*command, "--kinds", folder / "kinds.jsonl", "--out", tmp_path / "without")
    assert (
        "the trial by rewording: paraphrase is not measurable; --paraphrases FILE gives" in without
    )
    held, untested = (
        json.loads((tmp_path / name / "falsify.json").read_text()) for name in ("with", "without")
    )
    assert held["candidates"] == untested["candidates"] > 0
    assert held["tried"]["rewording"] > 0 == untested["tried"]["rewording"]


def test_pruning_and_influence_take_the_kinds(own, tmp_path):
    folder, chains, models = own
    kinds = ("--kinds", folder / "kinds.jsonl")
    said = run(
        "prune", models[0], "--traces", chains, "--n", 3, *kinds, "--out", tmp_path / "prune"
    )
    assert "a step has a kind in 3 of 3 chains (15 of 15 steps)" in said
    assert json.loads((tmp_path / "prune" / "prune.json").read_text())["n"] == 3
    said = run(
        "influence",
        models[0],
        "--traces",
        chains,
        "--n",
        3,
        *kinds,
        "--out",
        tmp_path / "influence",
    )
    found = json.loads((tmp_path / "influence" / "influence.json").read_text())
    assert {row["kind"] for row in found["kinds"]} == {
        "progression",
        "verification",
    }  # what later steps can listen to
    assert "kinds" not in " ".join(found["missing"])
    other = write_lines(
        tmp_path / "kinds.jsonl", [{"id": "apples-0", "step": steps(0)[0][0], "kind": "summary"}]
    )
    with pytest.raises(UserError, match=r"other settings \(truth\)"):
        run(
            "influence",
            models[0],
            "--traces",
            chains,
            "--n",
            3,
            "--kinds",
            other,
            "--out",
            tmp_path / "influence",
        )
