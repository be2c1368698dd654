"""Step patching with twins that a user gives, and with exchanged entities: against the exact maker, with a planted effect, on prose without digits."""

import math
from dataclasses import replace

import pytest

import mechcot as mc
from mechcot.core.errors import NotMeasurable
from mechcot.core.problem import Problem
from mechcot.measures import step_patching
from mechcot.measures.inputs import Inputs
from mechcot.organisms.counterfactual_edits import edit_at
from mechcot.organisms.known_task import OrganismMaker
from mechcot.text.entity_exchange import ExchangeMaker
from mechcot.text.given_truth import KEY, GivenTwins
from mechcot.traces.own_truth import fits
from tests.compare.tiny_models import byte_tokenizer, save_tiny
from tests.user_files import write_lines

STRIPPED = {"answer_tokens": 2, "seed": 1}


def twin_record(question, chain, answer, *, original=""):
    return {
        "question": question,
        "chain": chain,
        "answer": answer,
        "changes": "fact",
        "hint": "",
        "original": original,
    }


def given(trace, *twins):
    """The trace without its task, with given twins."""
    problem = Problem("p", trace.problem.question, trace.problem.answer, {KEY: {"twins": twins}})
    return replace(trace, problem=problem)


def question_of(trace):
    return trace.prompt.split("<user> ")[1].split(" <assistant>")[0]


@pytest.fixture(scope="module")
def chains(base):
    return base.write(mc.problems("mod10", n=16, seed=3))


def exact_and_given(base, trace):
    exact = OrganismMaker()(trace, retoken=base.retoken, seed=1)
    record = twin_record(question_of(exact.trace), exact.trace.chain_text, exact.answer)
    return exact, given(trace, record)


def test_a_given_twin_is_the_one_that_was_made_exactly(base, chains):
    agreeing = 0
    for trace in chains:
        exact, own = exact_and_given(base, trace)
        twin = GivenTwins()(own, retoken=base.retoken, seed=0)
        assert twin.trace.ids[: trace.cuts()[-1]] == exact.trace.ids[: trace.cuts()[-1]]
        assert (twin.fact, twin.answer) == (exact.fact, exact.answer)
        predicted = {s.tokens: s.answer_kept for s in twin.stated if s.answer_kept}
        law = {s.tokens: s.answer_kept for s in exact.stated}
        for tokens, answer in predicted.items():
            assert law[tokens] == answer
            agreeing += 1
    assert agreeing >= 8


def test_predictions_of_any_twin_agree_with_the_law_of_the_task(base, chains):
    agree = []
    for trace in chains:
        answer = trace.answer.text
        other = "7" if answer == "2" else "2"
        swap = str.maketrans({answer: other, other: answer})
        record = twin_record(trace.problem.question, trace.chain_text.translate(swap), other)
        try:
            twin = GivenTwins()(given(trace, record), retoken=base.retoken, seed=0)
        except NotMeasurable:  # the chain has neither digit
            continue
        steps = [step.text for step in trace.chain_steps]
        for stated in (s for s in twin.stated if s.answer_kept):
            word = stated.tokens.start - trace.chain_steps[stated.step].tokens.start
            law = edit_at(trace.problem.question, steps, stated.step, word, other).answer_kept
            if trace.problem.meta["query"] == "single":
                assert law == stated.answer_kept
            agree.append(law == stated.answer_kept)
    assert len(agree) >= 8
    assert sum(agree) >= 0.9 * len(agree)


def test_a_planted_effect_is_found_and_the_identity_is_zero(base, bypass, chains):
    values = {}
    for reader in (base, bypass):
        found = []
        for trace in chains[:3]:
            _, own = exact_and_given(base, trace)
            inputs = Inputs(maker=GivenTwins(), **STRIPPED)
            one = step_patching.measure(reader, own, inputs)
            assert one.scalars["identity"] == 0.0
            assert one.notes["twin"] == "given"
            found.append(one.value)
        values[reader.name] = sum(found) / len(found)
    assert values["base"] > 0.8
    assert abs(values["bypass"]) < 0.1


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (
            {"chain": "so c= 2 ."},
            "the given twin's chain has another number of tokens in a step, or other steps",
        ),
        (
            {"question": ": c: 2 ; find c ?"},
            "the given twin's question has another number of tokens",
        ),
        ({"original": "so c= 2 ."}, "the given twin was written for another chain"),
    ],
)
def test_a_twin_that_does_not_fit_is_counted_with_its_reason(base, chains, change, reason):
    trace = chains[0]
    record = twin_record(trace.problem.question, trace.chain_text, "1") | change
    own = given(trace, record)
    with pytest.raises(NotMeasurable) as error:
        GivenTwins()(own, retoken=base.retoken, seed=0)
    assert str(error.value) == reason
    assert list(fits(base, [own])) == [f"a twin fits in 0 of 1 chain; 1 not: {reason}"]


PROSE = [
    {
        "id": "keys",
        "question": "The red key opens the box. The tan key opens the door. Which key opens the door?",
        "chain": "The door is opened by the tan key. So it is tan.",
        "answer_text": "\nThe answer is tan",
        "answer": "tan",
    },
    {
        "id": "wer",
        "question": "Eva hat einen Hund. Ben hat eine Katze. Wer hat die Katze?",
        "chain": "Die Katze hat Ben. Also ist es Ben.",
        "answer_text": "\nThe answer is Ben",
        "answer": "Ben",
    },
    {
        "id": "tank",
        "question": "Tank a holds milk. Tank b holds soup. Does what tank b holds burn?",
        "chain": "- tank b holds soup",
        "answer_text": "\nThe answer is yes",
        "answer": "yes",
    },
]


@pytest.fixture(scope="module")
def prose(tmp_path_factory):
    root = tmp_path_factory.mktemp("prose")
    reader = mc.load(save_tiny(root / "tiny", byte_tokenizer(merges=0), seed=0, context=512))
    return reader, mc.read_traces(write_lines(root / "chains.jsonl", PROSE), reader)


def test_prose_without_digits_is_patched(prose):
    reader, traces = prose
    readouts = []
    for trace in traces:
        one = mc.measure("step_patching", reader, trace)
        assert math.isfinite(one.value), one.reason
        assert one.scalars["identity"] == 0.0
        assert one.notes["twin"] == "exchanged"
        readouts.append(one.notes["readout"])
        assert one.scalars["moved_only"] == one.notes["readout"].startswith("moved")
    assert readouts[:2] == ["the predicted answer"] * 2
    assert readouts[2].startswith("moved: the own answer")


def test_the_weaker_readout_says_where_it_is_read_and_predicts_no_answer(prose):
    reader, traces = prose
    one = mc.measure("step_patching", reader, traces[2])
    assert {"moved"} == set(one.results)
    assert math.isnan(one.scalars["ceiling"])
    twin = ExchangeMaker()(traces[2], retoken=reader.retoken, seed=0)
    assert twin.answer is None
    assert all(s.answer_kept is None for s in twin.stated)
