"""Vectors of a run of `mechcot hybrid` in the 2 x 2: whose run it is, and which questions they were read on."""

import json
from pathlib import Path

import pytest
import torch

from mechcot.core.errors import UserError
from mechcot.core.pair import Pair
from mechcot.hybrid.behaviours import (
    behaviour_of_hybrid,
    behaviour_of_pairs,
    behaviours_of_kinds,
    check_styles,
)
from mechcot.model.loading.pairs import load_models
from mechcot.organisms.problems import write_problems
from mechcot.organisms.registry import family_named
from mechcot.steering.experiment import Apply, Experiment, ItemSettings, VectorSpec
from mechcot.steering.experiment_questions import questions_of
from mechcot.steering.vectors import SteeringVector
from mechcot.text.problems import question_digest
from tests.user_files import problems_file


@pytest.fixture(scope="module")
def pair():
    return Pair(*load_models(["organism:order/base", "organism:order/bypass"]))


@pytest.fixture
def folder(pair, tmp_path):
    """A finished run; an unfinished fit that is newer lies beside it."""
    width = pair.before.model.config.get_text_config().hidden_size
    run = {
        "models": ["base", "bypass"],
        "weights": [model.weights_hash for model in pair],
        "fitted_on": ["a", "b"],
        "read": [[1.0] * width, [2.0] * width],
        "fit": {"site": "resid_post.0"},
    }
    (tmp_path / "hybrid.json").write_text(json.dumps(run))
    (tmp_path / "fit").mkdir()
    (tmp_path / "fit" / "newer.json").write_text(json.dumps({"read": [[9.0], [9.0]]}))
    return tmp_path


def test_the_vectors_are_those_of_the_finished_run(pair, folder, tmp_path):
    behaviour = behaviour_of_hybrid(folder, pair, tmp_path / "out")
    assert behaviour.seen == ("a", "b")
    for value, file in zip((1.0, 2.0), behaviour.vector.files, strict=True):
        vector = SteeringVector.load(Path(file))
        assert torch.equal(vector.direction, torch.full_like(vector.direction, value))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"weights": ["other", "other"]}, "is a run of `mechcot hybrid` on base and bypass, whose weights are not those of order-base and order-bypass"),
        ({"read": []}, "the run made no vectors"),
        ({"fitted_on": None}, r"hybrid\.json: .* does not say which models and questions .*fitted_on"),
        ({"read": None}, r"hybrid\.json: .*read: expected a list"),
        ({"read": [[1.0, None], [2.0, 1.0]]}, r"hybrid\.json: .*read.*expected a number"),
        ({"read": [[1.0, float("nan")], [2.0, 1.0]]}, r"hybrid\.json: .*read.*expected a number"),
        ({"read": [[1.0] * 3] * 2}, r"hybrid\.json: expected two vectors of width \d+ and \d+, got 3, 3"),
        ({"read": [[1.0] * 3]}, r"hybrid\.json: expected two vectors of width"),
        ({"models": ["base"]}, r"hybrid\.json: .*models"),
        ({"fit": {}}, r"hybrid\.json: .*site"),
        ({"fit": {"site": "nowhere"}}, r"hybrid\.json: .*fit\.site"),
        ({"fit": {"site": "resid_post.99"}}, r"hybrid\.json: .*is no block of"),
    ],
)  # fmt: skip
def test_a_run_that_does_not_belong_here_is_refused(pair, folder, tmp_path, change, reason):
    run = json.loads((folder / "hybrid.json").read_text()) | change
    (folder / "hybrid.json").write_text(json.dumps(run))
    with pytest.raises(UserError, match=reason):
        behaviour_of_hybrid(folder, pair, tmp_path / "out")


def test_a_contrast_is_not_named_as_something_else_of_the_run():
    """Each has a folder of its own, on disks that do not know small letters from capitals as well."""
    assert (
        behaviour_of_pairs("a/hybrid.jsonl", "resid_post.0", n=2, taken=["styles"]).name == "hybrid"
    )
    for file in ("a/hybrid.jsonl", "Hybrid.jsonl", "latent 3.jsonl", "random-x.jsonl"):
        with pytest.raises(UserError, match=r"--pairs .*give the file another name"):
            behaviour_of_pairs(file, "resid_post.0", n=2, taken=["hybrid"])
    assert [b.name for b in behaviours_of_kinds(["other", "other"], "resid_post.0", n=2)] == [
        "other"
    ]


def test_the_models_in_the_other_order_are_other_models(pair, folder, tmp_path):
    with pytest.raises(UserError, match="the same two models in the same order"):
        behaviour_of_hybrid(folder, Pair(pair.after, pair.before), tmp_path / "out")


def test_a_run_that_was_stopped_is_refused(pair, folder, tmp_path):
    (folder / "hybrid.json").unlink()
    with pytest.raises(UserError, match="holds no finished run"):
        behaviour_of_hybrid(folder, pair, tmp_path / "out")


def test_no_question_that_vectors_were_read_on_is_drawn(tmp_path):
    problems, path = family_named("order").problems(30, seed=0), tmp_path / "problems.jsonl"
    write_problems(path, problems)
    seen = tuple(question_digest(problem) for problem in problems[:12])

    def experiment(n: int) -> Experiment:
        return Experiment(
            title="t",
            question="?",
            models=("organism:order/base",),
            items=ItemSettings(n=n, problems=str(path), seen=seen),
            vector=VectorSpec(site="resid_post.0", method="span", kind="verification", n=4),
            apply=Apply(chains=6),
        )

    drawn = questions_of(experiment(12))
    every = [*drawn.items, *drawn.dosing, *drawn.extraction]
    assert not {question_digest(problem) for problem in every} & set(seen)
    assert len(drawn.items) == 12
    with pytest.raises(
        UserError, match=r"holds 18 problems.*12 of the file served to fit a vector"
    ):
        questions_of(experiment(13))


def test_problems_without_styles_are_told_what_to_give(tmp_path):
    with pytest.raises(
        UserError, match=r"--styles: the problems of .* give the contrast as --pairs"
    ):
        check_styles(str(problems_file(tmp_path, 3)), {})
