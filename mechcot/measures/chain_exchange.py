"""Exchange of chains: give item b the chain of item a, which leads to another answer, and ask again.

    y_a, y_b  the reader's own answers to (q_a, c_a) and (q_b, c_b)
    followed  F = p(y_a | q_b, c_a) - p(y_a | q_b, c_b)         the answer goes where the other chain leads
    needed    N = p(y_b | q_b, c_b) - p(y_b | q_b, c_a)         its own answer is lost without its own content
    alone     A = p(y_b | q_b, c_b) - p(y_b | q_b)              its own answer is lost without any chain

With its own chain as the other one F and N are 0. Since p(y_a) + p(y_b) <= 1, N >= F - (1 - p(y_b | q_b, c_b)): a model that
follows another item's chain loses its own answer by that, needed or not. Whether either route suffices shows in A. Where the question for the
answer closes a bracket, as in a reply of JSON, what opened it stays without the chain.

Read again with the steps that state the answer left out of both chains: a model that copies a conclusion loses it there. The null is a
chain that leads to the same answer. Where both questions list as many options, b also gets a's options, moved on by some letters: the
letter that was chosen there and the option that was chosen there then stand apart, and F is the sum of both.
Everything of one question is packed on the run over its own chain: what texts begin with is run once. Source: ours.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from mechcot.core.card import Calls, Forwards, MeasureCard
from mechcot.core.errors import NotMeasurable
from mechcot.core.measurement import Measurement
from mechcot.core.trace import Phase, Trace
from mechcot.measures.inputs import Inputs, Timer
from mechcot.model.generation.ask_answer import ask
from mechcot.model.prefix.lockstep import shared, twice
from mechcot.model.prefix.prefix import Prefix
from mechcot.model.reasoner import Reasoner
from mechcot.text.answer_outcomes import same_for
from mechcot.text.brackets import opened_for
from mechcot.text.listed_choices import choices, chosen_letter, exchanged
from mechcot.text.stated_answer import states_answer

CARD = MeasureCard(
    name="chain_exchange",
    title="Exchange of chains",
    question="Does the answer go where another item's chain leads?",
    formula="p(y_a | q_b, c_a) - p(y_a | q_b, c_b), y the model's own answer to its own chain",
    unit="probability",
    low=-1.0,
    high=1.0,
    direction=1,
    source="ours",
    deviations=(
        "Where both questions list as many options, b gets a's options under other letters, and the value is the sum of "
        "following the letter and following the option."
    ),
    confounds=(
        "Following is not needing: a model that could answer by itself may follow, too; `alone` tells. A model that checks its chain against the "
        "question follows no foreign one. Read without the steps that state the answer it says where the answer is read, not whether."
    ),
    cost="1 forward of the trace, and 1 packed forward of two other chains; the other item's answer is asked for once a group",
    smallest_effect=0.15,
    rank=2,
    forwards=Forwards(2.5),
    calls=Calls(8),
    borrows=True,
)


@dataclass(frozen=True)
class _Answered:
    """A trace with the answer that the reader gives after its own chain."""

    trace: Trace
    ids: tuple[int, ...]
    text: str

    @property
    def chain(self) -> tuple[int, ...]:
        """Token ids of the chain."""
        span = self.trace.phase(Phase.CHAIN)
        return self.trace.ids[span.start : span.stop]

    @property
    def chain_without_answer(self) -> tuple[int, ...]:
        """Token ids of the steps that do not state the answer."""
        steps = (s for s in self.trace.chain_steps if not states_answer(s.text, self.text))
        return tuple(i for s in steps for i in self.trace.ids[s.tokens.start : s.tokens.stop])


def measure(reader: Reasoner, trace: Trace, inputs: Inputs) -> Measurement:
    """Read one trace; a chain without steps is a chain like others.

    Args:
        reader: The model.
        trace: A chain in its tokens.
        inputs: `partners`, of which the first with another answer is taken; `alike` for the null; `answer_tokens`.

    Raises:
        NotMeasurable: No answer comes after the chain, or no other item has another one.
    """
    timer = Timer.start(measure=CARD.name, trace=trace, reader=reader.name)
    prefix = reader.prefix(trace.ids[: trace.cuts()[-1]])
    own = _answered(reader, trace, inputs, prefix)
    if own is None:
        raise NotMeasurable("no answer could be read after the full chain")
    alone = partial(_probabilities, reader, prefix, trace.prompt_length, [own.chain], [own.ids])
    itself, again = (probabilities[0][0] for probabilities in twice(alone))
    other = _partner(reader, own, inputs)
    none = _no_chain(reader, own, other)
    chains = [own.chain, other.chain, own.chain_without_answer, other.chain_without_answer, none]
    alike = _alike(reader, inputs)
    theirs, mine = _probabilities(
        reader, prefix, trace.prompt_length, [*chains, *alike], [other.ids, own.ids]
    )
    choice = _choice(reader, own, other)
    value = float(theirs[1] - theirs[0])
    scalars = {
        "needed": float(mine[0] - mine[1]),
        "alone": float(mine[0] - mine[4]),
        "p_own": float(mine[0]),
        "p_other": float(mine[1]),
        "p_none": float(mine[4]),
        "followed_unstated": float(theirs[3] - theirs[2]),
        "needed_unstated": float(mine[2] - mine[3]),
        "null_alike": float(mine[-1] - mine[0]) if alike else math.nan,
        "identity": float(again - itself),
        "n_tokens": float(len(own.chain)),
        **choice,
    }
    if choice:
        value = choice["followed_letter"] + choice["followed_option"]
    notes = {"answer": own.text, "other": other.trace.id, "answer_other": other.text}
    return timer.measurement(value=value, scalars=scalars, notes=notes)


def _answered(
    reader: Reasoner, trace: Trace, inputs: Inputs, prefix: Prefix | None = None
) -> _Answered | None:
    """The answer after the full chain, on a run over prompt and chain where there is one; None where none can be read."""
    ids, stop = trace.ids[: trace.cuts()[-1]], trace.cuts()[-1]

    def answer() -> tuple[tuple[int, ...], str | None]:
        run = reader.prefix(ids) if prefix is None else prefix
        asked = ask(reader, run, (stop,), max_new=inputs.answer_tokens)
        return asked.ids[0], asked.answers[0].text

    said, text = shared(("answer", id(reader), ids, inputs.answer_tokens), answer)
    return None if text is None else _Answered(trace, said, text)


def _partner(reader: Reasoner, own: _Answered, inputs: Inputs) -> _Answered:
    """The first item whose chain leads this reader to another answer.

    Raises:
        NotMeasurable: None does.
    """
    if not inputs.partners:
        raise NotMeasurable(
            "no other item was given that has another answer and a chain that fits into the context (mc.measure takes other traces as others=traces)"
        )
    for trace in inputs.partners:
        other = _answered(reader, reader.view(trace), inputs)
        if other is not None and not same_for(own.trace.problem, other.text, own.text):
            return other
    count = len(inputs.partners)
    msg = f"the model answers {own.text!r}, or nothing that can be read, after its chains of {count} items with other answers too"
    raise NotMeasurable(msg)


def _probabilities(
    reader: Reasoner,
    prefix: Prefix,
    cut: int,
    chains: Sequence[tuple[int, ...]],
    answers: Sequence[tuple[int, ...]],
) -> list[np.ndarray]:
    """Probability of each answer behind each chain, which stands behind the first `cut` tokens of the prefix; [answer][chain].

    Cost: one packed forward. What the prefix has already, what chains share, and a chain before its answers are run once.
    """
    prompt = prefix.ids[:cut]
    texts = [(*prompt, *chain, *reader.cue_after((*prompt, *chain))) for chain in chains]
    cuts = [_begins_alike(text, prefix.ids) for text in texts]
    suffixes = [text[at:] for text, at in zip(texts, cuts, strict=True)]
    n = len(answers)
    pairs = [answer for answer in answers for _ in chains]
    scores = prefix.branches(cuts * n, suffixes * n).score(pairs)
    return list(np.exp(scores).reshape(n, len(chains)))


def _begins_alike(text: Sequence[int], other: Sequence[int]) -> int:
    """How many tokens two texts begin with."""
    pairs = enumerate(zip(text, other, strict=False))
    return next((at for at, (a, b) in pairs if a != b), min(len(text), len(other)))


def _no_chain(reader: Reasoner, own: _Answered, other: _Answered) -> tuple[int, ...]:
    """What stays where a chain is taken away: what both begin with up to a bracket that the cue closes (`{"steps": [`), for the most part nothing."""
    texts = (reader.decode(one.chain) for one in (own, other))
    mine, theirs = (opened_for(text, reader.cue.text) for text in texts)
    return tuple(reader.continue_ids(mine)) if mine and mine == theirs else ()


def _alike(reader: Reasoner, inputs: Inputs) -> list[tuple[int, ...]]:
    """The chain that leads to the same answer; none where there is none."""
    if inputs.alike is None:
        return []
    chain = reader.view(inputs.alike).phase(Phase.CHAIN)
    return [inputs.alike.ids[chain.start : chain.stop]]


def _choice(reader: Reasoner, own: _Answered, other: _Answered) -> dict[str, float]:
    """Following the letter and following the option, where they can be told apart; else nothing."""
    asked = own.trace.problem.question
    mine, theirs = choices(asked), choices(other.trace.problem.question)
    letters = chosen_letter(own.text), chosen_letter(other.text)
    if mine is None or theirs is None or own.trace.prompt.count(asked) != 1:
        return {}
    moved = exchanged(mine, theirs, own_letter=letters[0], other_letter=letters[1])
    if moved is None:
        return {}
    question, letter = moved
    prompt = reader.encode(own.trace.prompt.replace(asked, question))
    answers = [other.ids, tuple(reader.answer_ids(letter))]
    prefix = reader.prefix(prompt)
    by_letter, by_option = _probabilities(
        reader, prefix, len(prompt), [own.chain, other.chain], answers
    )
    return {
        "followed_letter": float(by_letter[1] - by_letter[0]),
        "followed_option": float(by_option[1] - by_option[0]),
    }
