"""Traces cut at Thought Anchors' sentences: the text is kept, each step gets its own sentence's importance."""

import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks.thought_anchors import NO_SENTENCE, load_anchored, sentence_pieces
from mechcot.core.errors import UserError
from mechcot.model.reasoner import Reasoner
from mechcot.traces.external import load_chains
from mechcot.traces.formats import import_traces

ANCHORS = Path(__file__).parents[3] / "shared" / "data" / "thought_anchors_com" / "traces.jsonl"


@pytest.fixture(scope="module")
def reader() -> Reasoner:
    return Reasoner.load("organism:base")


def test_pieces_begin_at_sentences_and_make_the_text():
    text = "So  a is\n3. Wait. Wait. \\frac rewritten here. Then b = 4.\n\nEnd. "
    sentences = ["So a is 3.", "Wait.", "Wait.", "\\dfrac rewritten here.", "Then b = 4.", "End."]
    pieces, found = sentence_pieces(text, sentences)
    assert "".join(pieces) == text
    assert found == [0, 1, 2, 4, 5]
    assert pieces == ["So  a is\n3. ", "Wait. ", "Wait. \\frac rewritten here. ", "Then b = 4.\n\n", "End. "]  # fmt: skip
    assert sentence_pieces(" lead. One.", ["One."]) == ([" lead. One."], [0])
    assert sentence_pieces("none of it", ["other"]) == (["none of it"], [NO_SENTENCE])
    assert sentence_pieces("", ["other"]) == ([], [])


def test_a_lost_sentence_does_not_pull_later_ones_far_ahead():
    text = "A b. " + "filler words here. " * 40 + "Lost. End."
    pieces, found = sentence_pieces(text, ["A b.", "Lost.", "End."])
    assert found == [0] and pieces == [text]


def test_each_step_has_the_importance_of_its_sentence(reader, tmp_path):
    chunks = [
        {"chunk": " need b .", "counterfactual_importance_kl": 0.1},
        {"chunk": "never there", "counterfactual_importance_kl": 9.0},
        {"chunk": "b = 3 .", "counterfactual_importance_kl": 0.3},
        {"chunk": "so b = 3 ."},
    ]
    record = {
        "id": "a",
        "model": "m",
        "problem": {"problem": "brief : b: 3 ; find b ?", "gt_answer": "3"},
        "solution": " need b . b = 3 . so b = 3 .\n</think> answer 3",
        "chunks": chunks,
    }
    (tmp_path / "in.jsonl").write_text(json.dumps(record) + "\n")
    import_traces(tmp_path / "in.jsonl", tmp_path / "out.jsonl", kind="thought-anchors")
    (found,) = load_anchored(tmp_path / "out.jsonl", reader)
    assert [step.text.strip() for step in found.trace.chain_steps] == [
        "need b .",
        "b = 3 .",
        "so b = 3 .",
    ]
    assert (found.sentence, found.missing) == ((0, 2, 3), 1)
    np.testing.assert_array_equal(
        found.importance["counterfactual_importance_kl"], [0.1, 0.3, np.nan]
    )
    (tmp_path / "plain.jsonl").write_text(
        json.dumps({"id": "b", "question": "q", "chain": "c", "answer": "1"}) + "\n"
    )
    with pytest.raises(UserError, match="b: expected the sentences of Thought Anchors"):
        load_anchored(tmp_path / "plain.jsonl", reader)


@pytest.mark.skipif(
    not ANCHORS.is_file(), reason="needs the Thought Anchors traces beside the checkout"
)
def test_nearly_all_published_sentences_are_found(tmp_path):
    import_traces(ANCHORS, tmp_path / "out.jsonl", kind="thought-anchors")
    found = total = 0
    for chain in load_chains(tmp_path / "out.jsonl"):
        texts = [each["text"] for each in chain.problem.meta["anchors"]]
        text = chain.text
        pieces, places = sentence_pieces(text, texts)
        assert "".join(pieces) == text
        for piece, place in zip(pieces[1:], places[1:], strict=True):
            assert piece.split()[:3] == texts[place].split()[:3] or len(texts[place].split()) < 3
        found, total = found + len(places), total + len(texts)
    assert found / total > 0.97
