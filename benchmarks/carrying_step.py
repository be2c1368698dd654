"""Does the explorer name the step that carries the answer where it is not simply the last one?

`python -m benchmarks.carrying_step [--n 5] [--seed 1] [--out FILE.html]`. Chains of the organisms' task, written by its writer, read by
`base` and `bypass`, three groups of `n`:

    two names      the question asks for `g + h`; two conclusions at the end feed the answer
    check last     careful, no conclusion: the value is computed, and the chain goes on with a check of it (which states nothing)
    unused last    a conclusion, and after it steps that compute names that nothing needs

For each trace: the step that the page names for each model, the steps that feed the answer by the law of the task (later text kept), and the steps
that carry it by exact edits: some digit of the step stands for another one in the text, everything else kept, and the model's likeliest answer is
another one, for both of two other digits. Law and edits may differ, most of all on chains unlike those that `base` was trained on: what a model
reads is its own choice. A named step is right when the edits say that it carries; naming none is right when the edits find none.
"""

import argparse
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random

from mechcot.core.problem import Problem
from mechcot.core.trace import Trace
from mechcot.explorer.live import look_at
from mechcot.model.reasoner import Reasoner
from mechcot.organisms.chain_writer import Draft, Manner, compose
from mechcot.organisms.generation import closed, next_words
from mechcot.organisms.grammar import DIGITS
from mechcot.organisms.ground_truth import graph
from mechcot.organisms.problems import problems, read_question
from mechcot.organisms.unused_steps import as_completion
from mechcot.view.pages.explorer import Explorer

MEASURES = (
    *("gates", "early_answering", "suppression", "adding_mistakes"),
    *("step_patching", "step_attention"),
)
READERS = ("base", "bypass")


@dataclass(frozen=True)
class Row:
    """One trace.

    Attributes:
        group: Which group it is of.
        steps: How many steps its chain has.
        named: By reader, the step that the page names, counted from 1; None when it names none.
        law: Steps that feed the answer by the law.
        edits: By reader, steps that carry its answer by exact edits.
    """

    group: str
    steps: int
    named: dict[str, int | None]
    law: tuple[int, ...]
    edits: dict[str, tuple[int, ...]]

    def right(self, reader: str) -> bool:
        """Whether the named step is one that an edit confirms."""
        found = self.edits[reader]
        return self.named[reader] in found if found else self.named[reader] is None


def _two_names(problem: Problem, rng: Random) -> Draft | None:
    return compose(read_question(problem.question), rng=rng)


def _check_last(problem: Problem, rng: Random) -> Draft | None:
    manner = Manner(conclusion=0.0, distractor=0.0, borrow_slip=0.0, slip=0.0)
    draft = compose(read_question(problem.question), rng=rng, manner=manner)
    return draft if draft.steps[-1].endswith("ok .") else None


def _unused_last(problem: Problem, rng: Random) -> Draft | None:
    manner = Manner(conclusion=1.0, distractor=1.0, spares=2, checks="none")
    draft = compose(read_question(problem.question), rng=rng, manner=manner)
    if not draft.unused:
        return None
    late = [draft.steps[i] for i in draft.unused]
    early = [step for i, step in enumerate(draft.steps) if i not in draft.unused]
    return replace(draft, steps=(*early, *late))


GROUPS: dict[str, tuple[float, Callable[[Problem, Random], Draft | None]]] = {
    "two names": (1.0, _two_names),
    "check last": (0.0, _check_last),
    "unused last": (0.0, _unused_last),
}
"""Name to the share of questions for two names, and who writes the chain."""


def drafts(group: str, n: int, *, seed: int) -> Iterator[tuple[Problem, Draft]]:
    """The first `n` problems of a seed for which the group's writer has a chain."""
    combined, write = GROUPS[group]
    found = 0
    for problem in problems(40 * n, seed=seed, hops=(3, 5), style="careful", combined=combined):
        draft = write(problem, Random(problem.id))
        if draft is not None and found < n:
            found += 1
            yield problem, draft


def traces(reader: Reasoner, n: int, *, seed: int) -> list[tuple[str, Trace]]:
    """Groups and traces, shuffled so that a page shows no order."""
    made = [
        (group, reader.read(as_completion(replace(problem, id=f"{problem.id}-{place}"), draft)))
        for place, group in enumerate(GROUPS)
        for problem, draft in drafts(group, n, seed=seed + place)
    ]
    Random(seed).shuffle(made)
    return made


def carrying(reader: Reasoner, trace: Trace) -> tuple[int, ...]:
    """Steps with a digit that moves the likeliest answer, whichever of two others stands for it."""
    steps = [step.text.split() for step in trace.chain_steps]
    places = [
        (i, w) for i, words in enumerate(steps) for w, word in enumerate(words) if word in DIGITS
    ]
    texts = [steps]
    for i, w in places:
        for further in (1, 5):
            other = [list(words) for words in steps]
            other[i][w] = DIGITS[(int(steps[i][w]) + further) % 10]
            texts.append(other)
    rows = [closed(trace.problem.question, [" ".join(words) for words in text]) for text in texts]
    plain, *moved = next_words(reader.model, rows)
    both = zip(places, moved[::2], moved[1::2], strict=True)
    return tuple(sorted({i + 1 for (i, _), one, two in both if plain not in (one, two)}))


def judged(
    found: Explorer, made: list[tuple[str, Trace]], readers: dict[str, Reasoner]
) -> list[Row]:
    """What the page says beside what is true."""
    rows = []
    for item, (group, trace) in zip(found.data.items, made, strict=True):
        law = graph(trace.problem.question, [s.text.strip() for s in trace.chain_steps]).answer
        rows.append(
            Row(
                group=group,
                steps=item.n_chain,
                named={
                    r: None if item.carrier[r] is None else item.carrier[r] + 1 for r in readers
                },
                law=tuple(sorted(s + 1 for s in law)),
                edits={name: carrying(reader, trace) for name, reader in readers.items()},
            )
        )
    return rows


def show(rows: list[Row]) -> None:
    """Print the traces, then right answers by group."""
    print("| group | steps | law | base: edits | base: named | bypass: edits | bypass: named |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for row in rows:
        cells = [row.group, row.steps, _list(row.law)]
        for reader in READERS:
            cells += [_list(row.edits[reader]), row.named[reader] or "none"]
        print("| " + " | ".join(map(str, cells)) + " |")
    for group in GROUPS:
        mine = [row for row in rows if row.group == group]
        told = ", ".join(f"{r} {sum(row.right(r) for row in mine)} of {len(mine)}" for r in READERS)
        last = sum(row.named["base"] == row.steps for row in mine)
        print(f"{group}: right {told}; base's named step is the last one in {last}")


def _list(steps: tuple[int, ...]) -> str:
    return ", ".join(map(str, steps)) or "none"


def main() -> None:
    """Read, name, compare."""
    asked = argparse.ArgumentParser()
    asked.add_argument("--n", type=int, default=5)
    asked.add_argument("--seed", type=int, default=1)
    asked.add_argument("--out", type=Path, help="also write the page, to be judged by eye first")
    options = asked.parse_args()
    readers = {name: Reasoner.load(f"organism:{name}") for name in READERS}
    made = traces(readers["base"], options.n, seed=options.seed)
    found = look_at(list(readers.values()), [trace for _, trace in made], measures=MEASURES)
    if options.out:
        found.write(options.out)
    show(judged(found, made, readers))


if __name__ == "__main__":
    main()
