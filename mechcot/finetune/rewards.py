"""The reward of GRPO: the project's own reading of what was written, and of nothing else."""

from collections.abc import Callable, Mapping, Sequence
from math import isfinite
from random import Random

from mechcot.core.errors import UserError
from mechcot.core.problem import Completion, Problem
from mechcot.core.trace import Trace
from mechcot.finetune.lesson import no_kinds
from mechcot.model.reasoner import Reasoner
from mechcot.text.answer_outcomes import ends_right

Reward = Callable[[Sequence[str], Sequence[Sequence[int]]], list[float]]
"""From ids of problems and the token ids written for them to a reward each."""


def rewarder(reader: Reasoner, known: Mapping[str, Problem], most: int, price: float) -> Reward:
    """The reward: 1 for a text that ends in the reference answer, less the price of its length; it sees nothing of the prompt.

    Args:
        reader: Reads answers as everywhere else.
        known: Problems by id.
        most: Most tokens of a text.
        price: Of a text that is `most` long.
    """

    def reward(names: Sequence[str], written: Sequence[Sequence[int]]) -> list[float]:
        return [scored(known[name], ids) for name, ids in zip(names, written, strict=True)]

    def scored(problem: Problem, ids: Sequence[int]) -> float:
        ended = bool(ids) and ids[-1] in reader.stop_ids
        text = reader.decode(ids[:-1] if ended else ids)
        said = Completion(problem, reader.render(problem), text, reader.name, finished=ended)
        value = reward_of(reader.read(said, classifier=no_kinds), len(ids) / most, price)
        if not isfinite(value):
            raise UserError(f"the reward of a text for {problem.id} is {value}: {text!r}")
        return value

    return reward


def reward_of(trace: Trace, length: float, price: float) -> float:
    """The reward of a text: 1 where it ends right, less the price of its length.

    Args:
        trace: The text.
        length: Share of the longest text.
        price: Of the longest text.
    """
    return float(ends_right(trace)) - price * length


def permuted_rewards(reward: Reward, seed: int) -> Reward:
    """The rewards of each group, permuted among its texts: they can teach nothing."""
    rng = Random(f"rewards {seed}")

    def permuted(names: Sequence[str], written: Sequence[Sequence[int]]) -> list[float]:
        values = reward(names, written)
        for name in dict.fromkeys(names):
            places = [place for place, other in enumerate(names) if other == name]
            drawn = rng.sample([values[place] for place in places], len(places))
            for place, value in zip(places, drawn, strict=True):
                values[place] = value
        return values

    return permuted
