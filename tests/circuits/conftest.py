"""A model with a written circuit: one head copies a token's code into a second subspace, a head of the next block from there to the unembedding."""

from types import SimpleNamespace

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from mechcot.circuits.components import Anatomy
from mechcot.circuits.effects import StepRuns
from mechcot.circuits.step_edit import StepEdit
from tests.model.families import make_trace

WORDS, WIDTH = 8, 32
FIRST, SECOND = 1, 2
"""The heads that copy, of block 0 and of block 1."""


def written_model() -> LlamaForCausalLM:
    """Two blocks of four heads; token t is dimension t. Head 1 of block 0 copies dimensions 0-7 to 8-15, head 2 of block 1 those to 16-23, which are read out."""
    config = LlamaConfig(
        vocab_size=WORDS, hidden_size=WIDTH, intermediate_size=8, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=4, max_position_embeddings=64,
    )  # fmt: skip
    model = LlamaForCausalLM(config).eval().requires_grad_(requires_grad=False)
    for parameter in model.parameters():
        if parameter.ndim == 2:
            parameter.zero_()
    eye = torch.eye(WORDS)
    model.model.embed_tokens.weight[:, :8] = eye
    model.lm_head.weight[:, 16:24] = 20 * eye
    for layer, head in enumerate((FIRST, SECOND)):
        attention = model.model.layers[
            layer
        ].self_attn  # no query, no key: it looks at all tokens alike
        own = slice(8 * head, 8 * head + 8)
        attention.v_proj.weight[own, 8 * layer : 8 * layer + 8] = eye
        attention.o_proj.weight[8 * layer + 8 : 8 * layer + 16, own] = 3 * eye
    return model


def written_edit(*, other: int = 5) -> StepEdit:
    """A text of one step in which token 3 is stated four times, or `other` instead."""
    trace = make_trace("written", [6, 2], prompt=2)
    clean = (1, 2, 3, 3, 3, 3, 1, 2, 0)
    edited = tuple(other if token == 3 else token for token in clean)
    return StepEdit(trace, clean, edited, (2, 3, 4, 5), 0, own=3, other=5, predicted=True)


@pytest.fixture(scope="session")
def written():
    model = SimpleNamespace(model=written_model(), logit_scale=1.0, name="written")
    edit = written_edit()
    return model, StepRuns.of(model, Anatomy.of(model, edit.clean), edit)
