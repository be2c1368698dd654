"""What the study knows about a problem's task: its maker of counterfactual twins, and exact step kinds.

The organisms' task is known exactly; for any other problem arithmetic is parsed and kinds come from rules.
"""

from dataclasses import replace

from mechcot.core.counterfactual import CounterfactualMaker
from mechcot.core.problem import Problem
from mechcot.core.rewording import Paraphraser
from mechcot.core.trace import Phase, Trace
from mechcot.organisms.maker import OrganismMaker
from mechcot.organisms.rewording import OrganismParaphraser
from mechcot.organisms.truth import parse
from mechcot.text.counterfactual import ArithmeticMaker

ORGANISM_TASK = "mod10"


def maker_for(problem: Problem) -> CounterfactualMaker:
    """The maker for one problem."""
    return OrganismMaker() if problem.meta.get("task") == ORGANISM_TASK else ArithmeticMaker()


def paraphraser_for(problem: Problem) -> Paraphraser | None:
    """The paraphraser for one problem's chains; None where only a language model could."""
    return OrganismParaphraser() if problem.meta.get("task") == ORGANISM_TASK else None


def with_exact_kinds(trace: Trace) -> Trace:
    """The trace with its chain steps' kinds parsed, where the task is known; else unchanged."""
    if trace.problem.meta.get("task") != ORGANISM_TASK:
        return trace
    facts = parse(trace.problem.question, [step.text for step in trace.chain_steps])
    kinds = iter(fact.kind for fact in facts)
    steps = tuple(
        replace(step, kind=next(kinds)) if step.phase is Phase.CHAIN else step
        for step in trace.steps
    )
    return replace(trace, steps=steps)
