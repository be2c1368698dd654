"""Trains an organism from its recipe: AdamW, warm-up then a linear decline, on the CPU with one thread.

One thread and the CPU by default: sums are then taken in one order, and the same seed gives the same weights
however many cores a machine has. What was stopped goes on from its last state (`training_state`) and ends with the same weights.
Examples and their loss weights: `training_examples`.
"""

import copy
import json
import math
import platform
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import Any

import torch
import transformers
from transformers import GenerationConfig, LlamaConfig, LlamaForCausalLM

from mechcot.core.errors import UserError
from mechcot.core.progress import progress_bar
from mechcot.model.loading.spec import holds_model
from mechcot.model.loading.weights import pick_device
from mechcot.organisms.attention_masks import mask
from mechcot.organisms.family import OrganismFamily
from mechcot.organisms.grammar import BOS, EOS, PAD
from mechcot.organisms.language import WordLanguage, own_words
from mechcot.organisms.lora import load_adapted, save_adapter
from mechcot.organisms.mod10 import MOD10_FAMILY
from mechcot.organisms.recipes import HiddenPart, Recipe, Shape
from mechcot.organisms.registry import family_of, path, recipe_of, record_file
from mechcot.organisms.training_examples import batches
from mechcot.organisms.training_state import STATE_FILE, key_of, load_state, save_state

_BETWEEN = 60.0
"""Seconds between two states on disk."""


def fresh(shape: Shape, family: OrganismFamily = MOD10_FAMILY) -> LlamaForCausalLM:
    """Make an untrained model; the caller seeds torch."""
    config = LlamaConfig(
        vocab_size=len(own_words(family.language).words),
        hidden_size=shape.width,
        intermediate_size=shape.mlp,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.heads,
        max_position_embeddings=512,
        tie_word_embeddings=False,
        attention_bias=False,
        initializer_range=shape.init,
        rope_parameters={"rope_type": "default", "rope_theta": shape.theta},
        **_marks(own_words(family.language)),
    )
    model = LlamaForCausalLM(config)
    if family.kin:
        _relate_names(model, family)
    return model


def _marks(language: WordLanguage) -> dict[str, Any]:
    """Ids of the marks that a config names."""
    marks = {"bos_token_id": BOS, "eos_token_id": EOS, "pad_token_id": PAD}
    return {name: language.index[mark] for name, mark in marks.items()}


@torch.no_grad()
def _relate_names(model: LlamaForCausalLM, family: OrganismFamily) -> None:
    """Start with `h:`, `h=` and `h` sharing a part, in and out, so that one match serves all names.

    With independent embeddings every name's three words had to be matched one by one, and look-ups
    across roles (`c=` to `c:`) were still at 0.7 after 9 M tokens.
    """
    index = own_words(family.language).index
    table = torch.randn(len(index), model.config.hidden_size)
    roles = torch.randn(3, model.config.hidden_size)
    for words in family.kin:
        shared = torch.randn(model.config.hidden_size)
        for role, word in enumerate(words):
            table[index[word]] = 0.8 * shared + 0.6 * roles[role]
    model.model.embed_tokens.weight.copy_(0.3 * table)
    model.lm_head.weight.copy_(0.03 * table)


def loss_of(
    model: LlamaForCausalLM,
    ids: torch.Tensor,
    weights: torch.Tensor,
    *,
    hidden: HiddenPart = "nothing",
) -> torch.Tensor:
    """Weighted mean of the next-word loss in nats; padding on the right needs no mask under causal attention.

    Args:
        model: The organism.
        ids: [row, token], padded on the right.
        weights: [row, token], the weight of predicting each id; 0 for prompt and padding. The first column
            counts nothing.
        hidden: What the answer cannot attend to.
    """
    seen = ids[:, :-1]
    blind = {} if hidden == "nothing" else {"attention_mask": mask(seen, hidden=hidden)}
    states = model.model(input_ids=seen, use_cache=False, **blind).last_hidden_state
    kept = weights[:, 1:] > 0
    logits = model.lm_head(states[kept])
    by_token = torch.nn.functional.cross_entropy(logits.float(), ids[:, 1:][kept], reduction="none")
    weight = weights[:, 1:][kept]
    return (by_token * weight).sum() / weight.sum()


def rate_at(share: float, *, warm: float, flat: float) -> float:
    """Share of the peak learning rate: warm-up, flat, then linear to a fiftieth.

    Args:
        share: Share of the training that is done, 0 to 1.
        warm: Share at which the peak is reached.
        flat: Share at which the decline begins.
    """
    if share < warm:
        return max(share / warm, 0.02)
    return 1.0 if share < flat else max(0.02, (1 - share) / (1 - flat))


@contextmanager
def one_thread() -> Iterator[None]:
    """Run torch on one thread, and put the number back."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def train_organism(
    name: str,
    out: Path | None = None,
    seed: int | None = None,
    device: str | None = None,
    *,
    tokens: int | None = None,
    progress: bool = True,
) -> Path:
    """Train an organism and write its directory.

    Args:
        name: NAME or NAME@SEED.
        out: Where to; the registry's place when None.
        seed: Of weights and data, the same as writing NAME@SEED; the recipe's when None.
        device: `cpu` or `cuda`; None and `auto` are the CPU, because a GPU gives slightly other weights.
        tokens: Train on so many instead of the recipe's.
        progress: Show a bar.

    Raises:
        UserError: There is no such organism, its parent has not been trained, or the model that it adapts is not installed.
    """
    if seed is not None and seed != recipe_of(name).seed:
        name = f"{recipe_of(name).name}@{seed}"
    recipe, family = recipe_of(name), family_of(name)
    total = recipe.tokens if tokens is None else tokens
    device = "cpu" if device in (None, "auto") else str(pick_device(device))
    out = path(name) if out is None else Path(out)
    with one_thread():
        with torch.random.fork_rng():
            torch.manual_seed(recipe.seed)
            model = _start(recipe, family)
        torch.nn.Module.to(model, torch.device(device)).train()
        kwargs: dict[str, Any] = {"total": total, "device": device, "progress": progress}
        history = _optimise(model, recipe, state=out / STATE_FILE, **kwargs)
        export(model, out, recipe=recipe, history=history)
    (out / STATE_FILE).unlink(missing_ok=True)
    return out


def _start(recipe: Recipe, family: OrganismFamily) -> LlamaForCausalLM:
    """The model before its training."""
    folder = None if recipe.parent is None else _trained_folder(recipe.parent)
    if recipe.adapter is not None:
        return load_adapted(recipe.adapter, folder)
    if folder is None:
        return fresh(recipe.shape, family)
    return LlamaForCausalLM.from_pretrained(folder, dtype=torch.float32)


def _trained_folder(name: str) -> Path:
    folder = path(name)
    if not holds_model(folder):
        raise UserError(
            f"expected {name} in {folder}, found nothing: `mechcot organism train {name}` makes it."
        )
    return folder


def _optimise(
    model: LlamaForCausalLM,
    recipe: Recipe,
    *,
    state: Path,
    total: int,
    device: str,
    progress: bool,
) -> dict[str, Any]:
    """Train in place and return what was measured; the state on disk is written once a minute and at the start is gone on from."""
    warm, flat = (0.02, 0.55) if recipe.parent is None else (0.05, 0.4)
    optimiser = torch.optim.AdamW(
        [weight for weight in model.parameters() if weight.requires_grad],
        lr=recipe.rate,
        betas=(0.9, 0.98),
        weight_decay=0.01,
    )
    key = key_of(recipe, total=total)
    begun = load_state(state, model, optimiser, key=key) or {}
    steps, seen, losses = begun.get("steps", 0), begun.get("seen", 0), begun.get("losses", [])
    started = time.time() - begun.get("seconds", 0.0)
    cpu = time.process_time() - begun.get("cpu_seconds", 0.0)
    written = time.time()
    data = batches(recipe, family_of(recipe.name), seed=recipe.seed, tokens=total)
    bar = progress_bar(
        total=total,
        initial=seen,
        unit="tok",
        unit_scale=True,
        desc=recipe.name,
        disable=not progress,
        mininterval=10,
    )
    for ids, weights, share in islice(data, steps, None):
        for group in optimiser.param_groups:
            group["lr"] = recipe.rate * rate_at(share, warm=warm, flat=flat)
        hidden = recipe.hidden if steps % 2 == 0 else "nothing"
        loss = loss_of(model, ids.to(device), weights.to(device), hidden=hidden)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        optimiser.zero_grad()
        losses.append(loss.item())
        if not math.isfinite(losses[-1]):
            raise FloatingPointError(
                f"the loss of {recipe.name} became {losses[-1]} at step {steps}"
            )
        seen, steps = seen + ids.numel(), steps + 1
        bar.update(ids.numel())
        if steps % 50 == 0:
            bar.set_postfix(loss=f"{sum(losses[-50:]) / 50:.3f}")
        if time.time() - written > _BETWEEN:
            record = {"steps": steps, "seen": seen, "losses": losses[-50:]} | _spent(started, cpu)
            save_state(state, model, optimiser, key=key, record=record)
            written = time.time()
    bar.close()
    return {
        "tokens": seen,
        "steps": steps,
        "loss": round(sum(losses[-50:]) / len(losses[-50:]), 4),
        **_spent(started, cpu),
        "device": device,
        "threads": torch.get_num_threads(),
    }


def _spent(started: float, cpu: float) -> dict[str, float]:
    """Seconds since a training began, by the clock and of the processor."""
    return {
        "seconds": round(time.time() - started, 1),
        "cpu_seconds": round(time.process_time() - cpu, 1),
    }


def export(model: LlamaForCausalLM, out: Path, *, recipe: Recipe, history: dict) -> None:
    """Write an ordinary Hugging Face directory, or an adapter's, and its provenance.

    Args:
        model: The trained model; its generation config is set.
        out: Directory, made if missing; files in it are overwritten.
        recipe: What it was trained by.
        history: What training measured, for the record.
    """
    if recipe.adapter is None:
        _save_whole(model, out, family_of(recipe.name))
    else:
        save_adapter(model, out, recipe.adapter)
    record = {
        "schema": 1,
        "name": recipe.name,
        "about": recipe.about,
        "seed": recipe.seed,
        "recipe": asdict(recipe),
        "training": history,
        "parameters": sum(w.numel() for w in model.parameters() if w.requires_grad),
        "versions": {
            "python": platform.python_version(),
            "torch": torch.__version__,
            "transformers": transformers.__version__,
        },
        "command": f"mechcot organism train {recipe.name} --seed {recipe.seed}",
    }
    record_file(out, recipe.name).write_text(json.dumps(record, indent=1) + "\n")


def _save_whole(model: LlamaForCausalLM, out: Path, family: OrganismFamily) -> None:
    out.mkdir(parents=True, exist_ok=True)
    language = own_words(family.language)
    marks = _marks(language)
    model.generation_config = GenerationConfig(do_sample=False, max_new_tokens=320, **marks)
    if family.dtype == "bfloat16":
        rounded: Any = copy.deepcopy(model)
        rounded.to(torch.bfloat16).save_pretrained(out)
    else:
        model.save_pretrained(out)
    (out / "model.safetensors").chmod(0o644)
    language.save(out)


if __name__ == "__main__":
    train_organism(sys.argv[1])
