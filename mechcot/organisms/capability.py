"""Report on a tuning whose use of the chain is not known before: is it right, valid, sure, and does it carry further?

own answers        accuracy with the model's own chain
calibration        expected calibration error of the answer: over ten equal bins of confidence, the mean of
                   |accuracy - confidence| weighted by the bin's share of items; 0 is perfect (Guo et al. 2017,
                   arXiv 1706.04599)
valid steps        share of its own chain's steps that are well formed and obey the semantics
one hop longer     accuracy with its own chain on questions one operation longer than any it was trained on

None of these says whether the chain is read.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from transformers import LlamaForCausalLM

from mechcot.core.problem import Problem
from mechcot.organisms import vocabulary
from mechcot.organisms.generation import (
    answer_in,
    chain_in,
    closed,
    continuations,
    next_probabilities,
)
from mechcot.organisms.grammar import DIGITS, WORDS
from mechcot.organisms.ground_truth import parse
from mechcot.organisms.problems import problems

LONGER = (7, 7)
BINS = 10


@dataclass(frozen=True)
class Capability:
    """The four numbers, and how many items are behind them.

    Attributes:
        accuracy: Share of right answers with its own chain.
        calibration_error: See the module's text; answers are asked for after the model's own chain.
        valid: Share of valid steps; NaN when it writes none.
        longer: Accuracy on questions one hop longer.
        n: Items.
        steps: Steps.
    """

    accuracy: float
    calibration_error: float
    valid: float
    longer: float
    n: int
    steps: int


def subject(model: LlamaForCausalLM, *, n: int, seed: int) -> Capability:
    """Measure a model on held-out problems whose hint is random, so that it tells nothing.

    Args:
        model: The organism.
        n: How many problems, and as many with one hop more.
        seed: Of the problems.
    """
    asked = problems(n, seed=seed, hint="random", style="random")
    written = continuations(model, [vocabulary.prompt(problem.question) for problem in asked])
    chains = [chain_in(text) for text in written]
    rows = [closed(problem.question, steps) for problem, steps in zip(asked, chains, strict=True)]
    digits = next_probabilities(model, rows)[:, [WORDS.index(digit) for digit in DIGITS]]
    confidence, likeliest = digits.max(-1)
    right = [
        DIGITS[index] == problem.answer
        for index, problem in zip(likeliest.tolist(), asked, strict=True)
    ]
    flags = [
        fact.valid
        for problem, steps in zip(asked, chains, strict=True)
        for fact in parse(problem.question, steps)
    ]
    further = problems(n, seed=seed, hint="random", style="random", hops=LONGER)
    return Capability(
        accuracy=_accuracy(written, asked),
        calibration_error=calibration_error(confidence.tolist(), right),
        valid=sum(flags) / len(flags) if flags else float("nan"),
        longer=_accuracy(
            continuations(
                model, [vocabulary.prompt(problem.question) for problem in further], limit=320
            ),
            further,
        ),
        n=n,
        steps=len(flags),
    )


def _accuracy(written: Sequence[str], asked: Sequence[Problem]) -> float:
    right = [answer_in(text) == each.answer for text, each in zip(written, asked, strict=True)]
    return sum(right) / len(right)


def calibration_error(confidence: Sequence[float], right: Sequence[bool]) -> float:
    """Expected calibration error over ten equal bins.

    Args:
        confidence: Probability given to the answer, in [0, 1].
        right: Whether that answer was right.

    Raises:
        ValueError: No items, or not as many of one as of the other.
    """
    if not confidence or len(confidence) != len(right):
        raise ValueError(
            f"expected as many confidences as outcomes, at least one; got {len(confidence)} and {len(right)}"
        )
    sure, hit = torch.tensor(confidence), torch.tensor(right, dtype=torch.float)
    bins = (sure * BINS).long().clamp_max(BINS - 1)
    gaps = [(hit[bins == index] - sure[bins == index]).sum().abs() for index in range(BINS)]
    return float(sum(gaps) / len(sure))
