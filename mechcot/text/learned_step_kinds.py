r"""The six kinds by a logistic regression on what stands in a step and beside it; the default where kinds are not exact.

    score(kind) = bias + sum of WEIGHT[bucket of feature, kind] * value of the feature  (+ 2 where the openers of `LEXICON` name the kind)

What a step says outright (`mechcot.text.step_kinds.STATED`) decides before any score; else the highest score wins. The 2 is ours: the labels that
the weights come from are one labeller's; between 0 and 3 it changes nothing on problems left out.

Features of a step, its label (`Step 3.`) taken off: the cues of `mechcot.text.thought_anchor_cues`, place in the chain and cues of the step before among
them; its words and pairs of words (numbers are one word; 3 over the root of how many, at most 60 words); its first one, two, three words;
the first one and two of the step before and behind (0.7). A feature's bucket is its CRC-32 modulo 2^18: the file holds numbers, no words.

`python -m benchmarks.train_kinds FOLDER` writes the file: the traces of Thought Anchors (Bogdan et al. 2025, arXiv 2506.19143; MIT licence),
2,046 sentences of 10 problems, whose eight functions a language model named and `benchmarks.thought_anchor_tags.KIND_OF` maps to kinds. Kinds weigh as the
root of their rarity; L2 with C = 0.3. `docs/results/step-kinds.md` says how well it does on problems
left out, and on other sources. What it has not seen: labels by people, other domains than school mathematics, other languages (`mechcot.text.english_only`).
"""

import re
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int
from safetensors.numpy import load_file, save_file

from mechcot.core.trace import KINDS, StepKind
from mechcot.text.step_kinds import LEXICON, STATED, in_english, match
from mechcot.text.thought_anchor_cues import cues_of, unlabelled

BUCKETS = 2**18
FILE = Path(__file__).with_name("learned_step_kinds.safetensors")
ABOUT = (
    "Schema 1. Weights of mechcot.text.learned_step_kinds, derived from labels of thought-anchors.com "
    "(github.com/interp-reasoning/thought-anchors.com, MIT licence, copyright 2025 interp-reasoning) by python -m benchmarks.train_kinds."
)
LEAN = 2.0
"""What an opener of the lexicon adds to its kind's score."""
_TOKEN = re.compile(r"[a-z']+|\d+|\\[a-z]+|[^\sa-z\d]")
_LONGEST = 60
_BESIDE = 0.7
_WORDS = 3.0

Features = Mapping[int, float]


def step_features(steps: Sequence[str]) -> list[Features]:
    """The features of every step: bucket to value. Linear in the text."""
    tokens = [_tokens(step) for step in steps]
    openers = [[token for token in words if token[0].isalpha()][:3] for words in tokens]
    every = []
    for index, cues in enumerate(cues_of(steps)):
        words = {
            *tokens[index],
            *(f"{a} {b}" for a, b in zip(tokens[index], tokens[index][1:], strict=False)),
        }
        named = {f"cue {cue}": 1.0 for cue in cues}
        named |= {f"word {word}": _WORDS / len(words) ** 0.5 for word in words}
        named |= _opening("opens", openers[index], longest=3, value=1.0)
        for name, beside in (("before", index - 1), ("behind", index + 1)):
            if 0 <= beside < len(steps):
                named |= _opening(name, openers[beside], longest=2, value=_BESIDE)
        buckets: dict[int, float] = {}
        for name, value in named.items():
            bucket = zlib.crc32(name.encode()) % BUCKETS
            buckets[bucket] = buckets.get(bucket, 0.0) + value
        every.append(buckets)
    return every


def _tokens(step: str) -> list[str]:
    text = unlabelled(step).lower().replace("\u2019", "'")
    return ["0" if token[0].isdigit() else token for token in _TOKEN.findall(text)[:_LONGEST]]


def _opening(name: str, words: Sequence[str], *, longest: int, value: float) -> dict[str, float]:
    return {f"{name} {n} {' '.join(words[:n])}": value for n in range(1, longest + 1)}


@dataclass(frozen=True, eq=False)
class LearnedClassifier:
    """Kinds by the weights of a logistic regression; a `mechcot.text.step_kinds.Classifier`.

    Attributes:
        buckets: Those that weigh anything, ascending.
        weight: Of each of these for every kind of `KINDS`.
        bias: Of every kind.
    """

    buckets: Int[np.ndarray, " known"]
    weight: Float[np.ndarray, "known kind"]
    bias: Float[np.ndarray, " kind"]

    def __call__(self, steps: Sequence[str]) -> list[StepKind]:
        """Give every step its kind; `other` where nothing is said, and throughout a chain that is not English."""
        return in_english(self._kinds, steps)

    def _kinds(self, steps: Sequence[str]) -> list[StepKind]:
        stated, scores = match(STATED, steps), self.scores(steps)
        return [kind or KINDS[int(row.argmax())] for kind, row in zip(stated, scores, strict=True)]

    def scores(self, steps: Sequence[str]) -> Float[np.ndarray, "step kind"]:
        """The score of every kind."""
        opened = [[kind is mine for mine in KINDS] for kind in match(LEXICON, steps)]
        rows = self.bias + LEAN * np.array(opened, dtype=float).reshape(-1, len(KINDS))
        for row, features in zip(rows, step_features(steps), strict=True):
            names, values = np.array(list(features)), np.array(list(features.values()))
            places = np.searchsorted(self.buckets, names).clip(max=len(self.buckets) - 1)
            known = self.buckets[places] == names
            row += values[known] @ self.weight[places[known]]
        return rows

    def save(self, path: Path) -> None:
        """Write the weights, rounded to half precision."""
        tensors = {
            "buckets": self.buckets.astype(np.int32),
            "weight": self.weight.astype(np.float16),
            "bias": self.bias.astype(np.float16),
        }
        save_file(tensors, path, {"about": ABOUT})


@cache
def learned() -> LearnedClassifier:
    """The classifier that ships."""
    tensors = load_file(FILE)
    weight, bias = (tensors[name].astype(np.float64) for name in ("weight", "bias"))
    return LearnedClassifier(tensors["buckets"].astype(np.int64), weight, bias)
