"""From problems to completions: prompts, seeds per item, decoding."""

import hashlib
from collections.abc import Callable, Sequence
from typing import Any

from mechcot.core.errors import NotMeasurable
from mechcot.core.problem import Completion, Problem
from mechcot.core.trace import StepKind, Trace
from mechcot.model.generation.decoding import Writer
from mechcot.model.generation.sampling import Sampling
from mechcot.model.generation.steering_hooks import (
    GenerationInterventions,
    Session,
    TextRules,
    WrittenRow,
)
from mechcot.model.generation.stepping import Side
from mechcot.model.interface import Author
from mechcot.model.internals.self_test import backbone_of
from mechcot.model.loading.embedding_rows import check_ids
from mechcot.model.prompt_check import lost_in_prompt
from mechcot.text.step_kinds import Classifier, RuleClassifier
from mechcot.text.think_tags import THINK

Skip = Callable[[Problem, NotMeasurable], None]


def refuse(_problem: Problem, reason: NotMeasurable) -> None:
    """Leave no problem out: a `skip` that raises the reason.

    Raises:
        NotMeasurable: Always.
    """
    raise reason


def author_traces(
    reasoner: Author,
    problems: Sequence[Problem],
    *,
    sampling: Sampling,
    seed: int,
    batch_size: int,
    skip: Skip | None,
    under: GenerationInterventions | None = None,
    padding: Side = "left",
) -> list[tuple[Trace, WrittenRow | None]]:
    """Let a model write; see `Reasoner.write`. Gives each trace with what acted on it.

    Args:
        reasoner: The model that writes.
        problems: One chain is written for each.
        sampling: How tokens are chosen, and how many at most.
        seed: Seed of the run; an item's own seed comes from it and the problem's id.
        batch_size: Most items at once; halves itself when memory runs out.
        skip: Called with each problem that cannot be asked and is left out; None: the first raises.
        under: What acts while it writes, and how steps are named; None: nothing, and the default classifier.
        padding: Side on which shorter prompts are padded.

    Returns:
        In the order of the problems: the trace, and the record of what acted (None without `under`).

    Raises:
        UserError: NaN logits, not enough memory for one item, an empty question.
        NotMeasurable: A problem cannot be asked and there is no `skip`.
        EditDidNotFire: A vector of `under` was never added.
    """
    asked = _prompts(reasoner, problems, skip)
    if not asked:
        return []
    writer = _writer(reasoner, asked, under, sampling=sampling, padding=padding)
    written = writer.write(
        [prompt for _, prompt in asked],
        [item_seed(seed, problem.id) for problem, _ in asked],
        batch_size=batch_size,
    )
    if under is not None:
        under.check_fired([new.line for new in written if new.line])
    traces = []
    for (problem, prompt), new in zip(asked, written, strict=True):
        text = completion(reasoner, problem, prompt, new.ids, finished=new.finished)
        classifier = (under.kinds(problem) or RuleClassifier()) if under else None
        try:
            traces.append((reasoner.read(text, classifier=classifier), new.line))
        except NotMeasurable as reason:
            if skip is None:
                raise
            skip(problem, reason)
    return traces


def _writer(
    reasoner: Author,
    asked: Sequence[tuple[Problem, list[int]]],
    under: GenerationInterventions | None,
    *,
    sampling: Sampling,
    padding: Side,
) -> Writer:
    backbone = backbone_of(reasoner.model)
    return Writer(
        model=reasoner.model,
        device=reasoner.device,
        stop=reasoner.stop_ids,
        sampling=sampling,
        logit_scale=reasoner.logit_scale,
        max_length=reasoner.max_length,
        name=reasoner.name,
        session=_session(reasoner, asked, under),
        writes=backbone.writes,
        switch=backbone.switch,
        padding=padding,
    )


def write_under(
    reasoner: Author,
    problems: Sequence[Problem],
    interventions: GenerationInterventions,
    *,
    sampling: Sampling,
    seed: int = 0,
    batch_size: int = 16,
    padding: Side = "left",
) -> list[tuple[Trace, WrittenRow]]:
    """`Reasoner.write` under interventions; each trace with where it acted and the states that were kept.

    Raises:
        UserError: NaN logits, not enough memory for one item, an empty question.
        NotMeasurable: A problem cannot be asked.
        EditDidNotFire: A vector was never added.
    """
    kwargs: dict[str, Any] = {"sampling": sampling, "seed": seed, "batch_size": batch_size}
    both = author_traces(
        reasoner, problems, skip=None, under=interventions, padding=padding, **kwargs
    )
    return [(trace, line) for trace, line in both if line]


StepNow = Callable[[Sequence[int]], tuple[int, StepKind | None]]


def step_now(
    reasoner: Author, problem: Problem, prompt: Sequence[int], classifier: Classifier | None
) -> StepNow:
    """A function from the tokens of a chain so far to the number and the kind of the step that is being written.

    A step whose text ends in a full stop is over: then it is the next one, which has no kind yet. Cost: one
    reading of the text.

    Returns:
        A function of the new tokens so far (at least one), to the step's number from 0 and its kind or None.
    """
    names = classifier or RuleClassifier()

    def now(written: Sequence[int]) -> tuple[int, StepKind | None]:
        text = completion(reasoner, problem, prompt, written, finished=False)
        steps = [step for step in reasoner.read(text, classifier=names).chain_steps if step.tokens]
        if not steps:  # nothing but marks or white space yet
            return 0, None
        last = steps[-1]
        over = last.text.rstrip().endswith(".")
        return (last.index + 1, None) if over else (last.index, last.kind)

    return now


def _counted(end: int) -> StepNow:
    """`step_now` where one token ends every step and no kind is asked for: steps are counted, their kind is `other`."""

    def now(written: Sequence[int]) -> tuple[int, StepKind | None]:
        ends = sum(token == end for token in written)
        return ends, None if written[-1] == end else StepKind.OTHER

    return now


def completion(
    reasoner: Author,
    problem: Problem,
    prompt: Sequence[int],
    ids: Sequence[int],
    *,
    finished: bool,
) -> Completion:
    """Put new token ids behind their prompt."""
    return Completion(
        problem=problem,
        prompt=reasoner.render(problem),
        text=reasoner.continuation(prompt, ids),
        model=reasoner.name,
        ids=(*prompt, *ids),
        prompt_ids=len(prompt),
        finished=finished,
    )


def _session(
    reasoner: Author,
    asked: Sequence[tuple[Problem, list[int]]],
    interventions: GenerationInterventions | None,
) -> Callable[[Sequence[int]], Session] | None:
    """Return the function that makes the session of a batch from the indexes of its prompts."""
    if interventions is None:
        return None
    backbone = backbone_of(reasoner.model)
    close = (reasoner.policy.tags or THINK).close

    def closed(written: Sequence[int]) -> bool:
        return close in reasoner.decode(written[-(len(close) + 4) :])

    end = reasoner.policy.step_end
    if end and not any(s.where.kinds for s in interventions.steers):
        steps = [_counted(reasoner.continue_ids(end)[0])] * len(asked)
    else:
        steps = [step_now(reasoner, *pair, interventions.kinds(pair[0])) for pair in asked]

    def session(chosen: Sequence[int]) -> Session:
        def step(row: int, written: Sequence[int]) -> tuple[int, StepKind | None]:
            return steps[chosen[row]](written)

        reading = TextRules(closed=closed, step=step)
        return Session(interventions, backbone, reading, [asked[index][1] for index in chosen])

    return session


def item_seed(seed: int, problem_id: str) -> int:
    """Seed of one item: depends on the run's seed and the problem only."""
    return int.from_bytes(hashlib.sha256(f"{seed}/{problem_id}".encode()).digest()[:8], "big")


def prompt_ids(reasoner: Author, problem: Problem) -> list[int]:
    """Token ids of a problem's prompt.

    Raises:
        UserError: The question is empty.
        NotMeasurable: The question has no tokens, or the prompt fills the context.
    """
    if not reasoner.encode(problem.question):
        raise NotMeasurable(f"the question has no tokens for {reasoner.name}")
    ids = reasoner.encode(reasoner.render(problem))
    if len(ids) >= reasoner.max_length:
        raise NotMeasurable(
            f"the prompt has {len(ids)} tokens, the context of {reasoner.name} is {reasoner.max_length}"
        )
    check_ids(reasoner, ids)
    if lost := lost_in_prompt(problem, reasoner.render(problem)):
        raise NotMeasurable(f"the template of {reasoner.policy.owner} drops the question: {lost}")
    return ids


def _prompts(
    reasoner: Author, problems: Sequence[Problem], skip: Skip | None
) -> list[tuple[Problem, list[int]]]:
    """Each problem with its prompt's ids; what cannot be asked goes to `skip` or raises."""
    asked: list[tuple[Problem, list[int]]] = []
    for problem in problems:
        try:
            asked.append((problem, prompt_ids(reasoner, problem)))
        except NotMeasurable as reason:
            if skip is None:
                raise NotMeasurable(f"problem {problem.id}: {reason}") from reason
            skip(problem, reason)
    return asked
