"""Thought Anchors traces cut at *their* sentences, so that our measures and their importances speak of the same steps.

A sentence is searched in the text from where the one before it ended, white space aside. A step runs from the start of one sentence to the start of the
next; a sentence that their splitter rewrote cannot be found, and its text joins the step before it.
Source: Thought Anchors (Bogdan et al. 2025, arXiv 2506.19143).
"""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from jaxtyping import Float

from mechcot.core.errors import UserError
from mechcot.core.trace import Trace
from mechcot.model.reasoner import Reasoner
from mechcot.text.trace_parser import read
from mechcot.traces.bind import completion_of, name_of
from mechcot.traces.external import load_chains
from mechcot.traces.foreign_chain import ForeignChain
from mechcot.traces.formats import ANCHORS, IMPORTANCES

SLACK = 200
"""Characters that may lie between two sentences, besides sentences that were not found."""
NO_SENTENCE = -1


@dataclass(frozen=True, eq=False)
class Anchored:
    """A trace with one importance a step.

    Attributes:
        trace: Its chain steps are sentences of Thought Anchors.
        sentence: Which sentence each step begins with; `NO_SENTENCE` where none was found.
        importance: Name of an importance (`mechcot.traces.formats.IMPORTANCES`) -> value of each step, NaN where there is none.
        missing: Number of sentences that could not be found in the chain.
    """

    trace: Trace
    sentence: tuple[int, ...]
    importance: Mapping[str, Float[np.ndarray, " step"]]
    missing: int


def load_anchored(path: Path, reader: Reasoner, *, n: int | None = None) -> list[Anchored]:
    """Read what `mechcot import --format thought-anchors` wrote.

    Raises:
        UserError: A line is wrong or has no sentences.
    """
    chains = load_chains(path)
    if n is not None:
        chains = sorted(chains, key=lambda chain: len(chain.chain))[:n]
    return [anchored(reader, chain) for chain in chains]


def anchored(reader: Reasoner, chain: ForeignChain) -> Anchored:
    """One chain, cut at its sentences.

    Raises:
        UserError: It has no sentences.
    """
    anchors = chain.problem.meta.get(ANCHORS)
    if not anchors:
        raise UserError(
            f"{chain.problem.id}: expected the sentences of Thought Anchors under {ANCHORS!r}; import the file with --format thought-anchors"
        )
    texts = [str(anchor["text"]) for anchor in anchors]
    trace = read(
        completion_of(reader, chain, author=chain.author),
        reader.tokenizer,
        segmenter=lambda text: sentence_pieces(text, texts)[0],
        tags=reader.policy.tags,
        trace_id=name_of(chain, chain.author),
    )
    _, sentences = sentence_pieces(trace.chain_text, texts)
    sentences = sentences[: len(trace.chain_steps)]
    importance = {
        name: np.array(
            [
                math.nan if i == NO_SENTENCE else anchors[i]["importance"].get(name, math.nan)
                for i in sentences
            ]
        )
        for name in IMPORTANCES
    }
    missing = len(texts) - sum(i != NO_SENTENCE for i in sentences)
    return Anchored(trace, tuple(sentences), importance, missing)


def sentence_pieces(text: str, sentences: Sequence[str]) -> tuple[list[str], list[int]]:
    """Cut a text where sentences begin.

    Returns:
        The pieces, which joined are the text, and the sentence that each begins with. One piece of `NO_SENTENCE` where none is found.
    """
    starts, indices = [], []
    cursor, lost = 0, SLACK
    for index, sentence in enumerate(sentences):
        words = sentence.split()
        pattern = re.compile(r"\s+".join(map(re.escape, words)))
        most = cursor + lost + 2 * len(sentence)
        match = pattern.search(text, cursor, most) if words else None
        if match is None:
            lost += 2 * len(sentence)
            continue
        starts.append(match.start())
        indices.append(index)
        cursor, lost = match.end(), SLACK
    if not starts:
        return ([text] if text else []), [NO_SENTENCE] * bool(text)
    bounds = [0, *starts[1:], len(text)]
    return [text[a:b] for a, b in pairwise(bounds)], indices
