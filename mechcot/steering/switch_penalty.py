"""Switch penalty: make the openings of a new thought less likely while the present one is young.

    logit of the first token of each phrase -= alpha, for the first beta tokens of a thought

A thought ends where one of the phrases is written; the next begins behind the phrase. Only the token that *opens* a
phrase is penalised: the later ones never stand in the way of a phrase that has begun. Source: TIP, Wang et al.
2025, arXiv 2501.18585 (alpha 3, beta 600, for chains of thousands of tokens). A rule is a pure function of what was
written, so rows of a batch cannot mix up their states.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from mechcot.core.errors import UserError
from mechcot.core.trace import Phase, Span, Trace

SWITCH_ALPHA, SWITCH_BETA = 3.0, 600
Phrases = tuple[tuple[int, ...], ...]
_NEAREST = 5


@dataclass(frozen=True)
class SwitchPenalty:
    """A `LogitRule`.

    Attributes:
        phrases: Token ids of the phrases that end a thought.
        alpha: Taken from the logits of their first tokens.
        beta: For so many tokens of each thought.
        opening: Tokens that are penalised; None: the first of each phrase (others are the control).

    Raises:
        UserError: No phrases, an empty one, or negative numbers.
    """

    phrases: Phrases
    alpha: float = SWITCH_ALPHA
    beta: int = SWITCH_BETA
    opening: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        if not self.phrases or not all(self.phrases):
            raise UserError(
                "expected phrases of at least one token each, got none or an empty one; name the words that open a thought"
            )
        if self.alpha < 0 or self.beta < 1:
            raise UserError(f"expected alpha >= 0 and beta >= 1, got {self.alpha} and {self.beta}")

    def __call__(self, written: Sequence[int]) -> Mapping[int, float]:
        """Give what is taken from the next token's logits."""
        ends = switches(written, self.phrases)
        age = len(written) - (ends[-1] if ends else 0)
        if age >= self.beta:
            return {}
        opening = self.opening or tuple(phrase[0] for phrase in self.phrases)
        return dict.fromkeys(opening, -self.alpha)


def switches(ids: Sequence[int], phrases: Phrases) -> list[int]:
    """Return where each phrase in a text ends (exclusive), in order; phrases do not overlap, the longest wins."""
    ordered = sorted(phrases, key=len, reverse=True)
    ends, at = [], 0
    while at < len(ids):
        size = next((len(p) for p in ordered if tuple(ids[at : at + len(p)]) == p), 0)
        at += size or 1
        if size:
            ends.append(at)
    return ends


def thoughts(trace: Trace, phrases: Phrases) -> list[Span]:
    """The thoughts of a chain as token spans; they partition it (a phrase belongs to the thought it opens)."""
    chain = trace.phase(Phase.CHAIN)
    ids = trace.ids[chain.start : chain.stop]
    starts = [chain.start]
    for end in switches(ids, phrases):
        size = max(len(p) for p in phrases if tuple(ids[end - len(p) : end]) == p)
        starts.append(chain.start + end - size)
    edges = [*starts, chain.stop]
    return [Span(a, b) for a, b in pairwise(edges) if b > a]


@dataclass(frozen=True)
class ThoughtCounts:
    """Counts of the thoughts of one chain.

    Attributes:
        thoughts: How many.
        correct: How many of them are correct.
        first: Tokens to the end of the first correct one; None without any.
        tokens: Tokens of the chain.
        right: The answer is right.
    """

    thoughts: int
    correct: int
    first: int | None
    tokens: int
    right: bool

    @property
    def underthinking(self) -> float | None:
        """1 - first / tokens for a wrong answer, 0 without a correct thought; None for a right answer."""
        if self.right:
            return None
        return 0.0 if self.first is None else 1 - self.first / self.tokens


def think(
    trace: Trace, phrases: Phrases, correct: Callable[[Trace, Span], bool], *, right: bool
) -> ThoughtCounts:
    """Judge the thoughts of a chain.

    Args:
        trace: The chain.
        phrases: What ends a thought.
        correct: Judges one thought.
        right: Whether the answer is right.
    """
    spans = thoughts(trace, phrases)
    good = [span for span in spans if correct(trace, span)]
    first = good[0].stop - trace.prompt_length if good else None
    return ThoughtCounts(len(spans), len(good), first, len(trace.phase(Phase.CHAIN)), right)


def matched_tokens(
    phrases: Phrases, chains: Sequence[Sequence[int]], *, spare: frozenset[int], seed: int
) -> tuple[int, ...]:
    """For each opening token another one of about the same frequency, for the control.

    Args:
        phrases: The phrases.
        chains: Token ids of clean chains, where frequencies are counted.
        spare: Tokens that must not be taken (marks, phrases).
        seed: Of the choice among the five nearest.

    Raises:
        UserError: Too few other tokens.
    """
    counts = Counter(token for chain in chains for token in chain)
    rng = np.random.default_rng(seed)
    taken = set(spare) | {token for phrase in phrases for token in phrase}
    chosen: list[int] = []
    for opening in dict.fromkeys(phrase[0] for phrase in phrases):
        free = [token for token in counts if token not in taken]
        if not free:
            raise UserError(
                "no other token is left to match the phrases' frequency; give more chains"
            )
        near = sorted(
            free,
            key=lambda token: (abs(np.log1p(counts[token]) - np.log1p(counts[opening])), token),
        )
        chosen.append(int(rng.choice(near[:_NEAREST])))
        taken.add(chosen[-1])
    return tuple(chosen)
