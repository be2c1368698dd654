"""Latents of a crosscoder in the 2 x 2: which are tried, a latent of one model alone, and many of them on one page."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from mechcot.core.errors import UserError
from mechcot.core.pair import Pair
from mechcot.hybrid.behaviours import behaviours_of_crosscoder
from mechcot.model.internals.sites import Site
from mechcot.model.reasoner import Reasoner
from mechcot.sae.crosscoder import load_crosscoder
from mechcot.sae.crosscoder_training import train_crosscoder
from mechcot.sae.latent_sides import FAR_APART
from mechcot.sae.training import TrainingSettings
from mechcot.steering.vectors import SteeringVector
from mechcot.view.figures.two_by_two import MOST_LINES, MOST_PANELS, two_by_two_figure
from mechcot.view.pages.two_by_two import two_by_two_page
from tests.runs.commands import call

WIDTH = 12
SHARES = (0.5, 0.02, 0.97, 0.3, 0.7, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5)
"""Of each latent's length in the tuned model."""
APART = (0.9, 0.96, 0.94, 0.31, 0.5, 0.29, 0.8, 0.7, 0.6, 0.55, 0.45, 0.99)
RARE = 11


@pytest.fixture(scope="module")
def pair(models):
    return Pair(*(replace(Reasoner.load(model), name=name) for model, name in zip(models, ("one", "two"), strict=True)))  # fmt: skip


def crosscoder_folder(out: Path, names: Pair[str]) -> Path:
    """A crosscoder whose latents have these shares, and what its run said of them."""
    draw = torch.Generator().manual_seed(0)
    states = Pair(*(torch.randn(600, 32, generator=draw) for _ in range(2)))
    settings = TrainingSettings(width=WIDTH, k=3, samples=600, batch=200)
    crosscoder = train_crosscoder(
        states, site=Site("resid_post", 0), models=names, settings=settings
    )
    unit = torch.nn.functional.normalize(torch.randn(2, WIDTH, 32, generator=draw), dim=-1)
    tuned = torch.tensor(SHARES)
    lengths = torch.stack([1 - tuned, tuned]) / torch.tensor([*crosscoder.scales])[:, None]
    crosscoder.dictionary.sae.W_dec.data = torch.cat([*(unit * lengths[..., None])], dim=-1)
    crosscoder.save(out)
    rows = [{"latent": i, "difference": apart, "often": i != RARE} for i, apart in enumerate(APART)]
    (out / "crosscode.json").write_text(json.dumps({"latents": rows}))
    return out


@pytest.fixture
def folder(tmp_path):
    return crosscoder_folder(tmp_path / "code", Pair("one", "two"))


def names(folder, latents, pair, tmp_path):
    return [b.name for b in behaviours_of_crosscoder(folder, latents, pair, tmp_path / "out")]


def test_all_are_those_that_changed_and_fire_and_the_first_of_them_come_unasked(
    folder, pair, tmp_path
):
    """By hand: apart by more than the bound, on tokens enough, the furthest apart first."""
    by_hand = sorted(((a, i) for i, a in enumerate(APART) if a > FAR_APART and i != RARE))[::-1]
    every = names(folder, "all", pair, tmp_path)
    assert every == [f"latent {i}" for _, i in by_hand]
    assert names(folder, (), pair, tmp_path) == every[:3]
    assert names(folder, (5, 11, 5), pair, tmp_path) == ["latent 5", "latent 11"]


def test_a_latent_of_one_model_alone_has_one_direction(folder, pair, tmp_path):
    """What training leaves of the other is no direction: brought to a dose it would be a random vector."""
    read = behaviours_of_crosscoder(folder, (0, 1, 2), pair, tmp_path / "out")
    assert [behaviour.absent for behaviour in read] == ["", "tuned", "base"]
    decoders = load_crosscoder(folder).decoders
    for behaviour, of in zip(read, ((0, 1), (0, 0), (1, 1)), strict=True):
        latent = int(behaviour.name.split()[1])
        for file, side in zip(behaviour.vector.files, of, strict=True):
            own = SteeringVector.load(Path(file)).direction
            assert torch.allclose(own, [*decoders][side][latent])


@pytest.mark.parametrize(
    ("latents", "said"),
    [
        ([], "of 0 latents none changed"),
        ([{"latent": 1, "difference": 0.2, "often": True}], "of 1 latents none changed"),
        ([{"latent": 1, "difference": None, "often": True}], "difference: expected a number"),
        ([{"latent": 99, "difference": 0.9, "often": True}], "expected numbers from 0 to 11, got 99"),
        ({}, "latents: expected a list"),
    ],
)  # fmt: skip
def test_what_cannot_be_tried_is_refused(folder, pair, tmp_path, latents, said):
    (folder / "crosscode.json").write_text(json.dumps({"latents": latents}))
    for which in ("all", ()):
        with pytest.raises(UserError, match=said):
            names(folder, which, pair, tmp_path)


def test_a_crosscoder_of_other_models_or_an_unfinished_run_is_refused(folder, pair, tmp_path):
    with pytest.raises(UserError, match="the crosscoder is of one and two, in this order"):
        names(folder, "all", Pair(pair.after, pair.before), tmp_path)
    (folder / "crosscode.json").unlink()
    with pytest.raises(UserError, match=r"crosscode\.json"):
        names(folder, "all", pair, tmp_path)


def result_of(rows: int, *, absent=()):
    """A result whose changes are all different numbers; latents of `absent` have one direction."""
    made = []
    for i in range(rows):
        cells = [
            {"source": source, "model": model, "mean": i + place / 8, "low": i - 1.0, "high": i + 2.0, "n": 30}
            | {"dose": 0.1, "cut": 0.0, "smallest": 0.1, "chance": [0.3, -0.2]}
            for place, (source, model) in enumerate((s, m) for s in ("base", "tuned") for m in ("base", "tuned"))
            if not (i in absent and source == "tuned")
        ]  # fmt: skip
        verdict = ("not shown", "mechanism", "not judged")[i % 3]
        made.append(
            {"name": f"latent {i}", "readout": ("tokens", "correct")[i % 2], "absent": "tuned" * (i in absent), "cells": cells}
            | {"contrasts": [], "verdict": verdict, "needed": 40, "why": f"<b>{i}" * (verdict == "not judged")}
        )  # fmt: skip
    return {"models": ["one", "two"], "nats": 0.1, "n": 30, "rows": made, "notes": [], "left_out": []}  # fmt: skip


@pytest.mark.parametrize("rows", [1, MOST_PANELS, MOST_PANELS + 1, 30])
def test_every_change_is_drawn_once_at_its_place(rows):
    result = result_of(rows, absent=(0, 3))
    wanted = sorted(cell["mean"] for row in result["rows"] for cell in row["cells"])
    figure = two_by_two_figure(result)
    drawn = [t for t in figure.data if t.name != "random vectors of the same dose"]
    assert sorted(x for trace in drawn for x in trace.x) == wanted
    for trace in drawn:
        assert len(trace.x) == len(trace.y)
    if rows > MOST_PANELS:
        for axis in figure.select_xaxes(row=1):
            assert (axis.matches or "x") == "x", "the four places of a readout share their axis"


def test_of_too_many_those_are_drawn_of_which_something_is_said():
    result = result_of(200)
    figure = two_by_two_figure(result)
    labels = {y for trace in figure.data for y in trace.y}
    assert len(labels) == MOST_LINES and all(": mechanism" in label for label in labels)
    assert "40 of 200 vectors" in figure.layout.title.subtitle.text
    page = two_by_two_page(result)
    assert "67 of 200 vectors (latent 1, latent 4" in page and "and 61 more" in page
    assert "What would decide" in page and "&lt;b&gt;2" in page and "<b>2" not in page
    few = two_by_two_page(result_of(3, absent=(1,)))
    assert "The tuned model has no such direction." in few and "Four rows a behaviour" in few


@pytest.mark.slow
def test_all_latents_are_crossed_and_a_copy_answers_as_its_model(tmp_path, models, problems):
    """The tuned model is a copy of the base, and each latent's two directions are alike: all its changes are one number."""
    one, out = models[0], tmp_path / "out"
    shutil.copytree(one, tmp_path / "copy")
    code = crosscoder_folder(tmp_path / "code", Pair("one", "copy"))
    crosscoder = load_crosscoder(code)
    before, _ = crosscoder.decoders
    crosscoder.dictionary.sae.W_dec.data = torch.cat([before, before], dim=-1)
    crosscoder.save(code)
    changed = [{"latent": i, "difference": APART[i], "often": True} for i in (0, 5, 6)]
    (code / "crosscode.json").write_text(json.dumps({"latents": changed}))
    few = ("--nats", 0.003, "--n", 3, "--chains", 2, "--chance", 1, "--max-tokens", 12)
    words = ("--problems", problems, "--crosscoder", code, "--latents", "all", *few, "--out", out)
    status, said = call("steer cross", one, tmp_path / "copy", *words)
    assert status == 0, said
    rows = json.loads((out / "two_by_two.json").read_text())["rows"]
    assert [row["name"] for row in rows] == ["latent 0", "latent 6"]
    for row in rows:
        assert len({(cell["mean"], cell["low"], cell["high"]) for cell in row["cells"]}) == 1
        assert all(contrast["mean"] == 0 for contrast in row["contrasts"] if contrast["what"] == "models")  # fmt: skip
