"""Training: what the answer is blind to, and the same weights for the same seed."""

import json
import math
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from mechcot.core.errors import UserError
from mechcot.model.loading.spec import parse_spec
from mechcot.organisms import (
    attention_masks,
    registry,
    training,
    vocabulary,
)
from mechcot.organisms.check import load_organism
from mechcot.organisms.generation import closed, next_probabilities
from mechcot.organisms.grammar import WORDS
from mechcot.organisms.problems import problems
from mechcot.organisms.recipes import Shape
from mechcot.organisms.reliance import route_divergence

CHAIN = ("need g: h + 5 .", "h= 3 .", "g= 3 + 5 = 8 .")
QUESTION = "brief amber chart 4 : g: h + 5 , h: 3 ; find g ?"


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(3)
    return training.fresh(Shape(layers=2, width=32, heads=2, mlp=48)).eval()


def rows(*texts: str) -> torch.Tensor:
    return torch.tensor([vocabulary.encode(text) for text in texts])


@pytest.mark.parametrize("hidden", ["question", "chain"])
def test_a_mask_is_what_a_loop_over_positions_says(hidden: str):
    text = closed(QUESTION, CHAIN)
    words = text.split()
    opened, close = words.index("<think>"), words.index("</think>")
    found = attention_masks.mask(rows(text), hidden=hidden)[0, 0]
    for query in range(len(words)):
        for key in range(len(words)):
            gone = 0 < key <= opened if hidden == "question" else opened < key < close
            seen = key <= query and not (query >= close and gone)
            assert (found[query, key] == 0) == seen


def test_hiding_nothing_is_causal_attention(model):
    text = closed(QUESTION, CHAIN)
    ids = rows(text)
    plain = model(input_ids=ids).logits
    masked = model(input_ids=ids, attention_mask=attention_masks.mask(ids, hidden="nothing")).logits
    torch.testing.assert_close(plain, masked, atol=1e-5, rtol=0)


def test_a_text_without_a_closed_thought_has_no_answer_to_blind():
    with pytest.raises(ValueError, match="a row has no word </think>"):
        attention_masks.mask(rows(vocabulary.prompt(QUESTION)), hidden="chain")


def test_only_the_hidden_part_stops_mattering_directly():
    """With one layer the answer can read nothing through other positions' states."""
    torch.manual_seed(4)
    one = training.fresh(Shape(layers=1, width=32, heads=2, mlp=48)).eval()
    asked = closed(QUESTION, CHAIN)
    other_chain = closed(QUESTION, (*CHAIN[:2], "g= 9 + 9 = 9 ."))
    other_question = closed(QUESTION.replace("chart 4", "chart 7"), CHAIN)
    for hidden, same, moved in (
        ("chain", other_chain, other_question),
        ("question", other_question, other_chain),
    ):
        base, blind, seen = next_probabilities(one, [asked, same, moved], hidden=hidden)
        torch.testing.assert_close(base, blind, atol=1e-6, rtol=0)
        assert (base - seen).abs().max() > 1e-5


def test_route_divergence_is_the_kl_of_the_two_distributions_and_zero_when_nothing_is_hidden():
    base = load_organism("base")
    texts = [closed(QUESTION, CHAIN), closed(QUESTION, CHAIN[1:])]
    assert route_divergence(base, texts, hidden="nothing").abs().max() == 0
    found = route_divergence(base, texts, hidden="chain")
    seen, blind = (next_probabilities(base, texts, hidden=h) for h in ("nothing", "chain"))
    wanted = [
        sum(p * math.log(p / q) for p, q in zip(*r, strict=True))
        for r in zip(seen.tolist(), blind.tolist(), strict=True)
    ]
    assert found.tolist() == pytest.approx(wanted, rel=1e-3)
    assert min(wanted) > 0.1


def test_padding_does_not_move_a_row(model):
    texts = [closed(each.question, CHAIN) for each in problems(6, seed=1)]
    together = next_probabilities(model, texts)
    alone = torch.cat([next_probabilities(model, [text]) for text in texts])
    torch.testing.assert_close(together, alone, atol=1e-6, rtol=0)
    assert together.shape == (6, len(WORDS))


def test_blind_training_gives_the_hidden_part_no_direct_gradient(model):
    ids = rows(closed(QUESTION, CHAIN) + " 8 <eos>")
    weights = torch.zeros(ids.shape)
    weights[0, -2] = 1.0
    losses = {
        hidden: training.loss_of(model, ids, weights, hidden=hidden).item()
        for hidden in ("nothing", "question", "chain")
    }
    assert len(set(losses.values())) == 3
    wanted = next_probabilities(model, [closed(QUESTION, CHAIN)], hidden="chain")
    assert losses["chain"] == pytest.approx(-wanted[0, WORDS.index("8")].log().item(), abs=1e-5)


def trained(out: Path, threads: int, seed: int | None = None) -> dict[str, torch.Tensor]:
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        training.train_organism("tuning", out, seed=seed, tokens=6_000, progress=False)
        assert torch.get_num_threads() == threads
        assert json.loads((out / "organism.json").read_text())["training"]["threads"] == 1
    finally:
        torch.set_num_threads(before)
    return load_file(out / "model.safetensors")


def test_the_same_seed_gives_the_same_weights_on_any_number_of_threads(tmp_path: Path):
    one, two, other = (
        trained(tmp_path / "1", 1),
        trained(tmp_path / "2", 2),
        trained(tmp_path / "3", 1, seed=5),
    )
    assert all(torch.equal(one[name], two[name]) for name in one)
    assert any(not torch.equal(one[name], other[name]) for name in one)


def test_an_arm_with_a_mask_trains_and_loads_from_the_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("MECHCOT_ORGANISMS", str(tmp_path))
    out = training.train_organism("relay@9", tokens=6_000, progress=False)
    assert out == tmp_path / "relay@9" == registry.path("relay@9")
    assert training.train_organism("relay", seed=9, tokens=2_000, progress=False) == out
    spec = parse_spec("organism:relay@9@logits=1.5")
    assert (spec.base, spec.name, spec.logit_scale) == (str(out), "relay@9@logits=1.5", 1.5)


def test_a_missing_parent_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("MECHCOT_ORGANISMS", str(tmp_path))
    with pytest.raises(UserError, match="`mechcot organism train base-small` makes it"):
        training.train_organism("bypass-small", tokens=1_000, progress=False)
