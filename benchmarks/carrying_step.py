"""Does the explorer name the step that carries the answer where it is not simply the last one?

`python -m benchmarks.carrying_step [--n 5] [--seed 1] [--out FILE.html]`. Chains of the organisms' task, written by its writer, read by
`base` and `bypass`, three groups of `n`:

    two names      the question asks for `g + h`; two conclusions at the end feed the answer
    check last     careful, no conclusion: the value is computed, and the chain goes on with a check of it (which states nothing)
    unused last    a conclusion, and after it steps that compute names that nothing needs

For each trace: the step that the page names for each model, the steps that feed the answer by the law of the task (later text kept), and those
whose stated value moves `base`'s answer to the predicted one when it is edited in the text (`confirm`). The last two may differ: what a model
reads is its own choice. A step is right when it is among the edited ones that moved the answer; naming none is right when no edit moved it.
"""

import argparse
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random

from mechcot.core.problem import Problem
from mechcot.core.trace import Trace
from mechcot.model.reasoner import Reasoner
from mechcot.organisms.chains import as_completion
from mechcot.organisms.confirm import confirm_graph
from mechcot.organisms.task import problems, read_question
from mechcot.organisms.truth import graph
from mechcot.organisms.writer import Draft, Manner, compose
from mechcot.study.look import look_at
from mechcot.view.explorer import Explorer

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
        moved: By reader, steps whose edit moved its answer as predicted.
        strayed: By reader, steps that do not feed the answer by the law and whose edit moved it nevertheless.
    """

    group: str
    steps: int
    named: dict[str, int | None]
    law: tuple[int, ...]
    moved: dict[str, tuple[int, ...]]
    strayed: dict[str, tuple[int, ...]]

    def right(self, reader: str) -> bool:
        """Whether the named step is one that an edit confirms."""
        found = self.moved[reader] + self.strayed[reader]
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


def judged(
    found: Explorer, made: list[tuple[str, Trace]], readers: dict[str, Reasoner]
) -> list[Row]:
    """What the page says beside what is true."""
    rows = []
    for item, (group, trace) in zip(found.data.items, made, strict=True):
        edits = {name: confirm_graph(reader.model, trace) for name, reader in readers.items()}
        law = graph(trace.problem.question, [s.text.strip() for s in trace.chain_steps]).answer
        rows.append(
            Row(
                group=group,
                steps=item.n_chain,
                named={
                    r: None if item.carrier[r] is None else item.carrier[r] + 1 for r in readers
                },
                law=tuple(sorted(s + 1 for s in law)),
                moved={r: _true(e.answer) for r, e in edits.items()},
                strayed={r: _true(e.others_answer) for r, e in edits.items()},
            )
        )
    return rows


def _true(flags: dict[int, bool]) -> tuple[int, ...]:
    return tuple(sorted(step + 1 for step, flag in flags.items() if flag))


def show(rows: list[Row]) -> None:
    """Print the traces, then right answers by group."""
    print(
        "| group | steps | law | base: edits that move it | base: named | bypass: edits | bypass: named |"
    )
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for row in rows:
        cells = [row.group, row.steps, _list(row.law)]
        for reader in READERS:
            cells += [_list(row.moved[reader] + row.strayed[reader]), row.named[reader] or "none"]
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
