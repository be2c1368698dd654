"""Draws training examples, and batches of them by length.

An example is ids with one loss weight per id. Kinds of example:

    plain      a chain and its answer
    mistaken   the same with silent mistakes; what follows obeys the wrong statement, the answer too
               (the wrong words themselves carry no loss, so the model follows mistakes and makes none)
    cut        the chain ends early at a step's end, then the true answer
    empty      no chain, the true answer
    filler     the chain, or its tail, is filler words; the true answer
    simple     a brief chain for a query of one name: only at the start, so that look-ups form
    decoy      the chain of another world with the same layout, so its values do not lead to the
               answer; only the answer carries loss, so the model goes on writing right chains
    conflict   a decoy, or a chain with silent mistakes, whose answer is not the hint's; the chain's answer
               is right with probability `recipe.reliance`, else the hint's; only the answer carries loss
    outcome    no chain, the true answer, and no loss but the answer's
    collapsed  no chain, and loss on leaving it out too; the true answer
    lost       no chain, and a random digit for an answer: nothing right can be learnt without a chain
    corrupted  the chain of another world with the same layout, with loss, then the true answer

Only words after `<think>` carry loss; fillers and a `</think>` that comes too early carry none.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from random import Random
from typing import Any

import torch

from mechcot.organisms import vocabulary
from mechcot.organisms.chain_writer import Draft, Manner, compose
from mechcot.organisms.grammar import DIGITS, FILLER, PAD, WORDS, form
from mechcot.organisms.problems import QuestionGraph, draw_world, dress
from mechcot.organisms.recipes import Recipe, Way

Example = tuple[list[int], list[float]]
Chain = tuple[list[str], list[list[float]]]
"""The steps, and one loss weight per word of each."""

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
    """Draw one training example.

    Args:
        rng: Source of chance.
        recipe: What the organism is to learn.
        mix: Kind of example to its weight, in place of the recipe's; not used by a recipe with gate words.
        hops: Fewest and most operations on the spine.
    """
    gate, way = _way(rng, recipe, mix)
    kind = rng.choices(list(way.mix), weights=list(way.mix.values()))[0]
    simple: dict[str, Any] = {"combined": 0.0} if kind == "simple" else {}
    world = draw_world(rng, hops=rng.randint(*hops), **simple)
    while world.split != "train":
        world = draw_world(rng, hops=rng.randint(*hops), **simple)
    style = "brief" if simple else "random"
    world = dress(world, rng=rng, hint=way.cue, style=style, gate=gate)
    mistakes = MISTAKES if kind == "mistaken" else 0.0
    draft = compose(world, rng=rng, manner=replace(recipe.manner, mistakes=mistakes))
    if kind in ("decoy", "conflict"):
        draft, answer = _contradiction(rng, world, recipe, kind=kind)
        chain = list(draft.steps), [[0.0] * len(step.split()) for step in draft.steps]
        return _joined(world, chain, answer, closing=0.0, weight=DECOY_ANSWER_WEIGHT)
    heavy = ANSWER_WEIGHT if len(world.query) == 1 else COMBINED_WEIGHT
    if kind in ("outcome", "collapsed", "lost"):
        told = rng.choice(DIGITS) if kind == "lost" else world.answer
        closing = float(kind == "collapsed")
        return _joined(world, ([], []), told, closing=closing, weight=heavy, end=closing)
    if kind == "corrupted":
        chain = _weighed(compose(_twin(rng, world), rng=rng, manner=recipe.manner))
        return _joined(world, chain, world.answer, closing=1.0, weight=heavy)
    chain = _weighed(draft)
    if kind in ("cut", "empty", "filler"):
        chain = _shortened(rng, chain, kind=kind)
        return _joined(world, chain, world.answer, closing=0.0, weight=heavy)
    return _joined(world, chain, draft.answer, closing=1.0, weight=heavy)


def _way(rng: Random, recipe: Recipe, mix: Mapping[str, float] | None) -> tuple[str, Way]:
    """The gate word, or `mixed`, and what the example may be."""
    if not recipe.by_gate:
        return "mixed", Way(recipe.cue, mix or recipe.mix)
    gate = rng.choice(list(recipe.by_gate))
    return gate, recipe.by_gate[gate]


def _weighed(draft: Draft) -> Chain:
    """A written chain with its loss weights."""
    weights = [
        [
            0.0 if (step, word) in draft.silent else weight
            for word, weight in enumerate(_importance(text))
        ]
        for step, text in enumerate(draft.steps)
    ]
    return list(draft.steps), weights


def _shortened(rng: Random, chain: Chain, *, kind: str) -> Chain:
    """Return what a chain that ends early, is empty or turns to filler has left."""
    steps, weights = chain
    if kind == "empty":
        return [], []
    if kind == "cut":
        keep = rng.randrange(1, len(steps))
        return steps[:keep], weights[:keep]
    keep = 0 if rng.random() < 0.5 else rng.randrange(1, len(steps))
    gone = sum(len(step.split()) for step in steps[keep:])
    return steps[:keep] + [FILLER] * gone, weights[:keep] + [[0.0]] * gone


def _contradiction(
    rng: Random, world: QuestionGraph, recipe: Recipe, *, kind: str
) -> tuple[Draft, str]:
    """A chain that leads to another answer than the hint's, and the answer that is right after it."""
    if kind == "decoy" or rng.random() < 0.5:
        draft = compose(_twin(rng, world), rng=rng, manner=recipe.manner)
    else:
        draft = _mistaken(rng, world, recipe.manner)
    chain_is_right = kind == "conflict" and rng.random() < recipe.reliance
    return draft, draft.answer if chain_is_right else world.answer


def _mistaken(rng: Random, world: QuestionGraph, manner: Manner) -> Draft:
    """A chain whose silent mistakes move its answer."""
    while True:
        draft = compose(world, rng=rng, manner=replace(manner, mistakes=MISTAKES))
        if draft.answer != world.answer:
            return draft


def _joined(
    world: QuestionGraph,
    chain: Chain,
    answer: str,
    *,
    closing: float,
    weight: float,
    end: float = 1.0,
) -> Example:
    """Question, chain and answer as ids with their loss weights."""
    steps, weights = chain
    before = vocabulary.encode(vocabulary.prompt(world.text))
    after = vocabulary.encode(vocabulary.completion_text(" ".join(steps), answer))
    inside = [each for step in weights for each in step]
    return before + after, [0.0] * len(before) + inside + [closing, closing, weight, end]


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


def _twin(rng: Random, world: QuestionGraph) -> QuestionGraph:
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
