"""Every decoder class that transformers lists, built tiny and tried: works with stated parity, or one sentence.

    python -m tools.families [NAME ...]     # writes docs/results/families.md

A config is shrunk field by field (`SMALL`; `ODD` where that is not enough), saved with a small tokenizer and
loaded as a user's checkpoint is. `tests/model/test_families.py` asserts what stands in the table.
"""

import argparse
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import CONFIG_MAPPING, AutoModelForCausalLM, PreTrainedTokenizerFast
from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

from mechcot import doctor
from mechcot.core.errors import NotMeasurable, UserError
from mechcot.core.problem import Completion, Problem
from mechcot.core.trace import Span
from mechcot.measures import early_answering, step_attention
from mechcot.measures.inputs import Inputs
from mechcot.model.internals.self_test import backbone_of
from mechcot.model.internals.sites import Site
from mechcot.model.interventions import AttentionKnockout, Intervention, Replace
from mechcot.model.prefix.layer_rows import layer_rows, run_with_inputs
from mechcot.model.reasoner import Reasoner

DOC = Path(__file__).parents[1] / "docs" / "results" / "families.md"
NAMES = tuple(MODEL_FOR_CAUSAL_LM_MAPPING_NAMES)
_FIELDS: Mapping[int, str] = {
    32: "hidden_size d_model n_embd embedding_dim embedding_size word_embed_proj_dim emb_dim lru_width "
    "attention_hidden_size input_embedding_size output_embedding_size dim_model_base",
    64: "intermediate_size ffn_dim encoder_ffn_dim decoder_ffn_dim dim_ff dff ffn_hidden_size d_inner feed_forward_size "
    "n_inner shared_intermediate_size dense_intermediate_size intermediate_size_mlp",
    16: "moe_intermediate_size shared_expert_intermediate_size shared_experts_intermediate_size expert_ffn_hidden_size "
    "moe_shared_expert_intermediate_size router_hidden_size kv_lora_rank q_lora_rank index_head_dim o_lora_rank "
    "qk_head_dim",
    8: "head_dim kv_channels d_head attention_head_size linear_key_head_dim linear_value_head_dim linear_head_dim "
    "qk_nope_head_dim qk_rope_head_dim v_head_dim rotary_dim dim_head swa_head_dim mamba_d_state state_size "
    "ssm_state_size mamba_dt_rank time_step_rank sliding_window sliding_window_size attention_chunk_size index_topk "
    "keep_window_size window_size local_attention attention_window_size block_size index_block_size "
    "local_attn_chunk_length chunk_size mamba_chunk_size rel_extent",
    4: "num_attention_heads n_head n_heads attention_heads num_heads encoder_attention_heads decoder_attention_heads "
    "num_encoder_attention_heads num_decoder_attention_heads swa_num_attention_heads linear_num_value_heads "
    "linear_num_heads num_experts n_routed_experts num_local_experts moe_num_experts",
    2: "num_hidden_layers n_layer n_layers num_layers encoder_layers decoder_layers num_encoder_layers "
    "num_decoder_layers max_window_layers num_blocks num_experts_per_tok moe_topk moe_k linear_num_key_heads "
    "index_n_heads swa_num_key_value_heads num_kv_heads n_mamba_heads",
    1: "topk_group n_group num_expert_group first_k_dense_replace num_dense_layers index_topk_blocks n_shared_experts "
    "num_shared_experts moe_num_shared_experts bos_token_id",
    0: "eos_token_id pad_token_id",
    512: "max_position_embeddings n_positions context_length max_seq_len n_ctx max_target_positions",
}
SMALL: Mapping[str, int] = {
    name: value for value, names in _FIELDS.items() for name in names.split()
}
_LAYERS = ("layer_types", "layers_block_type", "block_types")
_MLP_LAYERS = ("mlp_layer_types", "indexer_types")
_OWN_VOCABULARY = (
    "type_vocab_size",
    "task_type_vocab_size",
    "pronunciation_vocab_size",
    "shape_vocab_size",
)
_MAMBA = {"mamba_n_heads": 8, "mamba_d_head": 8}
_PLAIN_ROPE = {"rope_theta": 10000.0, "rope_type": "default"}
_MIXED = ["sliding_attention", "full_attention"]
ODD: Mapping[str, Mapping[str, Any]] = {
    "bamba": _MAMBA | {"attn_layer_indices": [1]},
    "cohere_compass_text": {
        "layer_types": _MIXED,
        "rope_parameters": dict.fromkeys(_MIXED, _PLAIN_ROPE),
    },
    "dbrx": {
        "attn_config": {"rope_theta": 10000.0, "kv_n_heads": 2, "clip_qkv": 8},
        "ffn_config": {"ffn_hidden_size": 32, "moe_num_experts": 4, "moe_top_k": 2},
    },
    "deepseek_v2": {"num_experts_per_tok": 2},
    "dots1": {"n_routed_experts": 4, "num_experts_per_tok": 2, "n_shared_experts": 1},
    "gemma3n_text": {"num_kv_shared_layers": 0, "num_hidden_layers": 2},
    "gpt_neo": {"attention_types": [[["global", "local"], 1]]},
    "granitemoehybrid": _MAMBA
    | {
        "layer_types": ["linear_attention", "full_attention"],
        "num_local_experts": 4,
        "num_experts_per_tok": 2,
    },
    "jamba": {"attn_layer_period": 2, "attn_layer_offset": 1},
    "lfm2_moe": {"layer_types": ["conv", "full_attention"]},
    "mamba2": {"num_heads": 8, "head_dim": 8, "n_groups": 1},
    "nemotron": {"num_key_value_heads": 2},
    "qwen4_exp_text": {
        "indexer_n_heads": 2,
        "indexer_kv_heads": 1,
        "indexer_head_dim": 16,
        "indexer_budget": 8,
        "indexer_compress_ratio": 2,
    },
    "reformer": {"axial_pos_shape": [16, 32], "axial_pos_embds_dim": [16, 16]},
    "xlstm": {"hidden_size": 64, "embedding_dim": 64, "chunk_size": 64},
    "xmod": {"default_language": "en_XX"},
    "zamba": {
        "num_hidden_layers": 4,
        "attention_hidden_size": 64,
        "attention_head_dim": 16,
        "layers_block_type": ["linear_attention", "linear_attention", "hybrid", "hybrid"],
    },
    "zaya": {"num_experts_per_tok": 1},
}
"""What shrinking by name does not reach."""
UNBUILT: Mapping[str, str] = {
    "blt": "reads bytes in patches through four models; not built here",
    "dots3_note": "its config varies by layer; not built here",
    "dots3_note_text": "its config varies by layer; not built here",
    "gemma3n": "needs an image library; its text part is gemma3n_text",
    "gemma4_assistant": "drafts for another model, whose states it takes; not built here",
    "gemma4_unified_assistant": "drafts for another model, whose states it takes; not built here",
    "musicgen": "writes sound; not built here",
    "musicgen_melody": "writes sound; not built here",
    "qwen4_exp": "takes images too; its text part is qwen4_exp_text",
}
_TEXT = (
    "Question: What is 3 + 4? Answer: Let's think step by step.",
    "First we add 3 and 4. So the sum is 7. Wait, let me check this again. The answer is \\boxed{7}.",
)
_TEMPLATE = (
    "{% for m in messages %}<|user|>{{ m['content'] }}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|><think>\n{% endif %}"
)
PROBLEMS = tuple(
    Problem(f"q{i}", text, "7")
    for i, text in enumerate(
        ("What is 3 + 4?", "Tom has 3 apples and buys 4 more. How many apples now?", "1 + 6?")
    )
)
CHAIN = "First we add 3 and 4. So the sum is 7. Wait, let me check this again. So it is 7.</think>The answer is \\boxed{7}."
NEW = 10
"""Tokens written."""


@dataclass(frozen=True)
class Outcome:
    """What holds for a family.

    Attributes:
        name: Model type.
        model: Class.
        refused: The sentence of a refusal; empty where it works.
        masks: Whether steps can be hidden.
        states: Whether states can be read and edited.
        forks: `packed` or `whole`.
        writing: How texts are written.
        attention: Whether step attention can be read.
        parity: Largest difference, relative, between what is computed here and plain runs of Hugging Face.
        wrong: What does not hold though it is claimed; empty when all does.
        why: Why nothing can be hidden.
    """

    name: str
    model: str
    refused: str = ""
    masks: bool = False
    states: bool = False
    forks: str = ""
    writing: str = ""
    attention: bool = False
    parity: float = float("nan")
    wrong: tuple[str, ...] = ()
    why: str = ""


@cache
def tokenizer() -> PreTrainedTokenizerFast:
    """A byte-level BPE that knows a thought."""
    core = Tokenizer(models.BPE())
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    core.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=330,
        special_tokens=["<|end|>", "<s>", "<|user|>", "<|assistant|>", "<think>", "</think>"],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    core.train_from_iterator(_TEXT * 3, trainer)
    made = PreTrainedTokenizerFast(
        tokenizer_object=core,
        eos_token="<|end|>",
        bos_token="<s>",
        pad_token="<|end|>",
        clean_up_tokenization_spaces=False,
    )
    made.chat_template = _TEMPLATE
    return made


def tiny(name: str, *, seed: int = 3, **about: Any) -> Any:
    """A random model of a family, two layers or one of each kind that its default config has.

    Args:
        name: Model type.
        seed: Of the weights.
        about: Fields of the config that shall be so.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        made = AutoModelForCausalLM.from_config(
            _shrunk(CONFIG_MAPPING[name], {**ODD.get(name, {}), **about})
        )
    return made.eval()


def _shrunk(kind: type, about: Mapping[str, Any]) -> Any:
    default = kind()
    fields = set(getattr(kind, "__dataclass_fields__", ()))
    small: dict[str, Any] = {
        field: value
        for field, value in SMALL.items()
        if field in fields
        and (field == "head_dim" or field.endswith("_id") or _is_count(default, field))
    }
    small |= {
        field: len(tokenizer())
        for field in fields
        if "vocab" in field and field not in _OWN_VOCABULARY and _is_count(default, field)
    }
    if "num_key_value_heads" in fields and _is_count(default, "num_key_value_heads"):
        grouped = _value(default, "num_key_value_heads") != _value(default, "num_attention_heads")
        small["num_key_value_heads"] = 2 if grouped else 4
    for part in getattr(kind, "sub_configs", {}):
        if _value(default, part) is not None:
            small[part] = _shrunk(type(_value(default, part)), {})
    small |= _one_of_each(default, fields)
    small |= {
        k: v for k, v in {"is_decoder": True, "initializer_range": 0.2}.items() if k in fields
    }
    if "per_layer_config" in fields:
        small["per_layer_config"] = None
    return kind(**(small | dict(about)))


def _one_of_each(default: Any, fields: set[str]) -> dict[str, Any]:
    """One layer of each kind, two where all are alike."""
    small: dict[str, Any] = {}
    for field in _LAYERS:
        kinds = list(dict.fromkeys(_value(default, field) or ())) if field in fields else []
        if kinds:
            kinds = kinds * 2 if len(kinds) == 1 else kinds
            small[field] = kinds
            small |= {"num_hidden_layers": len(kinds)} if "num_hidden_layers" in fields else {}
            for other in _MLP_LAYERS:
                if other in fields and _value(default, other):
                    found = list(dict.fromkeys(_value(default, other)))
                    small[other] = (found * len(kinds))[-len(kinds) :]
    return small


def _value(config: Any, field: str) -> Any:
    """A field; 0 where it varies by layer."""
    try:
        return getattr(config, field, None)
    except Exception:  # noqa: BLE001 - configs by layer refuse with a class of their own
        return 0


def _is_count(config: Any, field: str) -> bool:
    value = _value(config, field)
    return isinstance(value, int) and not isinstance(value, bool)


@contextmanager
def checkpoint(name: str, **about: Any) -> Iterator[Path]:
    """A saved tiny model, with its tokenizer, for the time of a `with` block."""
    with tempfile.TemporaryDirectory() as folder:
        tiny(name, **about).save_pretrained(folder)
        tokenizer().save_pretrained(folder)
        yield Path(folder)


def outcome(name: str) -> Outcome:
    """Build, save, load and try one family.

    Args:
        name: Model type.
    """
    kind = MODEL_FOR_CAUSAL_LM_MAPPING_NAMES[name]
    if name in UNBUILT:
        return Outcome(name, kind, refused=UNBUILT[name])
    with checkpoint(name) as folder:
        try:
            reader = Reasoner.load(str(folder), device="cpu")
            parts = backbone_of(reader.model)
        except UserError as error:
            return Outcome(name, kind, refused=str(error).replace(str(folder), name))
    lines = [
        line
        for line in doctor.checks(reader, but=("lens",))
        if not line.ok and line.name != "masks"
    ]
    wrong = [f"doctor: {line}" for line in lines]
    trace = reader.read(Completion(PROBLEMS[0], reader.render(PROBLEMS[0]), CHAIN, name))
    wrong += written_wrongly(reader) + hidden_wrongly(reader, trace.ids)
    far = max(way(reader, trace.ids) for way in (states_apart, forks_apart, rows_apart))
    wrong += [f"states or forks are {far:.1e} off"] if not far <= 1e-3 else []
    with suppress(NotMeasurable):
        early_answering.measure(reader, trace, Inputs(seed=0, answer_tokens=2))
    attention = True
    try:
        with suppress(NotMeasurable):
            step_attention.measure(reader, trace, Inputs(seed=0))
    except UserError:
        attention = False
    how = ("" if parts.writes.cached else "no cache, ") + parts.writes.batch
    return Outcome(
        name,
        kind,
        masks=parts.maskable,
        states=bool(parts.streams),
        forks="packed" if parts.forkable else "whole",
        writing=how,
        attention=attention,
        parity=far,
        wrong=tuple(wrong),
        why=parts.leak,
    )


@torch.no_grad()
def plain(reader: Reasoner, ids: Sequence[int]) -> torch.Tensor:
    """Logits of Hugging Face's model on one whole text."""
    batch = torch.tensor([list(ids)])
    return (
        reader.model(input_ids=batch, attention_mask=torch.ones_like(batch), use_cache=False)
        .logits[0]
        .float()
    )


def written_wrongly(reader: Reasoner) -> list[str]:
    """Where what is written differs alone, in a batch, and from the likeliest tokens of plain runs."""
    alone, together = (
        [trace.ids for trace in reader.write(PROBLEMS, max_tokens=NEW, batch_size=size)]
        for size in (1, 3)
    )
    wrong = ["a text depends on its batch"] if alone != together else []
    for problem, ids in zip(PROBLEMS, together, strict=True):
        start = len(reader.encode(reader.render(problem)))
        for at in range(start, len(ids)):
            logits = plain(reader, ids[:at])[-1]
            if float(logits.max() - logits[ids[at]]) > 1e-3:
                wrong.append(f"{problem.id} leaves the plain run at token {at}")
                break
    return wrong


def hidden_wrongly(reader: Reasoner, ids: Sequence[int]) -> list[str]:
    """Whether hidden tokens, when changed, move the last state although the family counts as maskable."""
    parts = backbone_of(reader.model)
    if not parts.maskable:
        return []
    span = Span(len(ids) // 4, len(ids) // 2)
    other = [(i * 7 + 3) % 300 + 10 if p in span.positions() else i for p, i in enumerate(ids)]
    hide = [AttentionKnockout(span, Span(span.stop, len(ids)))]
    here, there = (reader.prefix(text).rerun_from(0, under=hide)[0, -1] for text in (ids, other))
    far = float((here - there).norm() / here.norm())
    return [f"hidden tokens move the last state by {far:.1e}"] if far > 1e-4 else []


@torch.no_grad()
def states_apart(reader: Reasoner, ids: Sequence[int]) -> float:
    """Largest relative difference of the states after each block, and of the logits, from Hugging Face's own."""
    batch = torch.tensor([list(ids)])
    ones = torch.ones_like(batch)
    out = reader.model(
        input_ids=batch, attention_mask=ones, output_hidden_states=True, use_cache=False
    )
    prefix = reader.prefix(ids)
    far = _relative(prefix.unembed(prefix.hidden), torch.log_softmax(out.logits[0].float(), -1))
    theirs = doctor.after_blocks(reader, ids, out.get("hidden_states") or ())
    sites = [Site("resid_post", layer) for layer in range(len(theirs))]
    ours = reader.states(ids, sites) if sites else {}
    return max([far, *(_relative(ours[site], theirs[site.layer]) for site in sites)])


def forks_apart(reader: Reasoner, ids: Sequence[int]) -> float:
    """Largest difference, in nats, of an answer's log-probability on forks from plain runs."""
    cuts = [len(ids) // 3, len(ids) // 2, len(ids)]
    suffix, answer = list(reader.cue_ids), list(reader.answer_ids("7"))
    scores = reader.prefix(ids).branches(cuts, [suffix] * 3).score([answer] * 3)
    far = 0.0
    for cut, score in zip(cuts, scores, strict=True):
        log_p = torch.log_softmax(plain(reader, [*ids[:cut], *suffix, *answer[:-1]]), -1)
        first = cut + len(suffix) - 1
        whole = sum(float(log_p[first + i, token]) for i, token in enumerate(answer))
        far = max(far, abs(float(score) - whole) / (1 + abs(whole)))
    return far


def rows_apart(reader: Reasoner, ids: Sequence[int]) -> float:
    """Largest relative difference of rows that begin at a layer from whole patched rows; 0 where nothing can be patched."""
    if not backbone_of(reader.model).streams:
        return 0.0
    prefix, inputs = run_with_inputs(reader, ids)
    start = len(ids) // 2
    edits = [
        Intervention(Site("resid_pre", layer), (start,), Replace(2 * states[start, None]))
        for layer, states in enumerate(inputs)
    ]
    whole = [[*ids[start:]]] * len(edits)
    theirs = prefix.rerun_from(start, rows=whole, under=[[edit] for edit in edits])
    return _relative(layer_rows(prefix, start, edits, inputs=inputs), theirs)


def _relative(ours: torch.Tensor, theirs: torch.Tensor) -> float:
    return float((ours.float() - theirs.float()).abs().max() / theirs.float().abs().max())


def table(outcomes: Sequence[Outcome]) -> str:
    """The table as Markdown."""
    works = [one for one in outcomes if not one.refused]
    lines = [
        "# Families",
        "",
        "Made by `python -m tools.families`: every causal language model that `transformers` lists is built tiny with random",
        "weights, saved, loaded and tried; `make test-slow` asserts it. *Parity* is the largest relative difference of states, logits and",
        "forked answers from plain runs of Hugging Face. Every family that works writes what plain runs write, alone and in a batch.",
        "*Writing*: in padded batches, in batches of equal length, or one text alone; where a family has no cache that gives the",
        "numbers of plain runs, every token is a run of the whole text.",
        "",
        f"{len(works)} of {len(outcomes)} work, {sum(one.masks for one in works)} with steps that can be hidden (suppression, information flow, masked pruning).",
        "",
        "| family | class | states | forks | steps can be hidden | step attention | writing | parity |",
        "|---|---|---|---|---|---|---|---|",
    ]
    lines += [row(one) for one in works]
    lines += ["", "| family | class | why not |", "|---|---|---|"]
    lines += [row(one) for one in outcomes if one.refused]
    return "\n".join(lines) + "\n"


def row(one: Outcome) -> str:
    """A family's line."""
    if one.refused:
        return f"| {one.name} | {one.model} | {one.refused} |"
    masks = "yes" if one.masks else f"no: {one.why}"
    states, attention = ("yes" if holds else "no" for holds in (one.states, one.attention))
    return f"| {one.name} | {one.model} | {states} | {one.forks} | {masks} | {attention} | {one.writing} | {one.parity:.0e} |"


def main() -> None:
    """Try the families named, or all of them and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*")
    chosen = parser.parse_args().names
    torch.set_num_threads(1)
    outcomes = []
    for name in chosen or NAMES:
        outcomes.append(outcome(name))
        print(outcomes[-1], flush=True)
    if not chosen:
        DOC.write_text(table(outcomes), encoding="utf-8")


if __name__ == "__main__":
    main()
