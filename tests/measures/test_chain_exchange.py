"""Exchange of chains: a slow oracle, the identity, the null, the planted effect, choices, words, and why there is no number."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from mechcot.compare.measure_inputs import inputs_for
from mechcot.core.errors import NotMeasurable
from mechcot.core.problem import Completion, Problem
from mechcot.core.trace import Phase, Trace
from mechcot.measures import chain_exchange
from mechcot.measures.inputs import Inputs
from mechcot.model.asking_options import Asking
from mechcot.model.reasoner import Reasoner
from mechcot.text.listed_choices import choices, exchanged
from tests.compare.tiny_models import byte_tokenizer, save_tiny
from tests.measures.conftest import PROBLEMS, chain_of

CITIES = (
    ("Paris", "A", ("Paris", "Rome", "Oslo", "Bern")),
    ("Cairo", "C", ("Lima", "Quito", "Cairo", "Accra")),
    ("Tokyo", "B", ("Seoul", "Tokyo", "Hanoi", "Delhi")),
)


@pytest.fixture(scope="module")
def prose(tmp_path_factory) -> Reasoner:
    """A user's checkpoint: random weights, a byte-level tokenizer, answers of several tokens."""
    folder = tmp_path_factory.mktemp("prose")
    return Reasoner.load(save_tiny(folder, byte_tokenizer(merges=40), seed=3, context=1024))


def read(reader: Reasoner, problem: Problem, chain: str, answer: str) -> Trace:
    text = f"{chain}\nThe answer is {answer}"
    return reader.read(Completion(problem, reader.render(problem), text, reader.name))


def listed(reader: Reasoner) -> list[Trace]:
    """Questions with options A to D in prose."""
    found = []
    for i, (name, letter, options) in enumerate(CITIES):
        lines = "\n".join(f"{mark}) {text}" for mark, text in zip("ABCD", options, strict=True))
        question = f"Which city lies on the river of story {i}?\n{lines}"
        chain = (
            f"The story speaks of a river.\nThat river flows through {name}.\nSo it is {letter}."
        )
        found.append(read(reader, Problem(f"city-{i}", question, letter), chain, letter))
    return found


def worded(reader: Reasoner) -> list[Trace]:
    """Answers in words of several tokens, no options."""
    found = []
    for i, (who, where) in enumerate(
        (("Ann", "the old mill"), ("Ben", "a green boat"), ("Cleo", "my red barn"))
    ):
        question = f"Where does {who} sleep?"
        chain = f"{who} was tired that day.\nAt night one sleeps somewhere.\n{who} went to {where}."
        found.append(read(reader, Problem(f"sleep-{i}", question, where), chain, where))
    return found


def exchanges(reader: Reasoner, traces: list[Trace]) -> list:
    found = []
    for trace in traces:
        inputs = inputs_for(reader, trace, others=traces, seed=0)
        found.append(chain_exchange.measure(reader, trace, replace(inputs, answer_tokens=4)))
    return found


def plain_probability(reader: Reasoner, ids, answer) -> float:
    """One forward over the whole text: the product of the answer's probabilities."""
    text = [*ids, *answer]
    with torch.no_grad():
        logits = (
            reader.model(input_ids=torch.tensor([text])).logits[0].double() * reader.logit_scale
        )
    rows = torch.log_softmax(logits, -1)[len(ids) - 1 : -1]
    return float(rows[range(len(answer)), list(answer)].sum().exp())


def plain_answer(reader: Reasoner, trace: Trace) -> list[int]:
    """Greedy continuation behind the cue, token by token."""
    ids = [*trace.ids[: trace.cuts()[-1]]]
    ids += reader.cue_after(ids)
    written = []
    for _ in range(4):
        with torch.no_grad():
            token = int(
                reader.model(input_ids=torch.tensor([[*ids, *written]])).logits[0, -1].argmax()
            )
        if token in reader.stop_ids:
            break
        written.append(token)
    return written


def test_it_is_the_difference_of_plain_forwards(random_reader, traces, monkeypatch):
    monkeypatch.setattr(chain_exchange, "_answered", reference_of(chain_exchange._answered))
    reader, trace = random_reader.scaled(0.1), traces[0]  # less sure: every probability counts
    inputs = Inputs(partners=tuple(traces[1:]), alike=traces[2])
    measurement = chain_exchange.measure(reader, trace, inputs)
    other = next(t for t in traces if t.id == measurement.notes["other"])
    mine, theirs = (reader.answer_ids(t.problem.answer) for t in (trace, other))

    def p(chain: Trace, answer) -> float:
        span = chain.phase(Phase.CHAIN)
        ids = [*trace.ids[: trace.prompt_length], *chain.ids[span.start : span.stop]]
        return plain_probability(reader, [*ids, *reader.cue_after(ids)], answer)

    scalars = measurement.scalars
    assert abs(measurement.value) > 1e-5
    assert measurement.value == pytest.approx(p(other, theirs) - p(trace, theirs), abs=2e-7)
    assert scalars["needed"] == pytest.approx(p(trace, mine) - p(other, mine), abs=2e-7)
    assert scalars["null_alike"] == pytest.approx(p(traces[2], mine) - p(trace, mine), abs=2e-7)
    none = [*trace.ids[: trace.prompt_length]]
    alone = plain_probability(reader, [*none, *reader.cue_after(none)], mine)
    assert scalars["alone"] == pytest.approx(p(trace, mine) - alone, abs=2e-7)


def test_the_answers_are_the_models_own(base):
    chains = [chain_of(base, problem, seed=i) for i, problem in enumerate(PROBLEMS)]
    for trace, measurement in zip(chains, exchanges(base, chains), strict=True):
        other = next(t for t in chains if t.id == measurement.notes["other"])
        assert measurement.notes["answer"] == base.decode(plain_answer(base, trace)).strip()
        assert measurement.notes["answer_other"] == base.decode(plain_answer(base, other)).strip()


def test_its_own_chain_changes_nothing_and_what_follows_is_lost(random_reader, traces, monkeypatch):
    monkeypatch.setattr(chain_exchange, "_answered", reference_of(chain_exchange._answered))
    for trace in traces[:4]:
        inputs = replace(inputs_for(random_reader, trace, others=traces, seed=0), alike=trace)
        scalars = chain_exchange.measure(random_reader, trace, inputs).scalars
        assert scalars["identity"] == 0.0
        assert scalars["p_own"] - scalars["p_other"] == scalars["needed"]
        assert scalars["null_alike"] == pytest.approx(0, abs=1e-6)


def test_the_steps_that_state_the_answer_are_left_out_of_both_chains(base):
    trace = chain_of(base, PROBLEMS[0], seed=0)
    answered = chain_exchange._Answered(trace, (), PROBLEMS[0].answer)
    left = base.decode(answered.chain_without_answer)
    gone = [s.text for s in trace.chain_steps if s.text.strip() not in left]
    assert 0 < len(gone) < len(trace.chain_steps)
    assert all(f" {PROBLEMS[0].answer} " in text for text in gone)


def test_the_base_follows_needs_and_the_bypass_does_neither(base, bypass):
    for reader, low, high in ((base, 0.8, 1.0), (bypass, -0.05, 0.05)):
        chains = [chain_of(reader, problem, seed=i) for i, problem in enumerate(PROBLEMS)]
        measurements = exchanges(reader, chains)
        followed = np.mean([m.value for m in measurements])
        needed = np.mean([m.scalars["needed"] for m in measurements])
        assert low <= followed <= high
        assert low <= needed <= high
        nulls = [m.scalars["null_alike"] for m in measurements]
        assert abs(np.nanmean(nulls)) < 0.05  # a chain to the same answer costs nothing


def test_the_chain_of_another_sample_is_the_null_before_that_of_another_item(base):
    chains = [chain_of(base, problem, seed=i) for i, problem in enumerate(PROBLEMS)]
    again = replace(chain_of(base, PROBLEMS[0], seed=77), id="again")
    inputs = inputs_for(base, chains[0], others=[*chains, again], seed=0)
    assert inputs.alike.id == "again"
    assert all(t.problem.answer != PROBLEMS[0].answer for t in inputs.partners)


def test_partners_have_answers_of_as_many_tokens_and_near_length(prose):
    first = read(prose, Problem("a", "Where?", "here"), "It is here.", "here")
    long = read(prose, Problem("long", "Where?", "over"), "It is over. " * 9, "over")
    words = read(
        prose, Problem("words", "Where?", "not in this land"), "It is so.", "not in this land"
    )
    near = read(prose, Problem("near", "Where?", "over"), "It is over.", "over")
    same = read(prose, Problem("same", "Where?", "here"), "Look, here.", "here")
    partners = inputs_for(prose, first, others=[first, long, words, near, same], seed=0).partners
    ids = [t.problem.id for t in partners]
    assert ids[0] == "near"
    assert "same" not in ids


def test_answers_in_words_on_a_users_checkpoint(prose):
    traces = worded(prose)
    for trace, measurement in zip(traces, exchanges(prose, traces), strict=True):
        assert np.isfinite(measurement.value)
        assert measurement.scalars["identity"] == 0.0
        assert "followed_letter" not in measurement.scalars
        assert measurement.item == trace.problem.id


def test_choices_split_the_letter_from_the_option(prose, monkeypatch):
    monkeypatch.setattr(chain_exchange, "_answered", reference_of(chain_exchange._answered))
    traces = listed(prose)
    for trace, measurement in zip(traces, exchanges(prose, traces), strict=True):
        scalars = measurement.scalars
        assert measurement.value == scalars["followed_letter"] + scalars["followed_option"]
        other = next(t for t in traces if t.id == measurement.notes["other"])
        lists = [choices(t.problem.question) for t in (trace, other)]
        question, letter = exchanged(
            *lists, own_letter=trace.problem.answer, other_letter=other.problem.answer
        )
        prompt = prose.encode(prose.render(Problem("x", question, "")))

        def p(chain: Trace, answer: str, prompt=prompt) -> float:
            span = chain.phase(Phase.CHAIN)
            ids = [*prompt, *chain.ids[span.start : span.stop]]
            return plain_probability(prose, [*ids, *prose.cue_after(ids)], prose.answer_ids(answer))

        option = p(other, letter) - p(trace, letter)
        assert scalars["followed_option"] == pytest.approx(option, abs=1e-5)
        follows = p(other, other.problem.answer) - p(trace, other.problem.answer)
        assert scalars["followed_letter"] == pytest.approx(follows, abs=1e-5)


def reference_of(answered):
    """The model's answer is taken to be the reference: random weights repeat one token."""

    def fixed(reader, trace, inputs, prefix=None):
        answered(reader, trace, inputs, prefix)
        answer = trace.problem.answer
        return chain_exchange._Answered(trace, tuple(reader.answer_ids(answer)), answer)

    return fixed


def test_an_empty_chain_is_exchanged_for_an_empty_one(bypass):
    chains = [
        bypass.retoken(
            chain_of(bypass, problem, seed=i),
            bypass.render(problem),
            f"</think> answer {problem.answer}",
        )
        for i, problem in enumerate(PROBLEMS)
    ]
    for measurement in exchanges(bypass, chains):
        assert measurement.scalars["n_tokens"] == 0
        assert measurement.value == pytest.approx(0, abs=1e-6)
        assert measurement.scalars["needed"] == pytest.approx(0, abs=1e-6)


def test_without_another_answer_there_is_no_number(base, traces, monkeypatch):
    with pytest.raises(NotMeasurable, match="no other item was given that has another answer"):
        chain_exchange.measure(base, traces[0], Inputs(answer_tokens=2))
    monkeypatch.setattr(chain_exchange, "same_for", lambda *_: True)
    with pytest.raises(NotMeasurable, match="after its chains of 2 items with other answers too"):
        chain_exchange.measure(
            base, traces[0], Inputs(partners=tuple(traces[1:3]), answer_tokens=2)
        )


def test_what_the_cue_closes_stays_open_without_the_chain(prose):
    reader = prose.asked_with(Asking(cue='], "answer": "', answer_after='], "answer": "'))
    traces = []
    for i, name in enumerate(("Ann", "Bob", "Eve")):
        problem = Problem(f"json-{i}", f"Who is at place {i}?", name)
        text = f'{{"steps": [{i}, {i + 3}], "answer": "{name}"}}'
        traces.append(reader.read(Completion(problem, reader.render(problem), text, "m")))
    measurement = exchanges(reader, traces)[0]
    trace = traces[0]
    kept = [*trace.ids[: trace.prompt_length], *reader.continue_ids('{"steps": [')]
    context = [*kept, *reader.cue_after(kept)]
    assert reader.decode(context).endswith('{"steps": [], "answer": "')
    slow = plain_probability(reader, context, plain_answer(reader, trace))
    assert measurement.scalars["p_none"] == pytest.approx(slow, abs=1e-5)
