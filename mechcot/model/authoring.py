"""From problems to completions: prompts, seeds per item, decoding."""

import hashlib
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from mechcot.core.errors import NotMeasurable
from mechcot.core.problem import Completion, Problem
from mechcot.model.writing import Sampling, Writer

if TYPE_CHECKING:
    from mechcot.model.reasoner import Reasoner

Skip = Callable[[Problem, NotMeasurable], None]


def write_completions(
    reasoner: "Reasoner",
    problems: Sequence[Problem],
    *,
    sampling: Sampling,
    seed: int,
    batch_size: int,
    skip: Skip | None,
) -> list[Completion]:
    """Let a model write; see `Reasoner.write`."""
    asked = _prompts(reasoner, problems, skip)
    writer = Writer(
        model=reasoner.model,
        device=reasoner.device,
        stop=reasoner.stop_ids,
        sampling=sampling,
        logit_scale=reasoner.logit_scale,
        max_length=reasoner.max_length,
        name=reasoner.name,
    )
    written = writer.write(
        [prompt for _, prompt in asked],
        [item_seed(seed, problem.id) for problem, _ in asked],
        batch_size=batch_size,
    )
    return [
        Completion(
            problem=problem,
            prompt=reasoner.render(problem),
            text=reasoner.continuation(prompt, new.ids),
            model=reasoner.name,
            ids=(*prompt, *new.ids),
            prompt_ids=len(prompt),
            finished=new.finished,
        )
        for (problem, prompt), new in zip(asked, written, strict=True)
    ]


def item_seed(seed: int, problem_id: str) -> int:
    """Seed of one item: depends on the run's seed and the problem only."""
    return int.from_bytes(hashlib.sha256(f"{seed}/{problem_id}".encode()).digest()[:8], "big")


def prompt_ids(reasoner: "Reasoner", problem: Problem) -> list[int]:
    """Token ids of a problem's prompt.

    Raises:
        UserError: The question is empty.
        NotMeasurable: The question has no tokens, or the prompt fills the context.
    """
    if not reasoner.encode(problem.question):
        msg = f"the question has no tokens for {reasoner.name}"
        raise NotMeasurable(msg)
    ids = reasoner.encode(reasoner.render(problem))
    if len(ids) >= reasoner.max_length:
        msg = f"the prompt has {len(ids)} tokens, the context of {reasoner.name} is {reasoner.max_length}"
        raise NotMeasurable(msg)
    return ids


def _prompts(
    reasoner: "Reasoner", problems: Sequence[Problem], skip: Skip | None
) -> list[tuple[Problem, list[int]]]:
    """Each problem with its prompt's ids; what cannot be asked goes to `skip` or raises."""
    asked: list[tuple[Problem, list[int]]] = []
    for problem in problems:
        try:
            asked.append((problem, prompt_ids(reasoner, problem)))
        except NotMeasurable as reason:
            if skip is None:
                msg = f"problem {problem.id}: {reason}"
                raise NotMeasurable(msg) from reason
            skip(problem, reason)
    return asked
