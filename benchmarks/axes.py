"""`python -m benchmarks.axes RUN`: what a run of `mechcot compare` on questions of `mod10` says by distance, and which steps are wrong.

RUN is the folder of a run. First table, where its questions are shifted: a row a shift and level with right answers, valid steps and the leading measure of use (early answering, on the
first model's chains) of every model. Second table, a row a model on its own chains: steps, and how many of them are wrong in which way.

    sum        the right operands of the right name, and another result
    operand    an operand that is not what was last stated of the name, or not of the name's definition
    unstated   it cites or restates a name of which nothing was stated, or that the question does not have, or computes by another sign than the definition's
    other      a wrong definition, check, restatement, or no step of the language

A step that is taken back later counts. The last columns: wrong answers, and how many of them stand behind a chain all of whose steps are valid.
"""

import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from mechcot.core.store import read_traces
from mechcot.core.trace import Trace
from mechcot.organisms.grammar import Form, form
from mechcot.organisms.ground_truth import check_steps, follow
from mechcot.organisms.problems import read_question
from mechcot.organisms.semantics import Settled
from mechcot.text.answers import same_answer

CAUSES = ("sum", "operand", "unstated", "other")


def cause(shape: Form, step: Settled) -> str:
    """In which way a wrong step is wrong."""
    if shape.body in ("define", "other"):
        return "other"
    if any(read.expected is None for read in step.reads):
        return "unstated"
    if shape.body != "compute":
        return "other"
    off = [read.word for read in step.reads if read.expected != step.words[read.word]]
    return "sum" if off == [step.reads[-1].word] else "operand"


def causes(trace: Trace) -> Iterator[str]:
    """The causes of its wrong steps, in order."""
    world = read_question(trace.problem.question)
    texts = [step.text.strip() for step in trace.chain_steps]
    walked = zip(texts, follow(world, texts).steps, check_steps(trace), strict=True)
    for text, step, check in walked:
        if check.valid is False:
            yield cause(form(text), step)


def wrong_steps(traces: Sequence[Trace]) -> list[str]:
    """The rows of the second table."""
    rows = [
        f"| model | steps | {' | '.join(CAUSES)} | wrong answers | of them every step valid |",
        "| --- " * (len(CAUSES) + 4) + "|",
    ]
    for author in dict.fromkeys(trace.author for trace in traces):
        own = [trace for trace in traces if trace.author == author]
        found = {trace.id: list(causes(trace)) for trace in own}
        count = Counter(each for all_ in found.values() for each in all_)
        wrong = [t for t in own if not same_answer(t.answer.text or "", t.problem.answer)]
        steps = sum(len(trace.chain_steps) for trace in own)
        cells = [str(count[name]) for name in CAUSES]
        clean = sum(not found[trace.id] for trace in wrong)
        rows.append(f"| {author} | {steps} | {' | '.join(cells)} | {len(wrong)} of {len(own)} | {clean} |")  # fmt: skip
    return rows


def by_distance(run: Path, traces: Sequence[Trace]) -> list[str]:
    """The rows of the first table; none where no question is shifted."""
    places = {t.problem.id: (t.problem.meta.get("shift"), t.problem.meta.get("level")) for t in traces}  # fmt: skip
    if len(set(places.values())) < 2:
        return []
    scalars = pd.read_parquet(run / "results" / "scalars.parquet")
    right = scalars[(scalars["name"] == "own_correct") & (scalars["author"] == scalars["reader"])]
    readings = pd.read_parquet(run / "results" / "readings.parquet")
    author = traces[0].author
    used = readings[(readings["measure"] == "early_answering") & (readings["author"] == author)]
    names = list(dict.fromkeys(trace.author for trace in traces))
    valid = pd.DataFrame(
        [(t.problem.id, t.author, float(check.valid)) for t in traces for check in check_steps(t) if check.valid is not None],
        columns=["item", "reader", "value"],
    ).groupby(["item", "reader"], as_index=False).mean()  # fmt: skip
    rows = [
        f"| shift | level | {' | '.join(f'{n}: right | {n}: valid steps | {n}: used' for n in names)} |",
        "| --- " * (2 + 3 * len(names)) + "|",
    ]
    order = sorted(set(places.values()), key=lambda place: (place[0] != "none", str(place[0]), place[1]))  # fmt: skip
    for place in order:
        items = [item for item, at in places.items() if at == place]
        cells = []
        for name in names:
            here = [_values(table, items, name) for table in (right, valid, used)]
            cells += [f"{here[0].sum():.0f} of {len(here[0])}", f"{100 * here[1].mean():.0f} %"]
            cells.append(f"{here[2].mean():.2f}" if len(here[2]) else "")
        rows.append(f"| {place[0]} | {place[1]:g} | {' | '.join(cells)} |")
    return rows


def _values(table: pd.DataFrame, items: Sequence[str], reader: str) -> np.ndarray:
    """A model's values of items, one each."""
    here = table[table["item"].isin(items) & (table["reader"] == reader)]
    return here.groupby("item")["value"].mean().dropna().to_numpy(float)


def main(run: Path) -> None:
    """Print the tables."""
    traces = read_traces(run / "traces.jsonl")
    for rows in (by_distance(run, traces), wrong_steps(traces)):
        print("\n".join(rows), end="\n\n" if rows else "")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
