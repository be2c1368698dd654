"""The tokens of first wrong steps, scored by both models against a corpus and against its null."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from mechcot.core.pair import Pair
from mechcot.core.trace import Step, Trace
from mechcot.memorisation.corpus_index import CorpusIndex
from mechcot.memorisation.scores import (
    SOURCES,
    TokenPlace,
    content_words,
    dominant,
    largest_score,
    says_something,
    source_scores,
)
from mechcot.model.compatibility import common_vocabulary
from mechcot.model.prefix.prefix import Prefix
from mechcot.model.reasoner import Reasoner

SIDES = ("before", "after")
CORPORA = ("corpus", "null")
_SHOWN = 12
"""Tokens of context that a row shows."""


@dataclass(frozen=True)
class Corpora:
    """The corpus and what it is held against.

    Attributes:
        corpus: The texts that the second model was tuned on.
        null: Others, or the same in random order.
    """

    corpus: CorpusIndex
    null: CorpusIndex

    def __iter__(self) -> Iterator[CorpusIndex]:
        """Both, as `CORPORA` names them."""
        yield self.corpus
        yield self.null


def token_rows(
    readers: Pair[Reasoner],
    trace: Trace,
    step: Step,
    corpora: Corpora,
    *,
    stopwords: Collection[str],
) -> list[dict[str, Any]]:
    """Score every token of a step that says something.

    Args:
        readers: Before and after.
        trace: The chain.
        step: Its first wrong step.
        corpora: What they are held against.
        stopwords: Words that are no candidates.

    Returns:
        A row a token: `item`, `trace`, `step` (from 1), `position`, `token`, `behind` (the context that the corpus has), `width` (its tokens), `count` (of the token behind it) and `continued` (of anything);
        by model `before_probability`, `before_rank` (0: the likeliest), and by model and corpus `before_corpus_local`, ..., `after_null_stim`, `after_null_dominant`.

    Raises:
        NotMeasurable: A model cannot read the chain.
    """
    seen = readers.map(lambda reader: reader.view(trace))
    size = common_vocabulary(*readers)
    starts = [_tokens_of(trace, step).start for trace in seen]
    runs = [
        reader.prefix(trace.ids[: _tokens_of(trace, step).stop])
        for reader, trace in zip(readers, seen, strict=True)
    ]
    after, here = seen.after, _tokens_of(seen.after, step)
    question = content_words(readers.after.tokenizer, trace.problem.question, stopwords)
    rows = []
    for offset, position in enumerate(here):
        text = readers.after.decode([after.ids[position]])
        if not says_something(text, stopwords):
            continue
        context = after.ids[:position]
        chain = readers.after.continuation(
            after.ids[: after.prompt_length], after.ids[after.prompt_length : position]
        )
        words = content_words(readers.after.tokenizer, chain, stopwords)
        place = TokenPlace(context, after.ids[position], words, question)
        row = {"item": trace.problem.id, "trace": trace.id, "step": step.index + 1}
        row |= {"position": position, "token": text} | _local_context(
            readers.after, corpora.corpus, place
        )
        for side, run, start in zip(SIDES, runs, starts, strict=True):
            row |= _scored(side, _predicted(run, start + offset, size), place, corpora)
        rows.append(row)
    return rows


def _tokens_of(trace: Trace, step: Step) -> range:
    return trace.steps[step.index].tokens.positions()


def _predicted(prefix: Prefix, position: int, size: int) -> Float[np.ndarray, " vocabulary"]:
    """Log-probabilities of the common vocabulary at a position; one row at a time, since a step may be long and a vocabulary large."""
    return prefix.unembed(prefix.hidden[position - 1])[:size].double().cpu().numpy()


def _local_context(reader: Reasoner, index: CorpusIndex, place: TokenPlace) -> dict[str, Any]:
    """What the corpus has of a token and the context before it."""
    width = index.longest_suffix(place.context, place.token)
    context = place.context[len(place.context) - width :]
    return {
        "behind": reader.decode(context[-_SHOWN:]) if width else "",
        "width": width,
        "count": index.count([*context, place.token]),
        "continued": index.count(context),
    }


def _scored(
    side: str, logprobs: Float[np.ndarray, " token"], place: TokenPlace, corpora: Corpora
) -> Mapping[str, Any]:
    row: dict[str, Any] = {
        f"{side}_probability": float(np.exp(logprobs[place.token])),
        f"{side}_rank": int((logprobs > logprobs[place.token]).sum()),
    }
    for name, index in zip(CORPORA, corpora, strict=True):
        scores = source_scores(index, place, logprobs)
        row |= {f"{side}_{name}_{source}": scores[source] for source in SOURCES}
        row[f"{side}_{name}_stim"] = largest_score(scores)
        row[f"{side}_{name}_dominant"] = dominant(scores)
    return row
