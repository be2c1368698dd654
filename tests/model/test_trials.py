"""A model is tried before it is believed: leaks, dependence on later tokens, rope switches, caches, batches."""

import math
from typing import Any

import pytest
import torch

from mechcot import doctor
from mechcot.core.errors import NotMeasurable
from mechcot.core.problem import Completion, Problem
from mechcot.core.trace import Span
from mechcot.measures import (
    early_answering,
    filler,
    gates,
    information_flow,
    suppression,
)
from mechcot.measures.inputs import Inputs
from mechcot.model.internals import self_test
from mechcot.model.internals.architecture import Writes
from mechcot.model.internals.self_test import backbone_of
from mechcot.model.internals.sites import Site
from mechcot.model.interventions import AttentionKnockout, Intervention, Zero
from mechcot.model.prefix.layer_rows import layer_rows, run_with_inputs
from mechcot.model.reasoner import Reasoner
from mechcot.pruning.removal import mask_steps
from tools.families import CHAIN, PROBLEMS, plain, tiny, tokenizer

ANSWER = Inputs(seed=0, answer_tokens=2)
MIXED = {"layer_types": ["linear_attention", "full_attention"]}


def reader(family: str, **about: Any) -> Reasoner:
    return Reasoner.of(tiny(family, **about), tokenizer(), name=family)


def trace_of(one: Reasoner) -> Any:
    return one.read(Completion(PROBLEMS[0], one.render(PROBLEMS[0]), CHAIN, one.name))


def far_when_hidden(one: Reasoner, ids: tuple[int, ...]) -> float:
    """The oracle: how far later states move when tokens that cannot be seen say something else."""
    span = Span(20, 30)
    other = [(i * 3 + 5) % 300 + 10 if p in span.positions() else i for p, i in enumerate(ids)]
    hide = [AttentionKnockout(span, Span(span.stop, len(ids)))]
    here, there = (
        one.prefix(text).rerun_from(0, under=hide)[0, span.stop :] for text in (ids, other)
    )
    return float((here - there).norm() / here.norm())


LEAKY = {
    "qwen3_5_text": {},
    "jamba": {},
    "falcon_h1": {},
    "nemotron_h": {},
    "lfm2_moe": {},
    "kimi_linear": {},
    "minimax": MIXED,
    "granitemoehybrid": {},
}


@pytest.mark.parametrize("family", LEAKY)
def test_where_hidden_steps_leak_hiding_is_not_measurable_and_the_rest_is(family):
    one = reader(family, **LEAKY[family])
    parts = backbone_of(one.model)
    assert not parts.maskable and not parts.forkable
    trace = trace_of(one)
    for measure in (suppression, information_flow):
        reading = measure.measure(one, trace, ANSWER)
        assert math.isnan(reading.value)
        assert f"steps cannot be hidden in {type(one.model).__name__}: " in reading.reason
    with pytest.raises(NotMeasurable, match="steps cannot be hidden in"):
        mask_steps(one, trace, {0}, max_new=2)
    ok, said = doctor.CHECKS["masks"](one)
    assert not ok and "suppression, information flow and masked pruning are not measurable" in said
    for measure in (early_answering, filler, gates):
        assert math.isfinite(measure.measure(one, trace, ANSWER).value)
    with torch.no_grad():
        theirs = torch.log_softmax(plain(one, trace.ids), -1)
    prefix = one.prefix(trace.ids)
    torch.testing.assert_close(prefix.unembed(prefix.hidden), theirs, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("family", ["llama", "gemma3_text", "gpt_oss", "olmo3", "mixtral", "gptj"])
def test_where_nothing_leaks_hidden_tokens_move_nothing(family):
    one = reader(family)
    assert backbone_of(one.model).maskable
    assert far_when_hidden(one, trace_of(one).ids) < 1e-5
    assert doctor.CHECKS["masks"](one)[0]


@pytest.mark.parametrize(
    ("family", "about"),
    [("doge", {"keep_window_size": 6}), ("doge", {"keep_window_size": 2048}), ("axk2", {})],
)
def test_attention_chosen_over_the_whole_text_is_found(family, about):
    parts = backbone_of(reader(family, **about).model)
    assert not parts.causal and not parts.maskable
    assert "earlier tokens depend on later ones" in parts.leak


def deaf(model: Any, layer: int) -> None:
    """Plant a fault: one layer forgets the mask that it is given."""
    attention = model.model.layers[layer].self_attn
    inner = attention.forward
    attention.forward = lambda *args, **named: inner(*args, **(named | {"attention_mask": None}))


@pytest.mark.parametrize("layer", [0, 1])
@pytest.mark.parametrize("family", ["llama", "qwen3", "olmo2"])
def test_one_layer_that_ignores_its_mask_is_found(family, layer):
    model = tiny(family)
    deaf(model, layer)
    parts = backbone_of(model)
    assert not parts.maskable
    if layer == 0 and parts.takes_masks:
        assert "through layer 0" in parts.leak


def test_a_bidirectional_model_is_refused():
    model = tiny("llama")
    for block in model.model.layers:
        inner = block.self_attn.forward
        block.self_attn.is_causal = False
        block.self_attn.forward = lambda *args, _inner=inner, **named: _inner(
            *args, **(named | {"attention_mask": torch.zeros(1, 1, 1, 1)})
        )
    with pytest.raises(
        self_test.UserError, match="in which another last token moves earlier states"
    ):
        backbone_of(model)


def test_the_trial_leaves_the_model_as_it_was():
    model = tiny("gemma3_text", sliding_window=100)
    backbone_of(model)
    assert model.config.sliding_window == 100
    assert set(backbone_of(model).windows) == {100, None}


def longrope(switch: int, size: int = 4) -> dict[str, Any]:
    rope = {
        "rope_type": "longrope",
        "short_factor": [1.0] * size,
        "long_factor": [3.0] * size,
        "rope_theta": 10000.0,
        "original_max_position_embeddings": switch,
    }
    return {"rope_parameters": rope}


ROPES = {
    "llama": {},
    "qwen2": {},
    "phi3": {"original_max_position_embeddings": 70},
    "minicpm3": {},
    "mistral": {"sliding_window": None},
}


@pytest.mark.parametrize("family", ROPES)
def test_across_a_rope_switch_all_is_as_in_plain_runs(family):
    one = reader(family, **longrope(70), **ROPES[family])
    assert backbone_of(one.model).switch == 70
    ids = trace_of(one).ids[:64]
    suffix, answer = list(ids[3:7]), list(ids[8:12])
    long = one.prefix([*ids, *ids[:20]])
    for prefix in (one.prefix(ids), long):
        scores = prefix.branches([30, 64], [suffix] * 2).score([answer] * 2)
        for cut, score in zip((30, 64), scores, strict=True):
            log_p = torch.log_softmax(plain(one, [*ids[:cut], *suffix, *answer]), -1)
            rows = range(cut + len(suffix) - 1, cut + len(suffix) + len(answer) - 1)
            whole = sum(float(log_p[row, token]) for row, token in zip(rows, answer, strict=True))
            assert float(score) == pytest.approx(whole, abs=1e-4)
        (row,) = prefix.decode(60, [list(ids[60:64])], max_new=12, stop=())
        assert row == greedy(one, list(ids), 12)
        (grown,) = prefix.branches([64], [()]).greedy(12, ())
        assert grown == row


@pytest.mark.parametrize("family", ["llama", "phi3"])
def test_parts_of_a_long_run_stay_on_one_side_of_the_switch(family, monkeypatch):
    one = reader(family, **longrope(70), **ROPES[family])
    ids = trace_of(one).ids[:64]
    prefix, inputs = run_with_inputs(one, [*ids, *ids[:36]])
    edits = [Intervention(Site("resid_pre", layer), (12, 80), Zero()) for layer in (0, 1)]

    def everything() -> list[torch.Tensor]:
        branches = prefix.branches([66, 95], [list(ids[3:15])] * 2)
        return [
            prefix.rerun_from(10),
            prefix.rerun_from(75),
            layer_rows(prefix, 10, edits, inputs=inputs),
            torch.from_numpy(branches.score([list(ids[8:12])] * 2)),
        ]

    whole = everything()
    monkeypatch.setattr("mechcot.model.internals.masks.MOST_PAIRS", 500)
    for part, all_ in zip(everything(), whole, strict=True):
        torch.testing.assert_close(part, all_, atol=1e-4, rtol=1e-4)


def greedy(one: Reasoner, ids: list[int], count: int) -> list[int]:
    for _ in range(count):
        ids = [*ids, int(plain(one, ids)[-1].argmax())]
    return ids[-count:]


@pytest.mark.parametrize("family", ROPES)
def test_writing_crosses_the_switch_as_plain_runs_do(family):
    one = reader(family, **longrope(62), **ROPES[family])
    for problem, trace in zip(PROBLEMS, one.write(PROBLEMS, max_tokens=20), strict=True):
        start = len(one.encode(one.render(problem)))
        assert list(trace.ids[start:]) == greedy(
            one, list(trace.ids[:start]), len(trace.ids) - start
        )


def test_steering_across_the_switch_is_refused():
    from mechcot.model.generation.steering_hooks import GenerationInterventions

    one = reader("llama", **longrope(62))
    with pytest.raises(self_test.UserError, match="cannot be steered across that: expected prompt"):
        one.write(PROBLEMS, max_tokens=40, under=GenerationInterventions())


@pytest.mark.parametrize(
    ("family", "about"),
    [("llama", {}), ("phi3", {"original_max_position_embeddings": 512}), ("gpt2", {})],
)
def test_without_a_switch_nothing_is_crossed(family, about):
    parts = backbone_of(reader(family, **about).model)
    assert parts.forkable and parts.serves(1, parts.context)


@pytest.mark.parametrize(
    "family",
    ["mamba", "mamba2", "falcon_mamba", "zamba2", "bamba", "minimax", "ctrl", "gpt_neo", "bloom"],
)
def test_texts_without_a_usual_cache_are_those_of_plain_runs(family):
    one = reader(family)
    problems = [
        *PROBLEMS,
        Problem("q9", "What is 12 + 30? Think step by step, and say what you add.", "42"),
    ]
    together = one.write(problems, max_tokens=12, batch_size=4)
    alone = [one.write([problem], max_tokens=12)[0] for problem in problems]
    assert [t.ids for t in together] == [t.ids for t in alone]
    for problem, trace in zip(problems, together, strict=True):
        start = len(one.encode(one.render(problem)))
        for at in range(start, len(trace.ids)):
            logits = plain(one, trace.ids[:at])[-1]
            assert float(logits.max() - logits[trace.ids[at]]) < 1e-3


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_row_that_sees_the_others_is_found_and_written_alone(dtype):
    """Plant a fault: every row gets a share of the batch's mean."""
    model = tiny("llama").to(dtype)
    model.model.layers[1].register_forward_hook(
        lambda _, __, out: out + 0.5 * (out.mean(dim=0, keepdim=True) - out)
    )
    assert backbone_of(model).writes.batch == "alone"
    one = Reasoner.of(model, tokenizer())
    together, alone = (one.write(PROBLEMS, max_tokens=8, batch_size=size) for size in (3, 1))
    assert [t.ids for t in together] == [t.ids for t in alone]


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_cache_that_forgets_is_found_and_not_used(dtype):
    """Plant a fault: behind a cache the model loses its first token."""
    model = tiny("llama").to(dtype)
    inner = model.model.forward

    def forward(*args: Any, **named: Any) -> Any:
        cache = named.get("past_key_values")
        if cache is not None and cache.get_seq_length():
            cache.layers[0].values[:, :, 0] = 0
        return inner(*args, **named)

    model.model.forward = forward
    parts = backbone_of(model)
    assert not parts.writes.cached and not parts.forkable


def test_rounding_of_a_deep_model_in_half_precision_is_no_fault():
    deep = tiny("llama", num_hidden_layers=16).to(torch.bfloat16)
    assert backbone_of(deep).writes == Writes(cached=True, batch="padded")


def test_a_limit_of_one_row_is_its_own():
    """Near the end of the context a longer prompt beside it cuts no text short."""
    one = reader("llama", max_position_embeddings=112)
    together, alone = (one.write(PROBLEMS, max_tokens=40, batch_size=size) for size in (3, 1))
    assert [len(t.ids) for t in together] == [len(t.ids) for t in alone]
    assert max(len(t.ids) for t in together) == 112
