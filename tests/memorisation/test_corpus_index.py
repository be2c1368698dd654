"""Counts of a corpus against counting by hand."""

import numpy as np
from hypothesis import given, settings, strategies as st

from mechcot.memorisation.corpus_index import PASSAGE, CorpusIndex, in_random_order

END = 70_000  # an id of more than two bytes
IDS = st.sampled_from([0, 1, 2, 255, 256, 65_536])
DOCUMENTS = st.lists(st.lists(IDS, min_size=1, max_size=30), min_size=1, max_size=8)


def index(documents) -> CorpusIndex:
    return CorpusIndex.of([np.array(document) for document in documents], end=END)


def by_hand(documents, sequence) -> int:
    width = len(sequence)
    return sum(
        document[i : i + width] == sequence
        for document in documents
        for i in range(len(document) - width + 1)
    )


@settings(max_examples=60)
@given(DOCUMENTS, st.lists(IDS, min_size=1, max_size=5), IDS)
def test_counts_are_those_of_counting_by_hand(documents, context, token):
    corpus = index(documents)
    assert corpus.count(context) == by_hand(documents, context)
    tokens = [0, 1, 2, 255, 256, 65_536]
    behind = [by_hand(documents, [*context, other]) for other in tokens]
    assert corpus.continuations(context, tokens).tolist() == behind
    widths = [n for n in range(len(context) + 1) if by_hand(documents, [*context[len(context) - n :], token])]  # fmt: skip
    assert corpus.longest_suffix(context, token) == max(widths, default=0)
    company = [
        sum(by_hand([d], context[:2]) > 0 and other in d for d in documents) for other in tokens
    ]
    assert corpus.together([(tuple(context[:2]),)], tokens).tolist() == [company]
    assert [part.tolist() for part in corpus.documents()] == documents


def test_nothing_is_found_across_two_documents():
    corpus = index([[1, 2], [3, 1]])
    assert corpus.count([2, 3]) == 0
    assert corpus.continuations([2], [3]).tolist() == [0]
    assert corpus.longest_suffix([2], 3) == 0


def test_a_word_has_the_passages_of_all_its_spellings_once():
    corpus = index([[1, 2], [3, 2], [1, 3, 2], [4, 2]])
    assert corpus.together([((1,), (3,))], [2, 4]).tolist() == [[3, 0]]


def test_a_long_document_is_several_passages():
    corpus = index([[1, *[0] * PASSAGE, 2]])
    assert corpus.together([((1,),)], [0, 2]).tolist() == [[1, 0]]


@settings(max_examples=20)
@given(DOCUMENTS, st.integers(0, 5))
def test_in_random_order_every_token_stays_as_frequent_and_every_document_as_long(documents, seed):
    parts = [np.array(document) for document in documents]
    other = in_random_order(parts, seed=seed)
    assert [len(part) for part in other] == [len(part) for part in parts]
    assert sorted(np.concatenate(other)) == sorted(np.concatenate(parts))
