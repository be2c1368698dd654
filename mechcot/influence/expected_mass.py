"""Attention mass that a step receives for its place and length alone.

    corrected[l, h, j, i] = mass[l, h, j, i] / E[mass[l, h] | distance(j, i), tokens(j), target]

Distance is from the first token of the source to the first token of the target, in powers of two; so is
the length of the source. The answer is a target of its own kind. The expectation is a mean over the pairs of *other* items, one for all models
together: a null for each model would take away the very change one wants to see. Pairs that no other item
has fall back to the same distance at any length, then to every pair, and with a single item to its own pairs.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from mechcot.core.trace import Span

_LENGTHS = 64
DISTANCES = 64
NOWHERE = -1
ANY_LENGTH = _LENGTHS - 1
ANSWER_BUCKET = _LENGTHS * DISTANCES
"""Buckets from here on have the answer as their target."""


def buckets(groups: Sequence[Span]) -> Int[np.ndarray, "source target"]:
    """The bucket of every pair; -1 where the source does not lie before the target or a group is empty.

    Args:
        groups: The chain steps and, last, where the answer is predicted.
    """
    starts = np.array([group.start for group in groups])
    sizes = np.array([len(group) for group in groups])
    order = np.arange(len(groups))
    distance = np.maximum(starts[None, :] - starts[:, None], 1)
    code = (
        np.log2(distance).astype(int) * _LENGTHS
        + np.log2(np.maximum(sizes, 1)).astype(int)[:, None]
    )
    code = code + (order == len(groups) - 1)[None, :] * ANSWER_BUCKET
    defined = (order[:, None] < order[None, :]) & (sizes[:, None] > 0) & (sizes[None, :] > 0)
    return np.where(defined, code, NOWHERE)


@dataclass(frozen=True, eq=False)
class ExpectedAttention:
    """Summed mass and number of pairs by bucket; several items add up and one can be taken out again.

    Attributes:
        sums: Bucket -> summed mass, one number per layer and head.
        counts: Bucket -> number of pairs.
    """

    sums: dict[int, Float[np.ndarray, "layer head"]]
    counts: dict[int, int]

    @classmethod
    def of(
        cls,
        mass: Float[np.ndarray, "layer head source target"],
        code: Int[np.ndarray, "source target"],
    ) -> "ExpectedAttention":
        """The pairs of one item; every pair is also counted at any length and at any distance."""
        buckets = np.unique(code[code != NOWHERE])
        sums = [mass[:, :, code == bucket].sum(-1) for bucket in buckets]
        counts = np.array([(code == bucket).sum() for bucket in buckets], dtype=np.int64)
        stacked = np.stack(sums, axis=-1) if sums else np.zeros((*mass.shape[:2], 0))
        return cls.of_sums(stacked, buckets, counts)

    @classmethod
    def of_sums(
        cls,
        summed: Float[np.ndarray, "layer head entry"],
        buckets: Int[np.ndarray, " entry"],
        numbers: Int[np.ndarray, " entry"],
    ) -> "ExpectedAttention":
        """The same from masses that were summed before; a bucket may occur several times.

        Args:
            summed: Mass of each entry, summed over its pairs, by layer and head.
            buckets: Bucket of each entry; none is `NOWHERE`.
            numbers: How many pairs each entry has.
        """
        sums: dict[int, np.ndarray] = defaultdict(lambda: np.zeros(summed.shape[:2]))
        counts: dict[int, int] = defaultdict(int)
        for bucket in np.unique(buckets):
            here = buckets == bucket
            total, number = summed[:, :, here].sum(-1), int(numbers[here].sum())
            for level in wider(int(bucket)):
                sums[level] = sums[level] + total
                counts[level] += number
        return cls(dict(sums), dict(counts))

    def plus(self, other: "ExpectedAttention", *, sign: int = 1) -> "ExpectedAttention":
        """Both together; with `sign=-1` the pairs of `other` are taken out."""
        sums, counts = dict(self.sums), dict(self.counts)
        for bucket, total in other.sums.items():
            sums[bucket] = sums.get(bucket, 0.0) + sign * total
            counts[bucket] = counts.get(bucket, 0) + sign * other.counts[bucket]
        return ExpectedAttention(sums, counts)

    def expected(self, bucket: int, *, own: "ExpectedAttention") -> Float[np.ndarray, "layer head"]:
        """Mean mass of a pair in this bucket over other items; `own` serves where there are none."""
        for null in (self, own):
            for level in wider(bucket):
                if null.counts.get(level, 0) > 0:
                    return null.sums[level] / null.counts[level]
        raise ValueError(f"bucket {bucket} is in no item, its own included")


def wider(bucket: int) -> tuple[int, int, int]:
    """A bucket, the same distance at any length, and every pair with this sort of target."""
    target = bucket // ANSWER_BUCKET * ANSWER_BUCKET
    distance = bucket // _LENGTHS * _LENGTHS
    return bucket, distance + ANY_LENGTH, target + (DISTANCES - 1) * _LENGTHS + ANY_LENGTH


def corrected(
    mass: Float[np.ndarray, "layer head source target"],
    code: Int[np.ndarray, "source target"],
    *,
    others: ExpectedAttention,
) -> Float[np.ndarray, "layer head source target"]:
    """Mass over expected mass; NaN where no pair is defined, 1 where nothing was expected and nothing came.

    Args:
        mass: What one item has; NaN where no pair is defined.
        code: Bucket of every pair, as `buckets` gives them.
        others: The null without this item; its own pairs serve where the others have none.
    """
    own = ExpectedAttention.of(mass, code)
    ratio = np.full(mass.shape, np.nan)
    for bucket in np.unique(code[code != NOWHERE]):
        here = code == bucket
        expected = others.expected(int(bucket), own=own)
        safe = np.where(expected > 0, expected, 1.0)[:, :, None]
        ratio[:, :, here] = np.where(expected[:, :, None] > 0, mass[:, :, here] / safe, 1.0)
    return ratio
