"""From problems to completions: prompts, seeds per item, decoding."""

import hashlib
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from mechcot.core.errors import NotMeasurable
from mechcot.core.problem import Completion, Problem
from mechcot.core.trace import StepKind, Trace
from mechcot.model.hand import Hand, Line, Reading, Session
from mechcot.model.probe import backbone_of
from mechcot.model.writing import Sampling, Writer
from mechcot.text.tags import THINK

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
    under: Hand | None = None,
) -> list[tuple[Completion, Line | None]]:
    """Let a model write; see `Reasoner.write`. Gives each text with what acted on it."""
    asked = _prompts(reasoner, problems, skip)
    writer = Writer(
        model=reasoner.model,
        device=reasoner.device,
        stop=reasoner.stop_ids,
        sampling=sampling,
        logit_scale=reasoner.logit_scale,
        max_length=reasoner.max_length,
        name=reasoner.name,
        session=_session(reasoner, asked, under),
    )
    written = writer.write(
        [prompt for _, prompt in asked],
        [item_seed(seed, problem.id) for problem, _ in asked],
        batch_size=batch_size,
    )
    if under is not None:
        under.check_fired([new.line for new in written if new.line])
    return [
        (completion(reasoner, problem, prompt, new.ids, finished=new.finished), new.line)
        for (problem, prompt), new in zip(asked, written, strict=True)
    ]


def write_under(
    reasoner: "Reasoner",
    problems: Sequence[Problem],
    hand: Hand,
    *,
    sampling: Sampling,
    seed: int = 0,
    batch_size: int = 16,
) -> list[tuple[Trace, Line]]:
    """`Reasoner.write` under a hand; each trace with where it acted and the states that were kept."""
    written = write_completions(
        reasoner,
        problems,
        sampling=sampling,
        seed=seed,
        batch_size=batch_size,
        skip=None,
        under=hand,
    )
    return [(reasoner.read(text), line) for text, line in written if line]


def completion(
    reasoner: "Reasoner",
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
    reasoner: "Reasoner", asked: Sequence[tuple[Problem, list[int]]], hand: Hand | None
) -> Callable[[Sequence[int]], Session] | None:
    """What makes a hand's session for a batch, given by the indexes of its prompts."""
    if hand is None:
        return None
    backbone = backbone_of(reasoner.model)
    close = (reasoner.policy.tags or THINK).close

    def closed(written: Sequence[int]) -> bool:
        return close in reasoner.decode(written[-(len(close) + 4) :])

    def session(chosen: Sequence[int]) -> Session:
        def step(row: int, written: Sequence[int]) -> tuple[int, StepKind | None]:
            problem, prompt = asked[chosen[row]]
            text = completion(reasoner, problem, prompt, written, finished=False)
            steps = [one for one in reasoner.read(text).chain_steps if one.tokens]
            last = steps[-1]
            over = last.text.rstrip().endswith(".")
            return (last.index + 1, None) if over else (last.index, last.kind)

        reading = Reading(closed=closed, step=step)
        return Session(hand, backbone, reading, [asked[index][1] for index in chosen])

    return session


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
