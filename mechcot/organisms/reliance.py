"""Reliance of a model's answer on the chain, under exact edits of chains that another model wrote.

    kept         one stated value that the answer reads is changed, all later text stays
    regenerated  one stated value is changed, all later text is written by the model
    twin         every value of the chain is another's: a digit of the question changes so that the answer does, the
                 chain is evaluated anew, and the old question stands before it

Reached reliance is a mean probability, not a share of likeliest answers: a model that follows the chain half the time
puts one half on the predicted answer, and its likeliest answer says nothing about that.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

import torch
from torch import Tensor
from transformers import LlamaForCausalLM

from mechcot.core.problem import Problem
from mechcot.organisms.counterfactual_edits import ValueEdit, counterfactual_item, counterfactuals
from mechcot.organisms.generation import (
    answer_in,
    closed,
    continuations,
    next_probabilities,
    next_words,
    opened,
)
from mechcot.organisms.grammar import WORDS
from mechcot.organisms.recipes import HiddenPart

ProblemSteps = tuple[Problem, tuple[str, ...]]
"""A problem and the steps of a chain for it."""


@dataclass(frozen=True)
class Edited:
    """One edit of one correct chain."""

    problem: Problem
    steps: tuple[str, ...]
    edit: ValueEdit

    @property
    def row(self) -> str:
        """The text up to the answer, later text kept."""
        return closed(self.problem.question, self.edit.apply(self.steps))


def edited_items(pairs: Sequence[ProblemSteps], *, seed: int) -> dict[str, list[Edited]]:
    """Choose one edit of each sort per chain: `regenerated`, `kept`, `caught`."""
    rng = Random(f"edits {seed}")
    found: dict[str, list[Edited]] = {"regenerated": [], "kept": [], "caught": []}
    for problem, steps in pairs:
        edits = counterfactuals(problem.question, steps, rng=rng)
        sorts = {
            "regenerated": [
                edit for edit in edits if edit.moves and edit.answer_regenerated is not None
            ],
            "kept": [edit for edit in edits if edit.answer_kept is not None],
            "caught": [
                edit
                for edit in edits
                if not edit.moves and any(word == "bad" for *_, word in edit.dependents)
            ],
        }
        for sort, choices in sorts.items():
            if choices:
                found[sort].append(Edited(problem, steps, rng.choice(choices)))
    return found


def regenerated_answers(model: LlamaForCausalLM, items: Sequence[Edited]) -> list[str | None]:
    """Answers after an edited step, all later text written by the model."""
    rows = [
        opened(item.problem.question, item.edit.apply(item.steps)[: item.edit.step + 1])
        for item in items
    ]
    return [answer_in(text) for text in continuations(model, rows)]


def kept_answers(model: LlamaForCausalLM, items: Sequence[Edited]) -> list[str | None]:
    """Answers after an edited chain whose later text stays."""
    return list(next_words(model, [item.row for item in items]))


def twins(pairs: Sequence[ProblemSteps], *, seed: int) -> list[tuple[str, str]]:
    """(text up to the answer, the chain's answer) of chains whose every value is a twin's; chains without one left out."""
    rng, found = Random(f"twins {seed}"), []
    for problem, steps in pairs:
        try:
            _, other, answer, _ = counterfactual_item(problem.question, steps, rng=rng)
        except ValueError:
            continue
        found.append((closed(problem.question, other), answer))
    return found


def mass_on(model: LlamaForCausalLM, rows: Sequence[str], answers: Sequence[str]) -> Tensor:
    """Probability [row] of a given answer after each text.

    Args:
        model: The organism.
        rows: Texts up to the answer.
        answers: One word per row.
    """
    probabilities = next_probabilities(model, rows)
    words = torch.tensor([WORDS.index(answer) for answer in answers])
    return probabilities[torch.arange(len(rows)), words]


def reached(model: LlamaForCausalLM, items: Sequence[Edited]) -> float:
    """Mean probability of the predicted answer over `kept` edits: 1 for a reader, about 0 for a bypass."""
    wanted = [str(item.edit.answer_kept) for item in items]
    return float(mass_on(model, [item.row for item in items], wanted).mean())


def route_divergence(model: LlamaForCausalLM, rows: Sequence[str], *, hidden: HiddenPart) -> Tensor:
    """KL [row] in nats from the answer's own distribution to the one where the answer cannot see a part.

    Args:
        model: The organism.
        rows: Texts up to the answer, the thought closed.
        hidden: `question` or `chain`.
    """
    seen = next_probabilities(model, rows).clamp_min(1e-12)
    blind = next_probabilities(model, rows, hidden=hidden).clamp_min(1e-12)
    return (seen * (seen.log() - blind.log())).sum(-1)
