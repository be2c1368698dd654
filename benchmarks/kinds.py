"""`python -m benchmarks.kinds FOLDER`: how well rules name what a step does.

FOLDER holds `traces.jsonl` of Thought Anchors (sentences with one of eight tags, given by a language model). Problems sorted by
number are dealt out in turn: the first, third, ... were read when the cues were chosen (`tuning`), the others are held out.
All traces of one problem stand on one side. Without FOLDER only the organisms' chains, whose kinds are exact.
"""

import json
import re
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mechcot.core.trace import StepKind
from mechcot.influence.labels import LabelScores, score_labels
from mechcot.text.functions import KIND_OF, FunctionClassifier, FunctionTag, RuleTagger
from mechcot.text.kinds import RuleClassifier

TAGS = tuple(tag.value for tag in FunctionTag)
KINDS = tuple(kind.value for kind in StepKind)
PUBLIC = 0.31
"""Macro-F1 of the best public rule set on these tags."""


@dataclass(frozen=True)
class Chain:
    """A chain with a label for each step."""

    problem: str
    steps: tuple[str, ...]
    labels: tuple[str, ...]


def published(folder: Path) -> tuple[list[Chain], list[Chain]]:
    """The chains of the tuning half and of the held-out half of the problems."""
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
    numbers = sorted({int(chain.problem) for chain in chains})
    tuning = {str(number) for number in numbers[::2]}
    return (
        [chain for chain in chains if chain.problem in tuning],
        [chain for chain in chains if chain.problem not in tuning],
    )


def organism_chains(n: int = 200, *, seed: int = 6) -> list[Chain]:
    """Written chains of the organisms' task with their exact kinds."""
    from random import Random

    from mechcot.organisms.task import problems, read_question
    from mechcot.organisms.truth import parse
    from mechcot.organisms.writer import compose
    from mechcot.text.segment import pieces

    chains = []
    for problem in problems(n, seed=seed):
        text = compose(read_question(problem.question), rng=Random(problem.id)).text
        steps = pieces(f" {text}", how="word_dot")
        facts = parse(problem.question, [step.strip() for step in steps])
        chains.append(Chain(problem.id, tuple(steps), tuple(fact.kind.value for fact in facts)))
    return chains


def by_tags(chains: Iterable[Chain]) -> LabelScores:
    """The scorecard on the eight tags."""
    return _scores(chains, TAGS, lambda steps: [tag.value for tag in RuleTagger().tags(steps)])


def by_kinds(chains: Iterable[Chain], *, classifier: object) -> LabelScores:
    """A classifier on the six kinds; labels that are tags are mapped first."""
    mapped = [
        Chain(
            chain.problem,
            chain.steps,
            tuple(
                KIND_OF[FunctionTag(label)].value if label in TAGS else label
                for label in chain.labels
            ),
        )
        for chain in chains
    ]
    return _scores(mapped, KINDS, lambda steps: [kind.value for kind in classifier(steps)])  # type: ignore[operator]


def _scores(chains: Iterable[Chain], labels: Sequence[str], label: object) -> LabelScores:
    chains = list(chains)
    found = [each for chain in chains for each in label(chain.steps)]  # type: ignore[operator]
    truth = [each for chain in chains for each in chain.labels]
    groups = [chain.problem for chain in chains for _ in chain.steps]
    return score_labels(truth, found, groups=groups, labels=labels)


def probe_scores(n: int = 60, *, seed: int = 6, layer: int = 1) -> tuple[LabelScores, LabelScores]:
    """A probe on the organism `base`, trained on exact kinds: held-out problems, and shuffled labels."""
    from random import Random

    from mechcot.influence.kind_probe import train_probe
    from mechcot.model.reasoner import Reasoner
    from mechcot.organisms.chains import as_completion
    from mechcot.organisms.exact import with_exact_kinds
    from mechcot.organisms.task import problems, read_question
    from mechcot.organisms.writer import compose

    reader = Reasoner.load("organism:base")
    traces = [
        with_exact_kinds(
            reader.read(as_completion(p, compose(read_question(p.question), rng=Random(p.id))))
        )
        for p in problems(n, seed=seed)
    ]
    labels = [[step.kind for step in trace.chain_steps] for trace in traces]
    probe = train_probe(reader, traces, labels, layer=layer, seed=seed)
    return probe.held_out, probe.shuffled


def row(name: str, scores: LabelScores) -> str:
    """One line of the table."""
    macro = scores.macro
    cells = (
        name,
        f"{macro.mean:.2f} [{macro.low:.2f}, {macro.high:.2f}]",
        f"{scores.kappa:.2f}",
        f"{scores.accuracy:.2f}",
        str(macro.units),
        str(macro.n),
    )
    return f"| {' | '.join(cells)} |"


def confusion(scores: LabelScores) -> str:
    """True (rows) against found labels, and F1, as a Markdown table."""
    shown = [i for i in range(len(scores.labels)) if scores.confusion[i].any()]
    found = [i for i in range(len(scores.labels)) if scores.confusion[:, i].any()]
    head = ["true / found", *(scores.labels[i] for i in found), "F1"]
    lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    for i in shown:
        f1 = "" if np.isnan(scores.f1[i]) else f"{scores.f1[i]:.2f}"
        cells = [scores.labels[i], *(str(scores.confusion[i, j]) for j in found), f1]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def main(arguments: Sequence[str]) -> int:
    """Print the tables; 1 when the held-out interval does not lie above the public rule set."""
    head = "| labels | macro-F1 [95 % over problems] | kappa | accuracy | problems | steps |"
    print(f"{head}\n|{'---|' * 6}")
    holds = True
    tables = []
    if arguments:
        tuning, held_out = published(Path(arguments[0]))
        scores = by_tags(held_out)
        holds = scores.macro.mean >= 0.4 and scores.macro.low > PUBLIC
        print(row("eight tags, tuning half", by_tags(tuning)))
        print(row("**eight tags, held-out half**", scores))
        for name, classifier in (("tags mapped", FunctionClassifier()), ("cues", RuleClassifier())):
            print(row(f"kinds by {name}, held-out", by_kinds(held_out, classifier=classifier)))
        tables.append(("Eight tags, held-out half", scores))
    exact = organism_chains()
    for name, classifier in (("tags mapped", FunctionClassifier()), ("cues", RuleClassifier())):
        scores = by_kinds(exact, classifier=classifier)
        print(row(f"kinds by {name}, organisms (exact)", scores))
        tables.append((f"Organisms, kinds by {name}", scores))
    held_out, shuffled = probe_scores()
    print(row("kinds by a probe on base, layer 1, held-out", held_out))
    print(row("the same probe, shuffled labels", shuffled))
    for title, scores in tables:
        print(f"\n{title}\n\n{confusion(scores)}")
    return 0 if holds else 1


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
