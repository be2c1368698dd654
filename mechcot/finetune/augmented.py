"""Texts that a model writes with and without a fact that the answer needs, and the loss of RLAG (Nie et al. 2025, arXiv 2509.20162).

    without   the question, the fact left out          chosen     what the model writes for `with`
    with      the question with the fact               rejected   what it writes for `without`

    loss = -log sigmoid(b_D l(fact | without) + b_A min(l(chosen | with), -.2) - b_A max(l(rejected | without), -5) - margin)

l is the mean log-probability of a text's tokens in nats. (b_D, b_A) = (.2, .5); (.5, 0) where both texts end in one answer, which leaves
the fact alone. The paper's margin of 8 lets no example ever count as learned: l is seldom above -.1, so that the loss is a straight line; ours is 1.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from random import Random

import torch
from torch import Tensor

from mechcot.core.errors import UserError
from mechcot.core.notices import print_notice
from mechcot.core.problem import Problem
from mechcot.core.trace import Trace
from mechcot.finetune.lesson import TokenizedLesson
from mechcot.finetune.own_texts import own_example, text_limit
from mechcot.finetune.recipe import OwnTexts
from mechcot.model.reasoner import Reasoner
from mechcot.tasks import task_of
from mechcot.text.answers import same_answer

SNIPPET = "snippet"
"""Where a user's problem names the fact that its question leaves out."""
_SHARES = {True: (0.5, 0.0), False: (0.2, 0.5)}
"""Of the fact and of the texts, by whether both texts end in one answer."""
MOST_CHOSEN, LEAST_REJECTED, MARGIN = -0.2, -5.0, 1.0
"""Nats."""
Sides = tuple[TokenizedLesson, ...]
"""The fact; with it chosen and rejected, where they end in different answers."""


@dataclass(frozen=True)
class Augmented:
    """A question with and without a fact that it needs.

    Attributes:
        known: With the fact.
        missing: Without.
        fact: Its words.
    """

    known: Problem
    missing: Problem
    fact: str


def augmented(problem: Problem, seed: int) -> Augmented:
    """The question with and without a fact: `snippet` of a user's problem, or one that its task knows to be needed.

    Raises:
        UserError: Nobody names a fact.
    """
    snippet = problem.meta.get(SNIPPET)
    if isinstance(snippet, str) and snippet.strip():
        if snippet.strip() in problem.question:
            raise UserError(
                f'--arm rlag: the question of {problem.id} holds its "{SNIPPET}" already; give the question without it'
            )
        known = replace(problem, question=f"{snippet.strip()}\n{problem.question}")
        return Augmented(known, problem, snippet.strip())
    without = task_of(problem).without_fact
    if without is None:
        raise UserError(
            f"--arm rlag needs a fact that the answer needs, and nobody names one for {problem.id}; give each problem its "
            f'"{SNIPPET}": a sentence that the question leaves out'
        )
    missing, fact = without(problem, Random(f"fact {problem.id} {seed}"))
    return Augmented(problem, missing, fact)


def write_sides(
    reader: Reasoner, problems: Sequence[Problem], own: OwnTexts, *, seed: int
) -> tuple[list[Sides], list[Trace]]:
    """What a model is trained on in a round: it writes greedily, with the fact and without.

    Args:
        reader: The model of now.
        problems: With a fact each.
        own: How long a text may be.
        seed: Of the facts.

    Returns:
        The examples, and all texts that were written.

    Raises:
        UserError: Nobody names a fact, or no pair of texts ends in an answer.
    """
    pairs = [augmented(problem, seed) for problem in problems]
    limit = text_limit(reader, [pair.known for pair in pairs], own)
    asked = {"known": [p.known for p in pairs], "missing": [p.missing for p in pairs]}
    written: dict[str, dict[str, Trace]] = {
        side: {
            trace.problem.id: trace
            for trace in reader.write(
                questions, max_tokens=limit, temperature=0.0, batch_size=64, skip=lambda *_: None
            )
        }
        for side, questions in asked.items()
    }
    examples = []
    for pair in pairs:
        chosen, rejected = (written[side].get(pair.known.id) for side in asked)
        if chosen is not None and rejected is not None and chosen.finished and rejected.finished:
            examples.append(_sides(reader, pair, chosen, rejected))
    if not examples:
        raise UserError(
            f"--arm rlag: none of {len(pairs)} questions got a finished text both with its fact and without; take longer texts (--max-tokens), or a model that ends its texts"
        )
    if all(len(sides) == 1 for sides in examples):
        print_notice(
            f"{reader.name} ends in the same answer with the fact and without, for all {len(examples)} questions: only the facts are trained on",
        )
    return examples, [trace for side in written.values() for trace in side.values()]


def _sides(reader: Reasoner, pair: Augmented, chosen: Trace, rejected: Trace) -> Sides:
    prompt = reader.render(pair.missing)
    ids = tuple(reader.encode(prompt))
    fact = TokenizedLesson(ids, tuple(reader.continue_ids(pair.fact)), prompt, pair.fact)
    if same_answer(chosen.answer.text, rejected.answer.text or ""):
        return (fact,)
    return fact, own_example(reader, chosen), own_example(reader, rejected)


def augmented_loss(means: Sequence[Tensor]) -> Tensor:
    """The loss of some examples.

    Args:
        means: Mean log-probability in nats of each side of each example (`[side]`): of the fact, or of fact, chosen and rejected.
    """
    losses = []
    for sides in means:
        of_fact, of_texts = _SHARES[len(sides) == 1]
        reward = of_fact * sides[0]
        if len(sides) > 1:
            gained = sides[1].clamp(max=MOST_CHOSEN) - sides[2].clamp(min=LEAST_REJECTED)
            reward = reward + of_texts * gained
        losses.append(-torch.nn.functional.logsigmoid(reward - MARGIN))
    return torch.stack(losses).mean()
