"""The score of one token: oracle, bounds, identity, and a planted effect in each source."""

import math

import numpy as np
import pytest
from hypothesis import assume, given, strategies as st
from scipy.stats import spearmanr
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from mechcot.memorisation.corpus_index import CorpusIndex
from mechcot.memorisation.scores import (
    ALTERNATIVES,
    TokenPlace,
    alternatives,
    content_words,
    dominant,
    largest_score,
    rank_agreement,
    says_something,
    source_scores,
)

NUMBERS = st.lists(st.integers(-5, 5), min_size=3, max_size=12)


@given(st.permutations(range(8)), st.permutations(range(8)))
def test_without_ties_it_is_spearmans_rho(weights, counts):
    weights, counts = np.array(weights, float), np.array(counts, float)
    rho = spearmanr(weights, counts).statistic
    assert rank_agreement(weights, counts) == pytest.approx(rho)


@given(NUMBERS, st.integers(1, 99))
def test_with_ties_the_best_order_scores_1_and_the_worst_minus_1(counts, seed):
    counts = np.sort(np.array(counts, float))
    assume(np.ptp(counts) > 0)
    weights = np.arange(len(counts), dtype=float)
    order = np.random.default_rng(seed).permutation(len(counts))
    assert rank_agreement(weights[order], counts[order]) == pytest.approx(1)
    assert rank_agreement(-weights[order], counts[order]) == pytest.approx(-1)


@given(NUMBERS, st.floats(0.1, 9))
def test_it_sees_ranks_alone(counts, factor):
    weights = np.log(np.linspace(0.1, 0.9, len(counts)))
    values = np.array(counts, float)
    both = [rank_agreement(w, values) for w in (weights, weights * factor)]
    assert both[0] == both[1] or all(map(math.isnan, both))


def test_equal_counts_say_nothing():
    assert math.isnan(rank_agreement(np.array([1.0, 2.0]), np.array([3.0, 3.0])))


def test_the_written_token_is_always_an_alternative():
    logprobs = -np.arange(50.0)
    assert alternatives(logprobs, 3).tolist() == list(range(ALTERNATIVES))
    assert alternatives(logprobs, 40).tolist() == [*range(ALTERNATIVES - 1), 40]


def corpus(*documents: list[int]) -> CorpusIndex:
    return CorpusIndex.of([np.array(document) for document in documents], end=99)


def peaked(*likely: int, size: int = 30) -> np.ndarray:
    """The likeliest tokens, most likely first."""
    weights = np.linspace(0.001, 0.0001, size)
    for place, token in enumerate(likely):
        weights[token] = 0.5 / (place + 1)
    return np.log(weights / weights.sum())


PLACE = TokenPlace(context=(7, 8), token=2, chain={"x": ((20,),)}, question={"y": ((21,),)})


@pytest.mark.parametrize(
    ("documents", "source"),
    [
        ([[8, 2], [8, 2], [8, 1], [20, 1], [21, 1]], "local"),
        ([[8, 1], [8, 1], [8, 2], [20, 2], [20, 2], [20, 1], [21, 1]], "mid"),
        ([[8, 1], [8, 1], [8, 2], [20, 1], [21, 2], [21, 2], [21, 1]], "long"),
    ],
)
def test_a_source_that_a_model_follows_dominates(documents, source):
    """2 is most frequent in one source, 1 in the others; the model likes 2 best, then 1."""
    scores = source_scores(corpus(*documents), PLACE, peaked(2, 1))
    assert dominant(scores) == source
    assert largest_score(scores) == scores[source] > 0.9
    others = source_scores(corpus(*documents), PLACE, peaked(1, 2))
    assert others[source] < scores[source]


def test_what_a_corpus_does_not_have_cannot_be_measured():
    scores = source_scores(corpus([5, 6], [2, 5]), PLACE, peaked(2))
    assert all(map(math.isnan, scores.values()))
    assert dominant(scores) == "none"
    assert math.isnan(largest_score(scores))


def test_of_two_equal_sources_none_is_dominant():
    assert dominant({"local": 0.5, "mid": 0.5, "long": math.nan}) == "tied"


def test_the_company_of_a_word_with_itself_does_not_count():
    """Token 20 is in every passage with the word 20, and must gain nothing by that."""
    documents = [[20, 1], [20, 2], [20, 2]]
    place = TokenPlace((7,), 2, {"x": ((20,),)}, {})
    with_it = source_scores(corpus(*documents), place, peaked(2, 1, 20))["mid"]
    assert with_it == pytest.approx(1)


@pytest.mark.parametrize(
    ("text", "says"),
    [(" 7", True), ("=", True), ("\u2212", True), ("apples", True), (" the", False), (".", False), ("\n", False), ("$", False), ("\ufffd", False)],
)  # fmt: skip
def test_stopwords_and_punctuation_are_no_candidates(text, says):
    assert says_something(text, {"the"}) is says


def test_a_word_is_all_its_tokens_with_and_without_a_space_before_it():
    vocabulary = {"4": 0, "8": 1, "\u2581": 2, ",": 3, "<unk>": 4}
    inner = Tokenizer(models.BPE(vocab=vocabulary, merges=[], unk_token="<unk>"))
    inner.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="never")
    words = content_words(PreTrainedTokenizerFast(tokenizer_object=inner), "48, 48", frozenset())
    assert words == {"48": ((0, 1), (2, 0, 1))}
