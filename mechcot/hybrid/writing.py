"""One batch of problems in one condition, as JSON-able rows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from typing_extensions import TypedDict

from mechcot.core.pair import Pair
from mechcot.core.problem import Problem
from mechcot.hybrid.conditions import TUNED_ALONE, HybridCondition
from mechcot.hybrid.fitting import Fitted
from mechcot.hybrid.settings import HybridSettings
from mechcot.model.generation.giving import GivenVectors, Giving
from mechcot.model.generation.guided import told_positions, write_guided
from mechcot.model.generation.write_traces import item_seed
from mechcot.model.internals.sites import Site
from mechcot.model.reasoner import Reasoner
from mechcot.text.answer_outcomes import is_right


class HybridRow(TypedDict):
    """One text, see `write_batch`."""

    id: str
    answer: str | None
    right: bool
    finished: bool
    ids: list[int]
    given: list[int]
    positions: int
    tellable: int
    disagreed: int
    position_bits: float
    choice_bits: float


class HybridBatch(TypedDict):
    """What is kept of one batch."""

    rows: list[HybridRow]


@dataclass(frozen=True)
class HybridTask:
    """A batch of problems to be written in one condition.

    Attributes:
        condition: The condition.
        problems: The problems.
        listed: By the problem's id the new tokens, from 0, at which something is given; empty where the models' disagreement says it.
    """

    condition: HybridCondition
    problems: tuple[Problem, ...]
    listed: Mapping[str, tuple[int, ...]]


def write_batch(
    models: Pair[Reasoner], fitted: Fitted, settings: HybridSettings, task: HybridTask
) -> HybridBatch:
    """Write a batch.

    Returns:
        A row a problem, among others `given` (which new tokens, from 0), `tellable` (at how many of the first something could be), `position_bits` (which positions; places that chance or a count
        names are told to everyone, so none) and `choice_bits` (which token or vector).
    """
    writer, guide = models.before, models.after
    if task.condition.name == TUNED_ALONE:
        writer, guide = guide, writer
    giving = giving_of(task.condition, fitted, settings)
    written = write_guided(
        writer,
        guide,
        task.problems,
        giving,
        max_tokens=settings.max_tokens,
        listed=task.listed,
        seed=settings.seed,
        batch_size=settings.batch,
    )
    told = task.condition.places == "disagreements"
    rows: list[HybridRow] = [
        {
            "id": trace.problem.id,
            "answer": trace.answer.text,
            "right": is_right(trace.answer.text, trace.problem),
            "finished": trace.finished,
            "ids": list(trace.ids[trace.prompt_length :]),
            "given": record.given,
            "positions": record.positions,
            "tellable": told_positions(writer, trace) if giving.until_answer else record.positions,
            "disagreed": record.disagreed,
            "position_bits": record.position_bits if told else 0.0,
            "choice_bits": sum(record.bits),
        }
        for trace, record in written
    ]
    return {"rows": rows}


def giving_of(condition: HybridCondition, fitted: Fitted, settings: HybridSettings) -> Giving:
    """What a condition gives."""
    if condition.what == "nothing":
        return Giving(budget=0.0)
    budget = 1.0 if condition.budget is None else condition.budget
    threshold = None
    if condition.budget is not None:
        threshold = fitted["thresholds"][settings.budgets.index(condition.budget)]
    vectors = None if condition.what == "tokens" else _vectors(condition, fitted, settings.seed)
    return Giving(
        vectors=vectors,
        places="listed"
        if condition.matched
        else "disagreements"
        if condition.places == "disagreements"
        else "everywhere",
        threshold=threshold or 0.0,
        budget=0.0 if condition.places == "disagreements" and threshold is None else budget,
        until_answer=vectors is not None,
    )


def _vectors(condition: HybridCondition, fitted: Fitted, seed: int) -> GivenVectors:
    site, centres = Site.parse(fitted["site"]), torch.tensor(fitted["vectors"])
    if condition.what == "bias":
        bias = torch.tensor(fitted["bias"])[None]
        return GivenVectors(site, fitted["bias_factor"] * bias, bias)
    scaled = fitted["factor"] * centres
    if condition.what == "random vectors":
        scaled = random_like(scaled, seed=seed)
    return GivenVectors(
        site, scaled, centres, "random" if condition.what == "random categories" else "nearest"
    )


def random_like(vectors: Tensor, *, seed: int) -> Tensor:
    """Random directions, each as long as its vector."""
    drawn = torch.randn(vectors.shape, generator=torch.Generator().manual_seed(seed))
    return drawn / drawn.norm(dim=-1, keepdim=True) * vectors.norm(dim=-1, keepdim=True)


def places_like(
    condition: HybridCondition, rows: Sequence[HybridRow], *, seed: int
) -> dict[str, tuple[int, ...]]:
    """As many positions as each text of the matched condition was given: its first, or any of those at which it could be."""
    listed = {}
    for row in rows:
        count, among = len(row["given"]), max(row["tellable"], len(row["given"]))
        chance = np.random.default_rng(item_seed(seed, row["id"]))
        at = range(count) if condition.places == "first" else chance.choice(among, count, replace=False)  # fmt: skip
        listed[row["id"]] = tuple(sorted(map(int, at)))
    return listed
