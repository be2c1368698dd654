"""Features on a user's files with random checkpoints, through the commands: what is not known is named, nothing is invented."""

import json
import re

import pytest
from typer.testing import CliRunner

from mechcot.cli.main import app
from tests.user_files import EMPTY, SHAPES, apples, checkpoints, problems_file, write_lines

WHAT = ("numbers by kind of step", "the trial by rewording", "probes of a value's later use")

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("user")


@pytest.fixture(scope="module")
def models(folder):
    return checkpoints(folder, "before", "after")


@pytest.fixture(scope="module")
def chains(folder):
    return write_lines(folder / "chains.jsonl", [*map(apples, range(8, 12)), *SHAPES, EMPTY])


def ran(*words: object, fails: bool = False):
    told = CliRunner().invoke(app, ["sae", *map(str, words)])
    assert (told.exit_code != 0) == fails, told.output + told.stderr
    return " ".join(f"{told.output} {told.stderr} {told.exception or ''}".split())


@pytest.fixture(scope="module")
def dictionary(folder, models):
    """Trained on what the models write about a file of problems."""
    path = folder / "problems"
    path.mkdir()
    out = folder / "dictionary"
    ran(
        *("train", *models, "--problems", problems_file(path, 6), "--out", out, "--n", 6),
        *("--site", "resid_post.0", "--width", 16, "--k", 4, "--samples", 4000, "--max-tokens", 40),
    )
    return out


def text_of(path):
    body = re.sub(r"<(script|style).*?</\1>", " ", path.read_text(), flags=re.DOTALL)
    return " ".join(re.sub(r"<[^>]+>", " ", body).split()).replace("&#39;", "'")


def test_a_dictionary_is_trained_on_a_users_chains(folder, models, chains):
    out = folder / "from-chains"
    command = ("train", *models, "--traces", chains, "--out", out, "--site", "resid_post.0")
    told = ran(*command, "--width", 16, "--k", 4, "--samples", 4000)
    assert "1 left out: the chain has no steps" in told
    record = json.loads((out / "training.json").read_text())
    assert set(record["problems_seen"]) == {f"apples-{i}" for i in range(8, 12)} | {
        row["id"] for row in SHAPES
    }
    refused = ran("score", out, *models, "--traces", chains, "--out", folder / "x", fails=True)
    assert "0 of 9 chains can be used (8 left out: the dictionary was trained on" in refused


def test_score_falsify_and_page_on_a_users_chains(folder, models, chains, dictionary):
    out = folder / "out"
    about = (dictionary, *models, "--traces", chains, "--out", out)
    told = ran("score", *about)
    score = json.loads((out / "score.json").read_text())
    assert tuple(score["missing"]) == tuple(sorted(WHAT)) and score["traces"] == 8
    for what, why in score["missing"].items():
        assert f"{what}: {why}" in told, "said before anything is read"
    falsified = ran("falsify", *about)
    trials = json.loads((out / "falsify.json").read_text())
    assert trials["tried"]["rewording"] == 0 and trials["standings"]["survives"] == 0
    assert "0 of 0" not in falsified
    ran("page", out)
    page = text_of(out / "page.html")
    for what, why in score["missing"].items():
        assert what[1:] in page and why in page
    if trials["candidates"]:
        assert "Rewording untested for" in page
    else:
        assert "There was no candidate" in page


def test_patching_uses_the_arithmetic_of_a_users_chains(folder, models, chains, dictionary):
    told = ran("patch", dictionary, *models, "--traces", chains, "--out", folder / "out")
    for curve in json.loads((folder / "out" / "patch.json").read_text())["curves"]:
        assert curve["traces"] >= 2 and curve["identity"] == 0.0
        assert curve["traces"] + curve["not_measurable"] == 8
        assert sum(curve["reasons"].values()) == curve["not_measurable"] > 0
        assert all(f"{count} left out: {why}" in told for why, count in curve["reasons"].items())


def test_probes_hold_the_targets_that_a_users_chains_have(folder, models, dictionary):
    more = write_lines(folder / "more.jsonl", list(map(apples, range(8, 18))))
    told = ran("probe", dictionary, *models, "--traces", more, "--out", folder / "out")
    for model in json.loads((folder / "out" / "probe.json").read_text())["models"]:
        assert model["targets"]["kind"] is not None
        assert model["targets"]["used"] is model["targets"]["again"] is None
    assert "used: not held" in told


def test_a_file_of_problems_serves_every_command_too(folder, models, dictionary):
    path = folder / "others"
    path.mkdir()
    rows = [{k: apples(i)[k] for k in ("id", "question", "answer")} for i in range(30, 36)]
    source = write_lines(path / "p.jsonl", rows)
    out = folder / "by-problem"
    told = ran("score", dictionary, *models, "--problems", source, "--out", out, "--n", 4)
    assert "numbers by kind of step: kinds of steps are guessed" in told
    assert json.loads((out / "score.json").read_text())["traces"] <= 4
    both = ("--problems", source, "--traces", source)
    refused = ran("score", dictionary, *models, *both, "--out", folder / "both", fails=True)
    assert "leave --problems out" in refused
