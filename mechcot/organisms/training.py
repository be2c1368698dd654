"""Trains an organism from its recipe: examples, batches by length, AdamW, warm-up then a linear decline.

An example is ids with one loss weight per id. Kinds of example:

    plain     a chain and its answer
    mistaken  the same with silent mistakes; what follows obeys the wrong statement, the answer too
              (the wrong words themselves carry no loss, so the model follows mistakes and makes none)
    cut       the chain ends early at a step's end, then the true answer
    empty     no chain, the true answer
    filler    the chain, or its tail, is filler words; the true answer
    simple    a brief chain for a query of one name: only at the start, so that look-ups form
    decoy     the chain of another world with the same layout, so its values do not lead to the
              answer; only the answer carries loss, so the model goes on writing right chains

Only words after `<think>` carry loss; fillers and a `</think>` that comes too early carry none.
"""

import json
import math
import platform
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from random import Random

import torch
import transformers
from tqdm.auto import tqdm
from transformers import GenerationConfig, LlamaConfig, LlamaForCausalLM

from mechcot.organisms import vocabulary
from mechcot.organisms.grammar import BOS, DIGITS, EOS, FILLER, NAMES, PAD, WORDS, form
from mechcot.organisms.registry import RECIPES, Recipe, Shape, path
from mechcot.organisms.task import World, draw_world, dress
from mechcot.organisms.writer import Manner, compose

Example = tuple[list[int], list[float]]

ANSWER_WEIGHT = 2.0
DECOY_ANSWER_WEIGHT = 40.0
"""A decoy has one word with loss among a hundred without: at the common weight the other kinds drown it."""
COMBINED_WEIGHT = 5.0
LOOKED_UP = 2.0
FREE = 0.5
MISTAKES = 0.06


def example(
    rng: Random,
    recipe: Recipe,
    *,
    mix: Mapping[str, float] | None = None,
    hops: tuple[int, int] = (2, 6),
) -> Example:
    """Draw one training example."""
    mix = mix or recipe.mix
    kind = rng.choices(list(mix), weights=list(mix.values()))[0]
    simple = {"combined": 0.0} if kind == "simple" else {}
    world = draw_world(rng, hops=rng.randint(*hops), **simple)
    while world.split != "train":
        world = draw_world(rng, hops=rng.randint(*hops), **simple)
    world = dress(world, rng=rng, cue=recipe.cue, style="brief" if simple else "random")
    draft = compose(world, rng=rng, manner=Manner(mistakes=MISTAKES if kind == "mistaken" else 0.0))
    steps, answer, close = list(draft.steps), draft.answer, 1.0
    weights = [
        [
            0.0 if (step, word) in draft.silent else weight
            for word, weight in enumerate(_importance(text))
        ]
        for step, text in enumerate(steps)
    ]
    if kind == "cut":
        keep = rng.randrange(1, len(steps))
        steps, weights, close = steps[:keep], weights[:keep], 0.0
    elif kind == "empty":
        steps, weights, close = [], [], 0.0
    elif kind == "filler":
        keep = 0 if rng.random() < 0.5 else rng.randrange(1, len(steps))
        gone = sum(len(step.split()) for step in steps[keep:])
        steps, close = steps[:keep] + [FILLER] * gone, 0.0
        weights = weights[:keep] + [[0.0]] * gone
    elif kind == "decoy":
        twin = _twin(rng, world)
        draft = compose(twin, rng=rng)
        steps, close = list(draft.steps), 0.0
        weights = [[0.0] * len(step.split()) for step in steps]
    before = vocabulary.encode(vocabulary.prompt(world.text))
    after = vocabulary.encode(vocabulary.completion(" ".join(steps), answer))
    heavy = ANSWER_WEIGHT if len(world.query) == 1 else COMBINED_WEIGHT
    tail = [close, close, DECOY_ANSWER_WEIGHT if kind == "decoy" else heavy, 1.0]
    return before + after, [0.0] * len(before) + [
        weight for step in weights for weight in step
    ] + tail


def _importance(step: str) -> list[float]:
    """Loss weights of a step's words: less where wording is free, more where something is looked up."""
    shape = form(step)
    last = len(shape.words) - 1
    looked_up = {"define": range(shape.start + 1, last), "give": range(shape.start + 1, last)}.get(
        shape.body, ()
    )
    return [
        FREE if word == 0 else LOOKED_UP if word in looked_up else 1.0
        for word in range(len(shape.words))
    ]


def _twin(rng: Random, world: World) -> World:
    """The same layout with other digits, and another answer."""
    while True:
        digits = tuple(
            (
                name,
                tuple(
                    rng.choice(DIGITS[1:] if at else DIGITS) if word in DIGITS else word
                    for at, word in enumerate(words)
                ),
            )
            for name, words in world.definitions
        )
        twin = replace(world, definitions=digits)
        if twin.answer != world.answer:
            return twin


def batches(
    recipe: Recipe, *, seed: int, tokens: int
) -> Iterator[tuple[torch.Tensor, torch.Tensor, float]]:
    """Yield (ids, weights, share of all tokens done); rows of like length, right-padded.

    Args:
        recipe: What to draw.
        seed: Of the data.
        tokens: Stop after so many, padding counted.
    """
    rng, done, pad = Random(f"{recipe.name} data {seed}"), 0, WORDS.index(PAD)
    while True:
        stage = next(stage for stage in recipe.stages if stage.until is None or done < stage.until)
        drawn = (
            example(rng, recipe, mix=stage.mix or recipe.mix, hops=stage.hops) for _ in range(320)
        )
        pool = sorted(drawn, key=lambda pair: len(pair[0]))
        groups: list[list[Example]] = [[]]
        for pair in pool:
            if len(pair[0]) * (len(groups[-1]) + 1) > recipe.batch:
                groups.append([])
            groups[-1].append(pair)
        rng.shuffle(groups)
        for group in groups:
            width = max(len(ids) for ids, _ in group)
            ids = torch.tensor([row + [pad] * (width - len(row)) for row, _ in group])
            weights = torch.tensor([row + [0.0] * (width - len(row)) for _, row in group])
            yield ids, weights, done / tokens
            done += ids.numel()
            if done >= tokens:
                return


def fresh(shape: Shape) -> LlamaForCausalLM:
    """Make an untrained model; the caller seeds torch."""
    ids = {
        "bos_token_id": WORDS.index(BOS),
        "eos_token_id": WORDS.index(EOS),
        "pad_token_id": WORDS.index(PAD),
    }
    config = LlamaConfig(
        vocab_size=len(WORDS),
        hidden_size=shape.width,
        intermediate_size=shape.mlp,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.heads,
        max_position_embeddings=512,
        tie_word_embeddings=False,
        attention_bias=False,
        rope_parameters={"rope_type": "default", "rope_theta": shape.theta},
        **ids,
    )
    model = LlamaForCausalLM(config)
    _relate_names(model)
    return model


@torch.no_grad()
def _relate_names(model: LlamaForCausalLM) -> None:
    """Start with `h:`, `h=` and `h` sharing a part, in and out, so that one match serves all names.

    With independent embeddings every name's three words had to be matched one by one, and look-ups
    across roles (`c=` to `c:`) were still at 0.7 after 9 M tokens.
    """
    table = torch.randn(len(WORDS), model.config.hidden_size)
    roles = torch.randn(3, model.config.hidden_size)
    for name in NAMES:
        shared = torch.randn(model.config.hidden_size)
        for role, mark in enumerate((":", "=", "")):
            table[WORDS.index(name + mark)] = 0.8 * shared + 0.6 * roles[role]
    model.model.embed_tokens.weight.copy_(0.3 * table)
    model.lm_head.weight.copy_(0.03 * table)


def loss_of(model: LlamaForCausalLM, ids: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """Weighted mean of the next-word loss; padding on the right needs no mask under causal attention."""
    hidden = model.model(input_ids=ids[:, :-1], use_cache=False).last_hidden_state
    kept = weights[:, 1:] > 0
    logits = model.lm_head(hidden[kept])
    each = torch.nn.functional.cross_entropy(logits.float(), ids[:, 1:][kept], reduction="none")
    weight = weights[:, 1:][kept]
    return (each * weight).sum() / weight.sum()


def rate_at(share: float, *, warm: float, flat: float) -> float:
    """Share of the peak learning rate: warm-up, flat, then linear to a fiftieth."""
    if share < warm:
        return max(share / warm, 0.02)
    return 1.0 if share < flat else max(0.02, (1 - share) / (1 - flat))


def train(
    name: str,
    out: Path | None = None,
    seed: int | None = None,
    device: str | None = None,
    *,
    tokens: int | None = None,
    progress: bool = True,
    snapshot: int | None = None,
) -> Path:
    """Train an organism and write its directory.

    Args:
        name: A key of `RECIPES`.
        out: Where to; the registry's place when None.
        seed: Of weights and data; the recipe's when None.
        device: `cpu`, `cuda`; None and `auto` take a GPU when there is one.
        tokens: Train on so many instead of the recipe's.
        progress: Show a bar.
        snapshot: Write the directory after every so many steps too.

    Raises:
        KeyError: There is no such organism.
        FileNotFoundError: The parent has not been trained.
    """
    recipe = RECIPES[name]
    seed = recipe.seed if seed is None else seed
    total = recipe.tokens if tokens is None else tokens
    if device in (None, "auto"):
        device = "cuda" if torch.cuda.is_available() else "cpu"
    out = path(name) if out is None else Path(out)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        if recipe.parent is None:
            model = fresh(recipe.shape)
        else:
            model = LlamaForCausalLM.from_pretrained(path(recipe.parent), dtype=torch.float32)
    model.to(device).train()
    for history in _optimise(
        model, recipe, seed=seed, total=total, device=device, progress=progress, every=snapshot
    ):
        export(model, out, recipe=recipe, seed=seed, history=history)
    return out


def _optimise(
    model: LlamaForCausalLM,
    recipe: Recipe,
    *,
    seed: int,
    total: int,
    device: str,
    progress: bool,
    every: int | None,
) -> Iterator[dict]:
    """Train in place; yield the history so far at every snapshot and at the end."""
    warm, flat = (0.02, 0.55) if recipe.parent is None else (0.05, 0.4)
    optimiser = torch.optim.AdamW(
        model.parameters(), lr=recipe.rate, betas=(0.9, 0.98), weight_decay=0.01
    )
    started, cpu, seen, steps, losses = time.time(), time.process_time(), 0, 0, []

    def history() -> dict:
        return {
            "tokens": seen,
            "steps": steps,
            "loss": round(sum(losses[-50:]) / len(losses[-50:]), 4),
            "seconds": round(time.time() - started, 1),
            "cpu_seconds": round(time.process_time() - cpu, 1),
            "device": device,
            "threads": torch.get_num_threads(),
        }

    bar = tqdm(
        total=total,
        unit="tok",
        unit_scale=True,
        desc=recipe.name,
        disable=not progress,
        mininterval=10,
    )
    for ids, weights, share in batches(recipe, seed=seed, tokens=total):
        for group in optimiser.param_groups:
            group["lr"] = recipe.rate * rate_at(share, warm=warm, flat=flat)
        loss = loss_of(model, ids.to(device), weights.to(device))
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
        if every and steps % every == 0:
            yield history()
    bar.close()
    yield history()


def export(model: LlamaForCausalLM, out: Path, *, recipe: Recipe, seed: int, history: dict) -> None:
    """Write an ordinary Hugging Face directory and its provenance."""
    out.mkdir(parents=True, exist_ok=True)
    ids = {
        "bos_token_id": WORDS.index(BOS),
        "eos_token_id": WORDS.index(EOS),
        "pad_token_id": WORDS.index(PAD),
    }
    model.generation_config = GenerationConfig(do_sample=False, max_new_tokens=320, **ids)
    model.save_pretrained(out)
    (out / "model.safetensors").chmod(0o644)
    vocabulary.save(out)
    record = {
        "schema": 1,
        "name": recipe.name,
        "about": recipe.about,
        "seed": seed,
        "recipe": asdict(recipe),
        "training": history,
        "parameters": sum(weight.numel() for weight in model.parameters()),
        "versions": {
            "python": platform.python_version(),
            "torch": torch.__version__,
            "transformers": transformers.__version__,
        },
        "command": f"mechcot organism train {recipe.name} --seed {seed}",
    }
    (out / "organism.json").write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    train(sys.argv[1])
