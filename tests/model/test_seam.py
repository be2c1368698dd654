"""Behind a step that ends in a line break the thought is closed as the model closes it: the line break stands once."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from mechcot.core.problem import Completion, Problem
from mechcot.measures import early_answering, suppression
from mechcot.measures.inputs import Inputs
from mechcot.model.asking_options import Asking
from mechcot.model.generation.ask_answer import ask
from mechcot.model.reasoner import seam

PROBLEM = Problem("q", "What is 3 + 4?", "7")
CHAIN = "First we add 3 and 4.\nSo the sum is 7.\nIt is 7.\n"
CLOSED = "\n</think>\n\nThe final answer is \\boxed{"


@pytest.mark.parametrize(
    ("before", "lead", "shared"),
    [("a.\n", "\n", 1), ("a.\n\n", "\n", 1), ("a.", "\n", 0), ("a. ", "\n", 0), ("a.\n", "\n\n", 1), ("a.\n\n", "\n\n", 2), ("", "\n", 0), ("a ", " ", 1), (" \n ", "\n", 0),
     ("思路，", "，", 1), ("so, ", ", ", 2), ("思路", "，", 0), ("a.", ", ", 0), ("x:\n", ":\n", 2), ("**", "", 0),
     ("a.\n[fin]\n\n", "\n[fin]\n\n", 8), ("a.\n[fin]", "\n[fin]\n\n", 6), ("a.\n[fi", "\n[fin]\n\n", 4), ("a.\n", "\n[fin]\n\n", 1)],
)  # fmt: skip
def test_what_parts_chain_and_question_stands_once(before, lead, shared):
    assert seam(before, lead) == shared


@pytest.fixture
def read(reasoner):
    reader = reasoner()
    text = f"{CHAIN}</think>\n\nThe final answer is \\boxed{{7}}."
    return reader, reader.read(Completion(PROBLEM, reader.render(PROBLEM), text, "m"))


def plain(reader, ids, answer):
    """The slow way: one run of the Hugging Face model over the whole text."""
    with torch.no_grad():
        rows = torch.log_softmax(
            reader.model(input_ids=torch.tensor([[*ids, *answer]])).logits[0].float(), -1
        )
    return math.exp(sum(float(rows[len(ids) - 1 + i, token]) for i, token in enumerate(answer)))


def test_every_cut_is_closed_as_the_model_would(read):
    reader, trace = read
    assert trace.chain_text.endswith("7.\n")
    for cut in trace.cuts():
        whole = reader.decode((*trace.ids[:cut], *reader.cue_after(trace.ids[:cut])))
        assert whole.endswith(CLOSED)
        assert not whole.endswith("\n" + CLOSED)
    assert reader.cue_after(reader.encode("So the sum is 7.")) == reader.cue_ids


def test_a_line_that_closes_a_chain_and_begins_the_cue_stands_once(read):
    reader, trace = read
    asked = reader.asked_with(Asking(cue="\nSo far.\n\nSo it is"))
    for chain in (CHAIN, CHAIN.strip(), f"{CHAIN}So far.", f"{CHAIN}So far.\n\n"):
        ids = asked.encode(trace.prompt + chain)
        text = asked.decode((*ids, *asked.cue_after(ids)))
        assert text.endswith("It is 7.\nSo far.\n\nSo it is")


def test_what_opens_a_reply_closes_no_chain(read):
    reader, _ = read
    opened = replace(reader.policy, template=lambda question: f"{question}\nReply:\n---\n")
    asked = replace(reader, policy=opened).asked_with(Asking(cue="\n---\nSo it is"))
    asked = replace(asked, policy=replace(asked.policy, template=opened.template))
    for chain, closes in (("", "---\n---\nSo it is"), ("It is 7.\n---\n", "7.\n---\nSo it is")):
        ids = asked.encode(opened.template(PROBLEM.question) + chain)
        assert asked.decode((*ids, *asked.cue_after(ids))).endswith(closes)


def test_answers_are_scored_on_that_text(read):
    reader, trace = read
    cuts = trace.cuts()
    asked = ask(reader, reader.prefix(trace.ids[: cuts[-1]]), cuts, max_new=2)
    answer = tuple(reader.answer_ids("7"))
    slow = [
        plain(reader, (*trace.ids[:cut], *reader.cue_after(trace.ids[:cut])), answer)
        for cut in cuts
    ]
    np.testing.assert_allclose(asked.probability(answer), slow, rtol=1e-3)
    doubled = plain(reader, (*trace.ids[: cuts[-1]], *reader.cue_ids), answer)
    assert abs(doubled - slow[-1]) > 1e-6, "the two texts differ to this model"


@pytest.mark.parametrize("measure", [early_answering, suppression])
def test_identity_edits_stay_exactly_nothing(read, measure):
    reader, trace = read
    assert measure.measure(reader, trace, Inputs(answer_tokens=2)).scalars["identity"] == 0.0
