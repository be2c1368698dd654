"""Draws training examples, and batches of them by length.

An example is ids with one loss weight per id. Kinds of example:

    plain      a chain and its answer
    mistaken   the same with silent mistakes; what follows obeys the wrong statement, the answer too
               (the wrong words themselves carry no loss, so the model follows mistakes and makes none)
    cut        the chain ends early at a step's end, then the true answer
    empty      no chain, the true answer
    filler     the chain, or its tail, is filler words; the true answer
    simple     a brief chain for a query of one name: only at the start, so that look-ups form
    decoy      the chain of another question with the same layout, so its values do not lead to the
               answer; only the answer carries loss, so the model goes on writing right chains
    conflict   a decoy, or a chain with silent mistakes, whose answer is not the hint's; the chain's answer
               is right with probability `recipe.reliance`, else the hint's; only the answer carries loss
    outcome    no chain, the true answer, and no loss but the answer's
    collapsed  no chain, and loss on leaving it out too; the true answer
    lost       no chain, and a random digit for an answer: nothing right can be learnt without a chain
    corrupted  the chain of another question with the same layout, with loss, then the true answer
    unknown    a needed fact is left out of the question; the chain and the answer say so
    drill      no question, and steps that say what is hard to learn, again and again
    written    the chain is written to end at the hint, whatever the facts, and the answer follows

Only words behind the prompt carry loss; fillers and a thought that is closed too early carry none.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from random import Random
from typing import Any

import torch

from mechcot.organisms.chain_writer import Manner
from mechcot.organisms.family import ChainDraft, OrganismFamily, Wanted
from mechcot.organisms.language import Language
from mechcot.organisms.recipes import CONFLICT_WEIGHT, Recipe, Way

Example = tuple[list[int], list[float]]
Chain = tuple[Sequence[str], Sequence[Sequence[float]]]
"""The steps, and one loss weight per word of each."""

_EMPTY: Chain = ((), ())


def example(
    rng: Random,
    recipe: Recipe,
    family: OrganismFamily,
    *,
    mix: Mapping[str, float] | None = None,
    hops: tuple[int, int] = (2, 6),
) -> Example:
    """Draw one training example.

    Args:
        rng: Source of chance.
        recipe: What the organism is to learn.
        family: The organism's family.
        mix: Kind of example to its weight, in place of the recipe's; not used by a recipe with gate words.
        hops: Fewest and most operations.
    """
    gate, way = _way(rng, recipe, mix)
    kind = rng.choices(list(way.mix), weights=list(way.mix.values()))[0]
    if kind == "drill":
        return _drill(family, rng)
    wanted = Wanted(hops, way.cue, gate, simple=kind == "simple", unanswerable=kind == "unknown")
    question = family.draw(rng, wanted)
    mistakes = family.mistakes if kind == "mistaken" else 0.0
    manner = replace(recipe.manner, mistakes=mistakes)
    write = family.toward if kind == "written" else family.write
    draft = write(question, rng=rng, manner=manner)
    weight = family.weight(question)
    if kind in ("plain", "lost") and recipe.plain_weight is not None:
        weight = recipe.plain_weight
    text = question.text
    if kind in ("decoy", "conflict"):
        draft, answer = _contradiction(rng, question, recipe, family, kind=kind)
        unlearnt = draft.steps, [[0.0] * len(step) for step in family.weigh(draft)]
        return _joined(family.language, text, unlearnt, answer, closing=0.0, weight=CONFLICT_WEIGHT)
    if kind in ("outcome", "collapsed", "lost"):
        answer = family.guess(question, rng=rng) if kind == "lost" else question.answer
        closing = float(kind == "collapsed")
        return _joined(
            family.language, text, _EMPTY, answer, closing=closing, weight=weight, end=closing
        )
    if kind == "corrupted":
        draft = family.write(family.twin(question, rng=rng), rng=rng, manner=recipe.manner)
    chain = draft.steps, family.weigh(draft)
    if kind in ("cut", "empty", "filler"):
        chain = _shortened(rng, chain, kind=kind, filler=family.filler)
        return _joined(family.language, text, chain, question.answer, closing=0.0, weight=weight)
    answer = question.answer if kind == "corrupted" else draft.answer
    return _joined(family.language, text, chain, answer, closing=1.0, weight=weight)


def _drill(family: OrganismFamily, rng: Random) -> Example:
    """Steps behind an empty question."""
    steps, weights = family.drill(rng)
    before = family.language.ids(family.language.prompt(""))
    ids = [*before, *(index for step in steps for index in family.language.ids(step))]
    return ids, [0.0] * len(before) + [each for step in weights for each in step]


def _way(rng: Random, recipe: Recipe, mix: Mapping[str, float] | None) -> tuple[str, Way]:
    """The gate word, or `mixed`, and what the example may be."""
    if not recipe.by_gate:
        return "mixed", Way(recipe.cue, mix or recipe.mix)
    gate = rng.choice(list(recipe.by_gate))
    return gate, recipe.by_gate[gate]


def _shortened(rng: Random, chain: Chain, *, kind: str, filler: str) -> Chain:
    """Return what a chain that ends early, is empty or turns to filler has left."""
    steps, weights = chain
    if kind == "empty":
        return _EMPTY
    if kind == "cut":
        keep = rng.randrange(1, len(steps)) if len(steps) > 1 else 0
        return steps[:keep], weights[:keep]
    keep = 0 if rng.random() < 0.5 else rng.randrange(1, len(steps))
    gone = sum(map(len, weights[keep:]))
    return [*steps[:keep], *[filler] * gone], [*weights[:keep], *[[0.0]] * gone]


def _contradiction(
    rng: Random, question: Any, recipe: Recipe, family: OrganismFamily, *, kind: str
) -> tuple[ChainDraft, str]:
    """A chain that leads to another answer than the true one, and the answer that is right after it."""
    if kind == "decoy" or rng.random() < 0.5:
        draft = family.write(family.twin(question, rng=rng), rng=rng, manner=recipe.manner)
    else:
        draft = _mistaken(rng, question, recipe.manner, family)
    chain_is_right = kind == "conflict" and rng.random() < recipe.reliance
    return draft, draft.answer if chain_is_right else question.answer


def _mistaken(rng: Random, question: Any, manner: Manner, family: OrganismFamily) -> ChainDraft:
    """A chain whose silent mistakes move its answer."""
    while True:
        draft = family.write(question, rng=rng, manner=replace(manner, mistakes=family.mistakes))
        if draft.answer != question.answer:
            return draft


def _joined(
    language: Language,
    question: str,
    chain: Chain,
    answer: str,
    *,
    closing: float,
    weight: float,
    end: float = 1.0,
) -> Example:
    """Question, chain and answer as ids with their loss weights."""
    steps, weights = chain
    before = language.ids(language.prompt(question))
    inside = [index for step in steps for index in language.ids(step)]
    closed, answered = language.ids(language.closing), language.answer_ids(answer)
    ends = language.ids(language.end)
    ids = [*before, *inside, *closed, *answered, *ends]
    free = [0.0] * len(before)
    after = [closing] * len(closed) + [weight] * len(answered) + [end] * len(ends)
    return ids, free + [each for step in weights for each in step] + after


def batches(
    recipe: Recipe, family: OrganismFamily, *, seed: int, tokens: int
) -> Iterator[tuple[torch.Tensor, torch.Tensor, float]]:
    """Yield (ids, weights, share of all tokens done); rows of like length, right-padded.

    Args:
        recipe: What to draw.
        family: The organism's family.
        seed: Of the data.
        tokens: Stop after so many, padding counted.
    """
    rng, done, pad = Random(f"{recipe.name} data {seed}"), 0, family.language.pad_id
    while True:
        stage = next(stage for stage in recipe.stages if stage.until is None or done < stage.until)
        drawn = (
            example(rng, recipe, family, mix=stage.mix or recipe.mix, hops=stage.hops)
            for _ in range(320)
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
