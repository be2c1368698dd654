"""`python -m benchmarks.axes RUN`: what a run of `mechcot compare` on questions of `mod10` says by distance, and which steps are wrong.

RUN is the folder of a run. First table, where its questions are shifted: a row a shift and level, of every model on its own chains: right answers, valid steps, and *led*: of the chains whose values
lead to an answer, how many give this one (by chance 1 in 10). Second table, a row a model: steps, and how many of them are wrong in which way.

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
from statistics import mean

from mechcot.core.store import read_traces
from mechcot.core.trace import Trace
from mechcot.organisms.grammar import Form, form
from mechcot.organisms.ground_truth import check_steps, follow, leads_to
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
        wrong = [t for t in own if not _gives(t, t.problem.answer)]
        steps = sum(len(trace.chain_steps) for trace in own)
        cells = [str(count[name]) for name in CAUSES]
        clean = sum(not found[trace.id] for trace in wrong)
        rows.append(f"| {author} | {steps} | {' | '.join(cells)} | {len(wrong)} of {len(own)} | {clean} |")  # fmt: skip
    return rows


def by_distance(traces: Sequence[Trace]) -> list[str]:
    """The rows of the first table; none where no question is shifted."""
    places = {_place(trace) for trace in traces}
    if len(places) < 2:
        return []
    names = list(dict.fromkeys(trace.author for trace in traces))
    head = " | ".join(f"{name}: right | valid steps | led" for name in names)
    rows = [f"| shift | level | {head} |", "| --- " * (2 + 3 * len(names)) + "|"]
    for place in sorted(places, key=lambda place: (place[0] != "none", *place)):
        here = [trace for trace in traces if _place(trace) == place]
        cells = [_cells([trace for trace in here if trace.author == name]) for name in names]
        rows.append(f"| {place[0]} | {place[1]:g} | {' | '.join(cells)} |")
    return rows


def _place(trace: Trace) -> tuple[str, float]:
    meta = trace.problem.meta
    return str(meta.get("shift", "none")), float(meta.get("level", 0))


def _cells(traces: Sequence[Trace]) -> str:
    """Right answers, mean share of valid steps, and answers to which the chain's values lead."""
    right = sum(_gives(trace, trace.problem.answer) for trace in traces)
    shares = [[check.valid for check in check_steps(t) if check.valid is not None] for t in traces]
    valid = mean(mean(map(float, share)) for share in shares if share)
    led = [_gives(trace, end) for trace in traces if (end := leads_to(trace)) is not None]
    return f"{right} of {len(traces)} | {100 * valid:.0f} % | {sum(led)} of {len(led)}"


def _gives(trace: Trace, answer: str) -> bool:
    return same_answer(trace.answer.text or "", answer)


def main(run: Path) -> None:
    """Print the tables."""
    traces = read_traces(run / "traces.jsonl")
    for rows in (by_distance(traces), wrong_steps(traces)):
        print("\n".join(rows), end="\n\n" if rows else "")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
