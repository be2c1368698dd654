"""The doctor is right about a model that is well, and says which line is wrong in one that is not."""

from copy import deepcopy
from dataclasses import replace

import pytest

from mechcot import doctor
from mechcot.model.reasoner import Reasoner


@pytest.fixture(scope="module")
def base() -> Reasoner:
    return Reasoner.load("organism:base", device="cpu", dtype="float32")


def broken(reader) -> set[str]:
    return {line.name for line in doctor.checks(reader) if not line.ok or line.odd}


@pytest.fixture(autouse=True)
def _one_path(monkeypatch):
    """Comparing with TransformerLens costs its import; it has its own test."""
    monkeypatch.setattr(doctor, "CHECKS", {k: v for k, v in doctor.CHECKS.items() if k != "lens"})


def test_a_well_model_passes_every_line(base):
    lines = list(doctor.checks(base))
    assert [line.name for line in lines] == [
        "load", "identity", "causality", "masks", "forks", "writing", "prompt", "answer", "tokenizer", "paths"
    ]  # fmt: skip
    assert broken(base) == set(), [str(line) for line in lines]
    assert "own states written back at blocks.2.hook_resid_pre: 0.0e+00, wanted 0" in str(lines[1])


def test_a_template_that_drops_the_question_is_found(base):
    deaf = replace(base, policy=replace(base.policy, template=lambda _: "find a ?"))
    assert "prompt" in broken(deaf)


def test_a_cue_behind_which_no_answer_is_read_is_found(base):
    mute = replace(base, policy=replace(base.policy, cue=replace(base.cue, ask=" so")))
    assert "answer" in broken(mute)


def test_an_edit_that_does_not_fire_or_moves_is_found(base, monkeypatch):
    from mechcot.model import interventions

    monkeypatch.setattr(interventions.Replace, "__call__", lambda _, states, __: states + 1e-6)
    assert broken(base) == {"identity"}


def test_weights_that_are_not_finite_are_found(base):
    spoilt = replace(base, model=deepcopy(base.model))
    spoilt.model.lm_head.weight.data[0, 0] = float("inf")
    (line,) = doctor.checks(spoilt)
    assert not line.ok and "1 weights are not finite" in line.text


def test_a_damaged_row_of_one_token_is_odd(base):
    spoilt = replace(base, model=deepcopy(base.model))
    spoilt.model.get_input_embeddings().weight.data[-1, 0] = float("nan")
    line, *others = doctor.checks(spoilt)
    assert line.ok and line.odd and "1 row of model.embed_tokens.weight are not finite" in line.text
    assert all(other.ok for other in others)


def test_a_model_that_is_not_there_is_one_line():
    lines = list(doctor.model("organism:nobody"))
    assert [(line.name, line.ok) for line in lines] == [("load", False)]


def test_the_installation_names_its_packages():
    lines = list(doctor.installation())
    assert all(line.ok for line in lines)
    assert "torch" in lines[0].text and len(lines) == 4
