"""A vector of nothing is refused: what was compared, why nothing differs, what to give."""

import json
from dataclasses import replace

import pytest
import torch
from safetensors.torch import save
from transformers import PreTrainedTokenizerFast
from typer.testing import CliRunner

from mechcot.cli.steer import app
from mechcot.core.errors import UserError
from mechcot.core.problem import Problem
from mechcot.core.task import ContrastPair
from mechcot.core.trace import Phase, StepKind
from mechcot.model.internals.sites import Site
from mechcot.model.reasoner import Reasoner
from mechcot.steering.contrast_vectors import _MAKERS, noise, pair_vectors, span_vectors
from mechcot.steering.controls import control
from mechcot.steering.vectors import Origin, SteeringVector
from tests.compare.tiny_models import byte_tokenizer, save_tiny, write_rows

SITE = Site("resid_post", 1)


def word_tokenizer(words: str) -> PreTrainedTokenizerFast:
    """One token a word; every other word is the same unknown token."""
    from tokenizers import Tokenizer, models, pre_tokenizers

    names = ["<|end|>", "<unk>", *words.split()]
    core = Tokenizer(models.WordLevel({name: i for i, name in enumerate(names)}, unk_token="<unk>"))
    core.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return PreTrainedTokenizerFast(tokenizer_object=core, eos_token="<|end|>", unk_token="<unk>")


@pytest.fixture(scope="module")
def foreign(tmp_path_factory):
    """A checkpoint whose tokenizer knows no word of the shipped task."""
    folder = tmp_path_factory.mktemp("foreign")
    return save_tiny(folder, word_tokenizer("hola mundo uno dos tres The answer is"), seed=1)


@pytest.fixture(scope="module")
def bytes_model(tmp_path_factory):
    return save_tiny(tmp_path_factory.mktemp("bytes"), byte_tokenizer(merges=20), seed=2)


def extract(model, out, *options):
    return CliRunner().invoke(app, ["extract", model, "--out", str(out), *options])


def refusal(told, out):
    assert isinstance(told.exception, UserError), told.output
    assert not out.exists()
    return str(told.exception)


def test_without_pairs_a_foreign_tokenizer_gets_no_vector_of_nothing(foreign, tmp_path):
    for method in _MAKERS:
        out = tmp_path / "v.safetensors"
        told = extract(foreign, out, "--site", "resid_post.1", "--method", method, "--n", "6")
        said = refusal(told, out)
        assert "its vocabulary lacks 96 of 98 words" in said and "--pairs FILE" in said


def test_a_template_that_drops_what_differs_gives_the_same_tokens(base, pairs, monkeypatch):
    monkeypatch.setattr(
        "mechcot.steering.contrast_vectors.prompt_ids", lambda reader, _: reader.encode("find b ?")
    )
    with pytest.raises(UserError, match=r"8 pairs .* come to the same tokens .*--pairs FILE"):
        pair_vectors(base, pairs, sites=[SITE])


def test_pairs_that_the_tokenizer_knows_give_a_vector(foreign, tmp_path):
    rows = [{"id": str(i), "positive": f"hola {n}", "negative": f"mundo {n}"}
            for i, n in enumerate(("uno", "dos", "tres", "uno dos"))]  # fmt: skip
    pairs, out = write_rows(tmp_path / "pairs.jsonl", rows), tmp_path / "v.safetensors"
    told = extract(
        foreign, out, "--site", "resid_post.1", "--pairs", str(pairs), "--read", "prompt"
    )
    assert told.exit_code == 0, told.exception
    assert SteeringVector.load(out).norm > 0 and "split-half cosine" in told.output
    few = extract(
        foreign, out, "--site", "resid_post.1", "--pairs", str(pairs), "--n", "2", "--overwrite"
    )
    assert "no split-half cosine: it needs 4 pairs" in few.output and "nan" not in few.output
    none = extract(
        foreign, tmp_path / "w", "--site", "resid_post.1", "--pairs", str(pairs), "--n", "0"
    )
    assert "at least one pair, got 0" in refusal(none, tmp_path / "w")


def test_sides_that_are_one_text_are_named(bytes_model, tmp_path):
    rows = [
        {"id": str(i), "positive": f"What is {i} + 4?", "negative": f"What is {i} + 4?"}
        for i in range(3)
    ]
    pairs, out = write_rows(tmp_path / "pairs.jsonl", rows), tmp_path / "v.safetensors"
    said = refusal(extract(bytes_model, out, "--site", "resid_post.1", "--pairs", str(pairs)), out)
    assert "both sides are the same text, such as 'What is 0 + 4?'" in said


def test_what_has_not_reached_the_last_token_is_named(bytes_model, tmp_path):
    """Before the first block the last prompt token holds itself alone."""
    rows = [{"id": str(i), "positive": f"abc {i}", "negative": f"xyz {i}"} for i in range(3)]
    pairs, out = write_rows(tmp_path / "pairs.jsonl", rows), tmp_path / "v.safetensors"
    about = ("--pairs", str(pairs), "--site", "resid_pre.0")
    said = refusal(extract(bytes_model, out, *about), out)
    assert "has not reached the state that is read" in said and "--read prompt" in said
    assert extract(bytes_model, out, *about, "--read", "prompt").exit_code == 0


@pytest.mark.parametrize("method", _MAKERS)
def test_pairs_that_cancel_out_are_rounding_and_no_direction(base, pairs, method):
    turned = [ContrastPair(p.negative, p.positive) for p in pairs]
    with pytest.raises(UserError, match=r"rounding alone gives .* cancel each other out"):
        pair_vectors(base, [*pairs, *turned], sites=[SITE], method=method)


def test_rounding_scales_with_the_states_and_with_their_type():
    rows = torch.ones(4, 2, 16)
    small = noise(rows, torch.float32)
    assert 0 < small < 1e-4 * 4.0
    assert noise(100 * rows, torch.float32) == pytest.approx(100 * small, rel=1e-5)
    assert noise(rows, torch.bfloat16) > noise(rows, torch.float16) > small
    generator = torch.Generator().manual_seed(0)
    states = torch.randn(200, 512, generator=generator)
    order = torch.randperm(200, generator=generator)
    both = torch.stack([states.mean(0), states[order].mean(0)])[
        None
    ]  # one mean, summed in two orders
    assert 0 < float((both[0, 0] - both[0, 1]).norm()) < noise(both, torch.float32)


def test_states_that_are_not_finite_are_said_so(tmp_path):
    def spoil(model):
        model.model.layers[0].mlp.down_proj.weight.fill_(float("nan"))

    folder = save_tiny(tmp_path / "nan", byte_tokenizer(merges=20), seed=2, spoil=spoil)
    asked = [ContrastPair(Problem("a", "one", ""), Problem("a", "two", ""))]
    with pytest.raises(UserError, match="not finite"):
        pair_vectors(Reasoner.load(folder), asked, sites=[SITE], method="pca")


def test_a_kind_that_every_step_has_stands_against_nothing(base, chains):
    def all_of(trace, kind):
        steps = tuple(replace(s, kind=kind) if s.phase is Phase.CHAIN else s for s in trace.steps)
        return replace(trace, steps=steps)

    alike = [all_of(trace, StepKind.PROGRESSION) for trace in chains]
    with pytest.raises(UserError, match=r"every step of the 5 traces .* nothing else to hold"):
        span_vectors(base, alike, kind=StepKind.PROGRESSION, sites=[SITE])


def test_a_vector_of_nothing_is_neither_written_nor_read_nor_given_controls(base, pairs, tmp_path):
    vector = pair_vectors(base, pairs, sites=[SITE])[SITE]
    nothing = vector + -vector
    with pytest.raises(UserError, match=r"not written: .* has length 0"):
        nothing.save(tmp_path / "v.safetensors")
    assert not (tmp_path / "v.safetensors").exists()
    for kind in ("random", "orthogonal"):
        with pytest.raises(UserError, match="is zero; make another"):
            control(nothing, kind, seed=0)
    origin = Origin("old", "w", "mean difference", "last_prompt", ())
    about = {"schema": "1", "site": SITE.name, "origin": json.dumps(origin.__dict__)}
    (tmp_path / "old.safetensors").write_bytes(save({"direction": torch.zeros(8)}, metadata=about))
    with pytest.raises(UserError, match=r"old.safetensors: .* length 0, .*--pairs FILE"):
        SteeringVector.load(tmp_path / "old.safetensors")
