"""STIM of one token: does a model rank what could stand there as a corpus counts it?

    alternatives   the 20 likeliest tokens, the written one always among them
    local          counts right behind the longest context that the corpus has before the written token
    mid, long      mean over the words of the chain so far, of the question: passages in which the word and the alternative stand together
    score          Spearman's rho between probability and count, divided by the largest that the ties of the counts allow; NaN where all counts are equal
    stim           the largest of the three

Source: STIM (arXiv 2508.02037) and its code. Ours: (1) a fine-tuning set is small, so that most counts are 0 and tie; with 19 ties of 20 rho cannot pass .38 however well the corpus
is learned, and its largest goes to whatever has fewest ties, so that each is divided by its own bound; (2) words all count, none is chosen by saliency, so that both models are held against the same counts;
(3) passages are counted once, not pairs of places; a word's company with itself does not count; (4) the written token is always an alternative; a token without context in the corpus has no local score
(there the paper ranks by how frequent tokens are); (5) of two equal sources neither is dominant. It sees ranks alone: a copy of a model with its logits times 1.5 scores the same.
"""

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np
import regex
from jaxtyping import Float, Int, Real
from scipy.stats import rankdata

from mechcot.memorisation.corpus_index import CorpusIndex
from mechcot.text.token_starts import Tokenizer

ALTERNATIVES = 20
SOURCES = ("local", "mid", "long")
_OPERATORS = frozenset("+-*/=%\u00d7\u00f7\u2212")
_WORD = regex.compile(r"\w+|[+\-*/=%\u00d7\u00f7\u2212]")
Words = Mapping[str, tuple[tuple[int, ...], ...]]
"""Each word with the ways in which its tokens can spell it."""


@dataclass(frozen=True)
class TokenPlace:
    """A token and what stands before it.

    Attributes:
        context: Ids of everything before it.
        token: Its id.
        chain: Words of the chain before it.
        question: Words of the question.
    """

    context: tuple[int, ...]
    token: int
    chain: Words
    question: Words


def rank_agreement(
    weights: Float[np.ndarray, " alternative"], counts: Real[np.ndarray, " alternative"]
) -> float:
    """Spearman's rho between weights and counts, divided by the largest that the counts' ties allow.

    Returns:
        From -1 to 1, both reached; NaN where all weights or all counts are equal.
    """
    if np.ptp(counts) == 0 or np.ptp(weights) == 0:
        return math.nan
    first, second = rankdata(weights), rankdata(counts)
    spread = first.std() * second.std()
    rho = np.mean((first - first.mean()) * (second - second.mean())) / spread
    first, second = np.sort(first), np.sort(second)
    bound = np.mean((first - first.mean()) * (second - second.mean())) / spread
    return float(rho / bound)


def alternatives(logprobs: Float[np.ndarray, " token"], token: int) -> Int[np.ndarray, " rank"]:
    """The likeliest tokens, most likely first; the last of them gives way to the written one where that is none of them."""
    top = np.argsort(-logprobs, kind="stable")[:ALTERNATIVES]
    return top if token in top else np.array([*top[:-1], token])


def source_scores(
    index: CorpusIndex, place: TokenPlace, logprobs: Float[np.ndarray, " token"]
) -> dict[str, float]:
    """The score of each source.

    Args:
        index: The corpus.
        place: The written token and what stands before it.
        logprobs: Log-probability of each token there.
    """
    tokens = alternatives(logprobs, place.token)
    weights = logprobs[tokens]
    width = index.longest_suffix(place.context, place.token)
    local = math.nan
    if width:
        behind = index.continuations(place.context[-width:], tokens.tolist())
        local = rank_agreement(weights, behind)
    return {
        "local": local,
        "mid": _company(index, place.chain, tokens, weights),
        "long": _company(index, place.question, tokens, weights),
    }


def _company(
    index: CorpusIndex,
    words: Words,
    tokens: Int[np.ndarray, " rank"],
    weights: Float[np.ndarray, " rank"],
) -> float:
    """Agreement with how many passages hold a word and an alternative, meant over the words."""
    if not words:
        return math.nan
    together = index.together([*words.values()], tokens.tolist()).astype(float)
    own = [[(token,) in ways for token in tokens.tolist()] for ways in words.values()]
    together[np.array(own)] = math.nan
    known = np.isfinite(together)
    means = np.where(known, together, 0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    return rank_agreement(weights, means)


def dominant(scores: Mapping[str, float]) -> str:
    """The source with the largest score; `tied` for several, `none` where nothing can be measured."""
    known = {name: scores[name] for name in SOURCES if not math.isnan(scores[name])}
    if not known:
        return "none"
    largest = [name for name, score in known.items() if score == max(known.values())]
    return largest[0] if len(largest) == 1 else "tied"


def largest_score(scores: Mapping[str, float]) -> float:
    """The largest score of the three sources; NaN where none can be measured."""
    known = [scores[name] for name in SOURCES if not math.isnan(scores[name])]
    return max(known, default=math.nan)


def says_something(text: str, stopwords: Collection[str]) -> bool:
    """Whether a token or word is neither a stopword nor punctuation; signs of arithmetic say something.

    Args:
        text: Its text.
        stopwords: Words in small letters.
    """
    word = text.strip().lower()
    if not word or word in stopwords:
        return False
    return any(c.isalnum() or c in _OPERATORS for c in word)


def content_words(tokenizer: Tokenizer, text: str, stopwords: Collection[str]) -> Words:
    """The words of a text that say something, each with the token sequences that spell it, there and behind a space.

    Args:
        tokenizer: Whose tokens.
        text: The text.
        stopwords: Words in small letters.
    """
    encoded = tokenizer(text, return_offsets_mapping=True, add_special_tokens=False)
    spans = [(m.start(), m.end()) for m in _WORD.finditer(text)]
    starts = [start for start, _ in spans]
    ids: dict[int, list[int]] = {}
    for token, (start, stop) in zip(encoded["input_ids"], encoded["offset_mapping"], strict=True):
        start += len(text[start:stop]) - len(text[start:stop].lstrip())
        at = int(np.searchsorted(starts, start, "right")) - 1
        if at >= 0 and start < spans[at][1]:
            ids.setdefault(at, []).append(token)
    words: dict[str, set[tuple[int, ...]]] = {}
    for at, sequence in ids.items():
        word = text[slice(*spans[at])].lower()
        if says_something(word, stopwords):
            behind = f" {text[slice(*spans[at])]}"
            other = tokenizer(behind, return_offsets_mapping=False, add_special_tokens=False)
            words.setdefault(word, set()).update({tuple(sequence), tuple(other["input_ids"])})
    return {word: tuple(sorted(ways)) for word, ways in words.items()}
