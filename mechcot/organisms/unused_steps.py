"""Reference chains with steps that nothing needs, for truth about single steps.

The writer computes one or two names that no needed value comes from, at random places of the chain: before,
between or after the needed steps. Everything else is chosen so that a reader has one place to read each value from:

    brief        a check copies its operands from the step before it, and a summary repeats values: which of two
                 equal statements a model reads is its own choice, not that of the semantics
    concluded    without a conclusion, an unused step at the end is what the base takes for the answer
    one name     after a query for two names, the base does not always read the second from its conclusion

`mechcot.organisms.graph_check` says for each model whether the graph is its own. It holds for the base while the later text is
kept. Left to write on after an unused step, the base often goes astray: with a tail written anew, an unused value may
well move its answer, so that reading is for chains without unused steps.
"""

import json
from dataclasses import asdict
from pathlib import Path
from random import Random

from mechcot.core.problem import Completion, Problem
from mechcot.core.store import write_text
from mechcot.organisms.chain_writer import Draft, Manner, compose
from mechcot.organisms.problems import problems, read_question
from mechcot.organisms.vocabulary import completion_text, prompt

WRITER = "writer"


def with_unused_steps(
    n: int, *, seed: int, spares: int = 1, hops: tuple[int, int] = (2, 4)
) -> list[tuple[Problem, Draft]]:
    """Draw held-out problems and chains for them that compute unused names.

    Args:
        n: How many.
        seed: Of problems and chains.
        spares: How many unused names; the base saw one per chain.
        hops: Fewest and most operations of the question.
    """
    asked = problems(n, seed=seed, hops=hops, style="brief", distractors=(2, 3), combined=0.0)
    manner = Manner(conclusion=1.0, distractor=1.0, spares=spares)
    return [
        (problem, compose(read_question(problem.question), rng=Random(problem.id), manner=manner))
        for problem in asked
    ]


def as_completion(problem: Problem, draft: Draft) -> Completion:
    """A written chain as if a model had written it; `Reasoner.read` makes a trace of it."""
    return Completion(
        problem=problem,
        prompt=prompt(problem.question),
        text=f" {completion_text(draft.text, draft.answer)}",
        model=WRITER,
    )


def write_unused(path: Path, *, n: int, spares: int, seed: int) -> int:
    """Write the chains; gives their number. The unused steps stand before, between and after the needed ones.

    Args:
        path: The file; one that is there is overwritten.
        n: How many chains.
        spares: Unused names that each chain computes.
        seed: Of problems and chains.
    """
    lines = []
    for problem, draft in with_unused_steps(n, seed=seed, spares=spares):
        row = asdict(problem)
        text = {"chain": f" {draft.text}", "answer_text": f" answer {draft.answer}"}
        lines.append(json.dumps(row.pop("meta") | row | text | {"author": WRITER}, sort_keys=True))
    write_text(path, "".join(f"{line}\n" for line in lines))
    return len(lines)
