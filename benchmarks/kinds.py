"""`python -m benchmarks.kinds FOLDER`: how well classifiers name what a step does.

FOLDER holds `traces.jsonl` of Thought Anchors (sentences with one of eight tags, given by a language model). Problems sorted by
number are dealt out in turn: the first, third, ... were read when the cues were chosen (`tuning`), the others are held out.
All traces of one problem stand on one side. The learned classifier is trained anew for each problem, on all others. Where the folders beside
FOLDER hold them, the steps that were labelled for this project (`tests/text/kind_labels.csv`, from sources that nothing was trained on) are
named too. Without FOLDER only the organisms' chains, whose kinds are exact.
"""

import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks.labelled_chains import (
    TAGS,
    Chain,
    as_kinds,
    halves,
    organism_chains,
    published,
    read_here,
)
from benchmarks.thought_anchor_tags import FunctionClassifier, RuleTagger
from benchmarks.train_kinds import train
from mechcot.core.trace import StepKind
from mechcot.stats.bootstrap import Interval
from mechcot.stats.label_agreement import LabelScores, gaps, score_labels
from mechcot.text.learned_step_kinds import learned
from mechcot.text.step_kinds import Classifier, RuleClassifier

KINDS = tuple(kind.value for kind in StepKind)
PUBLIC = 0.31
"""Macro-F1 of the best public rule set on these tags."""

Labels = list[list[str]]
"""For each chain the label of every step."""


def scored(chains: Iterable[Chain], found: Labels, labels: Sequence[str] = KINDS) -> LabelScores:
    """Found labels against those of the chains, at the steps that have one."""
    rows = [
        (true, mine, chain.problem)
        for chain, own in zip(chains, found, strict=True)
        for true, mine in zip(chain.labels, own, strict=True)
        if true is not None
    ]
    truth, mine, groups = zip(*rows, strict=True)
    return score_labels(truth, mine, groups=groups, labels=labels)


def by_tags(chains: Sequence[Chain]) -> LabelScores:
    """The scorecard on the eight tags."""
    found = [[tag.value for tag in RuleTagger().tags(chain.steps)] for chain in chains]
    return scored(chains, found, TAGS)


def named(chains: Iterable[Chain], classifier: Classifier) -> Labels:
    """The kinds that a classifier gives."""
    return [[kind.value for kind in classifier(chain.steps)] for chain in chains]


def majority(steps: Sequence[str]) -> list[StepKind]:
    """The most frequent kind for every step; a `Classifier`."""
    return [StepKind.PROGRESSION] * len(steps)


def left_out(chains: Sequence[Chain], fit: Callable[[Sequence[Chain]], Classifier]) -> Labels:
    """Kinds by a classifier that was trained on all problems but the chain's own."""
    fitted = {
        problem: fit([chain for chain in chains if chain.problem != problem])
        for problem in sorted({chain.problem for chain in chains})
    }
    return [named([chain], fitted[chain.problem])[0] for chain in chains]


def shuffled(chains: Sequence[Chain], *, seed: int = 0) -> Classifier:
    """The learned classifier from permuted labels: what it makes of nothing; sure wording stands."""
    labels = [label for chain in chains for label in chain.labels]
    order = iter(np.random.default_rng(seed).permutation(len(labels)))
    return train([replace(c, labels=tuple(labels[next(order)] for _ in c.labels)) for c in chains])


def kind_rows(folder: Path) -> tuple[list[str], list[tuple[str, LabelScores]]]:
    """Lines of the table of kinds, and the tables to print below.

    Args:
        folder: Holds `traces.jsonl` of Thought Anchors.
    """
    chains = as_kinds(published(folder))
    held_out = halves(chains)[1]
    problems = {chain.problem for chain in held_out}
    rules: dict[str, Classifier] = {
        "openers (`RuleClassifier`)": RuleClassifier(),
        "scorecard (`FunctionClassifier`)": FunctionClassifier(),
        "most frequent kind": majority,
    }
    lines, shown = [], []
    unseen = {
        "**learned (the default), problem left out**": left_out(chains, train),
        "the same, shuffled labels": left_out(chains, shuffled),
        **{name: named(chains, classifier) for name, classifier in rules.items()},
    }
    half = {
        name: scored(
            held_out,
            [own for chain, own in zip(chains, found, strict=True) if chain.problem in problems],
        )
        for name, found in unseen.items()
    }
    lines += _against(half, "held-out half")
    lines += _against(
        {name: scored(chains, found) for name, found in unseen.items()}, "all problems"
    )
    shown.append(("Held-out half, kinds by the learned classifier", next(iter(half.values()))))
    try:
        elsewhere = read_here(folder.parent)
    except FileNotFoundError:
        return lines, shown
    scores = {
        name: scored(elsewhere, named(elsewhere, classifier))
        for name, classifier in {"**learned (the default)**": learned(), **rules}.items()
    }
    lines += _against(scores, "other sources")
    shown.append(("Other sources, kinds by the learned classifier", next(iter(scores.values()))))
    return lines, shown


def _against(scores: dict[str, LabelScores], what: str) -> list[str]:
    """A line for each classifier, with what the first has more."""
    first = next(iter(scores.values()))
    return [
        row(f"{what}: {name}", mine, () if mine is first else gaps(first, mine))
        for name, mine in scores.items()
    ]


def probe_scores(n: int = 60, *, seed: int = 6, layer: int = 1) -> tuple[LabelScores, LabelScores]:
    """A probe on the organism `base`, trained on exact kinds: held-out problems, and shuffled labels."""
    from random import Random

    from mechcot.model.reasoner import Reasoner
    from mechcot.organisms.chain_writer import compose
    from mechcot.organisms.ground_truth import with_exact_kinds
    from mechcot.organisms.problems import problems, read_question
    from mechcot.organisms.unused_steps import as_completion
    from mechcot.probes.step_kind import train_probe

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


def _written(value: Interval) -> str:
    return f"{value.mean:.2f} [{value.low:.2f}, {value.high:.2f}]"


def row(name: str, scores: LabelScores, more: Sequence[Interval] = ()) -> str:
    """One line of the table.

    Args:
        name: What was scored.
        scores: How it did.
        more: How much macro-F1 and kappa the default has more on the same steps.
    """
    cells = (
        name,
        _written(scores.macro),
        _written(scores.kappa),
        f"{scores.accuracy:.2f}",
        str(scores.macro.units),
        str(scores.macro.n),
        *(map(_written, more) if more else ("", "")),
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
    head = "| labels | macro-F1 [95 % over problems] | kappa | accuracy | problems | steps | the default has more macro-F1 | more kappa |"
    print(f"{head}\n|{'---|' * 8}")
    holds = True
    tables = []
    if arguments:
        tuning, held_out = halves(published(Path(arguments[0])))
        scores = by_tags(held_out)
        holds = scores.macro.mean >= 0.4 and scores.macro.low > PUBLIC
        print(row("eight tags, tuning half", by_tags(tuning)))
        print(row("**eight tags, held-out half**", scores))
        lines, shown = kind_rows(Path(arguments[0]))
        print("\n".join(lines))
        tables += [("Eight tags, held-out half", scores), *shown]
    exact = organism_chains()
    for name, classifier in (
        ("learned", learned()),
        ("openers", RuleClassifier()),
        ("scorecard", FunctionClassifier()),
    ):
        scores = scored(exact, named(exact, classifier))
        print(row(f"organisms (exact): {name}", scores))
        tables.append((f"Organisms, kinds by {name}", scores))
    held_out_probe, shuffled_probe = probe_scores()
    print(row("kinds by a probe on base, layer 1, held-out", held_out_probe))
    print(row("the same probe, shuffled labels", shuffled_probe))
    for title, scores in tables:
        print(f"\n{title}\n\n{confusion(scores)}")
    return 0 if holds else 1


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
