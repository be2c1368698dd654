"""Chains with a label for their steps: published ones, those labelled for this project (by one annotator, a language model), and the organisms'."""

import csv
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.thought_anchor_tags import KIND_OF, FunctionTag
from mechcot.text.segment import pieces

TAGS = tuple(tag.value for tag in FunctionTag)
READ_HERE = Path(__file__).parents[1] / "tests" / "text" / "kind_labels.csv"
"""Where labelled steps stand: file, line, field, step; no text."""


@dataclass(frozen=True)
class Chain:
    """A chain with a label for each step; None: the step has none.

    Attributes:
        problem: What it is about; chains of one problem are never parted.
        steps: The texts.
        labels: One per step.
    """

    problem: str
    steps: tuple[str, ...]
    labels: tuple[str | None, ...]


def published(folder: Path) -> list[Chain]:
    """The chains of Thought Anchors with one of eight tags for each sentence."""
    chains = []
    for line in (folder / "traces.jsonl").read_text(encoding="utf-8").splitlines():
        record = json.loads(line)
        number = re.search(r"problem_(\d+)", record["id"])
        if number is None:
            msg = f"expected ids that name a problem (problem_123), got {record['id']!r}"
            raise ValueError(msg)
        steps = tuple(chunk["chunk"] for chunk in record["chunks"])
        labels = tuple(chunk["function_tags"][0] for chunk in record["chunks"])
        chains.append(Chain(number[1], steps, labels))
    return chains


def halves(chains: Iterable[Chain]) -> tuple[list[Chain], list[Chain]]:
    """Those of the problems that were read when the cues were chosen (the first, third, ... by number), and the others."""
    chains = list(chains)
    tuning = {str(number) for number in sorted({int(chain.problem) for chain in chains})[::2]}
    return (
        [chain for chain in chains if chain.problem in tuning],
        [chain for chain in chains if chain.problem not in tuning],
    )


def as_kinds(chains: Iterable[Chain]) -> list[Chain]:
    """The same chains with tags mapped to kinds."""
    return [
        replace(
            chain,
            labels=tuple(
                KIND_OF[FunctionTag(label)].value if label in TAGS else label
                for label in chain.labels
            ),
        )
        for chain in chains
    ]


def read_here(folder: Path) -> list[Chain]:
    """The chains in which some steps were labelled for this project, by kinds.

    Args:
        folder: Holds the folders that the label file names.

    Raises:
        FileNotFoundError: One of them is missing.
    """
    with READ_HERE.open(encoding="utf-8", newline="") as handle:
        rows = list(csv.DictReader(handle))
    chains = []
    for file, line, field in sorted(
        {(row["file"], int(row["line"]), row["field"]) for row in rows}
    ):
        value = json.loads((folder / file).read_text(encoding="utf-8").splitlines()[line])[field]
        steps = tuple(pieces(value) if isinstance(value, str) else value)
        labels: list[str | None] = [None] * len(steps)
        for row in rows:
            if (row["file"], int(row["line"]), row["field"]) == (file, line, field):
                labels[_step(row, steps)] = row["kind"]
        chains.append(Chain(f"{file}:{line}", steps, tuple(labels)))
    return chains


def _step(row: dict[str, str], steps: tuple[str, ...]) -> int:
    """Number of a labelled step; by its first character where the text was cut by this package."""
    if not row["start"]:
        return int(row["step"])
    start = 0
    for index, step in enumerate(steps):
        if start == int(row["start"]):
            return index
        start += len(step)
    msg = f"expected a step that begins at character {row['start']} of {row['file']}, line {row['line']}: label it again"
    raise ValueError(msg)


def organism_chains(n: int = 200, *, seed: int = 6) -> list[Chain]:
    """Written chains of the organisms' task with their exact kinds."""
    from random import Random

    from mechcot.organisms.chain_writer import compose
    from mechcot.organisms.ground_truth import parse
    from mechcot.organisms.problems import problems, read_question

    chains = []
    for problem in problems(n, seed=seed):
        text = compose(read_question(problem.question), rng=Random(problem.id)).text
        steps = pieces(f" {text}", how="word_dot")
        facts = parse(problem.question, [step.strip() for step in steps])
        chains.append(Chain(problem.id, tuple(steps), tuple(fact.kind.value for fact in facts)))
    return chains
