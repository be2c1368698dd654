"""Attention mass of one trace, folded so that the correction for place and length can still be made later.

The expectation depends on a pair only through its bucket (mechcot.influence.expected_mass), so the mean over later steps needs only

    sums[l, h, (j, b)] = sum of relative[l, h, j, i] over the targets i whose pair with j is in bucket b
    sum over i of corrected[l, h, j, i] = sum over b of sums[l, h, (j, b)] / E[b]

relative is mass over what even attention would give (mechcot.influence.step_weights).
A source has one length and few distances in powers of two: about 10 numbers a step, head and layer instead of one for every later
step. 600 steps take 50 times less than the matrix, and only one trace's matrix is ever held.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int
from safetensors import SafetensorError
from safetensors.numpy import load, save

from mechcot.core.errors import UserError
from mechcot.core.store import write_bytes
from mechcot.influence.expected_mass import ANSWER_BUCKET, NOWHERE, ExpectedAttention
from mechcot.influence.step_weights import Mass


@dataclass(frozen=True, eq=False)
class Folded:
    """Summed mass by source and bucket.

    Attributes:
        sums: Summed mass of each (source, bucket).
        source: Step of each.
        bucket: Bucket of each.
        count: Number of targets in each.
        steps: Number of chain steps.
    """

    sums: Float[np.ndarray, "layer head pair"]
    source: Int[np.ndarray, " pair"]
    bucket: Int[np.ndarray, " pair"]
    count: Int[np.ndarray, " pair"]
    steps: int

    @classmethod
    def of(cls, mass: Mass) -> "Folded":
        """Fold the relative attention mass of a trace."""
        keys: list[tuple[int, int]] = []
        sums, counts = [], []
        for source, codes in enumerate(mass.code):
            for bucket in np.unique(codes[codes != NOWHERE]):
                here = codes == bucket
                keys.append((source, int(bucket)))
                summed = mass.mass[:, :, source, here] / mass.even[source, here]
                sums.append(summed.sum(-1))
                counts.append(int(here.sum()))
        table = np.array(keys, dtype=np.int64).reshape(-1, 2)
        stacked = np.stack(sums, axis=-1) if sums else np.zeros((*mass.mass.shape[:2], 0))
        return cls(stacked, table[:, 0], table[:, 1], np.array(counts, np.int64), len(mass.code))

    @property
    def null(self) -> ExpectedAttention:
        """This trace's part of the null."""
        return ExpectedAttention.of_sums(self.sums, self.bucket, self.count)

    def corrected(self, others: ExpectedAttention) -> Float[np.ndarray, "layer head pair"]:
        """Summed mass over expected mass; the number of targets where nothing was expected.

        Args:
            others: What other traces have; this trace's own pairs serve where they have none.
        """
        own = self.null
        ratio = np.empty_like(self.sums)
        for bucket in np.unique(self.bucket):
            here = self.bucket == bucket
            expected = others.expected(int(bucket), own=own)[:, :, None]
            known = expected > 0
            safe = np.where(known, expected, 1.0)
            ratio[:, :, here] = np.where(known, self.sums[:, :, here] / safe, self.count[here])
        return ratio

    def received(
        self, others: ExpectedAttention
    ) -> tuple[Float[np.ndarray, "layer head step"], Float[np.ndarray, "layer head step"]]:
        """Return what each step receives from later chain steps (mean), and from the answer; NaN where there is none."""
        ratio = self.corrected(others)
        answer = self.bucket >= ANSWER_BUCKET
        return self._mean(ratio, ~answer), self._mean(ratio, answer)

    def _mean(self, ratio: np.ndarray, which: np.ndarray) -> Float[np.ndarray, "layer head step"]:
        total = np.zeros((*ratio.shape[:2], self.steps))
        counts = np.zeros(self.steps)
        for pair in np.flatnonzero(which):
            total[:, :, self.source[pair]] += ratio[:, :, pair]
            counts[self.source[pair]] += self.count[pair]
        return np.where(counts > 0, total / np.maximum(counts, 1), np.nan)

    def write(self, path: Path) -> None:
        """Write it as safetensors, whole or not at all."""
        write_bytes(path, self.content())

    def content(self) -> bytes:
        """What `write` writes."""
        arrays = {"sums": self.sums, "source": self.source, "bucket": self.bucket}
        arrays |= {"count": self.count, "steps": np.array([self.steps])}
        # safetensors writes the memory behind an array, whatever its strides
        return save({name: np.ascontiguousarray(a) for name, a in arrays.items()})

    @classmethod
    def load(cls, path: Path) -> "Folded":
        """Read what `write` wrote.

        Raises:
            UserError: The file is damaged.
        """
        return cls.parse(path.read_bytes(), str(path))

    @classmethod
    def parse(cls, content: bytes, where: str) -> "Folded":
        """Read the content of a file that `write` wrote.

        Args:
            content: What stands in the file.
            where: Its name, for messages.

        Raises:
            UserError: It is damaged.
        """
        names = ("sums", "source", "bucket", "count")
        try:
            tensors = load(content)
            return cls(*(tensors[name] for name in names), steps=int(tensors["steps"][0]))
        except (SafetensorError, KeyError) as error:
            raise UserError(
                f"{where}: expected the attention of one trace, the file is damaged ({error}); remove it and run again"
            ) from error
