"""The exact maker of counterfactual twins for the organisms' task (see `counterfactual.py`).

One digit of a definition changes so that the answer changes; every word of the chain follows by the law.
Predictions for a single stated value come from the law too, with all other words as they were.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random

from mechcot.core.counterfactual import Counterfactual, Dependent, Stated
from mechcot.core.errors import NotMeasurable
from mechcot.core.trace import Phase, Span, Trace
from mechcot.organisms.counterfactual_edits import Edit, counterfactual_item, edit_at
from mechcot.organisms.ground_truth import follow, is_stating
from mechcot.organisms.problems import read_question
from mechcot.organisms.vocabulary import ID


@dataclass(frozen=True)
class OrganismMaker:
    """Makes twins of chains in the organisms' language."""

    def __call__(
        self, trace: Trace, *, retoken: Callable[[Trace, str, str], Trace], seed: int
    ) -> Counterfactual:
        """Make the twin.

        Raises:
            NotMeasurable: The chain does not follow the language, or no digit of the question moves it.
        """
        steps = [step.text.strip() for step in trace.chain_steps]
        question = trace.problem.question
        try:
            asked, changed_steps, answer, changed = counterfactual_item(
                question, steps, rng=Random(seed)
            )
        except ValueError as error:
            raise NotMeasurable("no digit of the question moves what this chain says") from error
        words = dict.fromkeys(changed, "")
        words = {(s, w): changed_steps[s].split()[w] for s, w in words}
        twin = retoken(trace, trace.prompt.replace(question, asked, 1), _completion(trace, words))
        if len(twin) != len(trace) or twin.cuts() != trace.cuts():
            raise NotMeasurable("the twin does not have the same layout of tokens")
        return Counterfactual(
            trace=twin,
            fact=_changed_in(trace, twin, trace.phase(Phase.QUESTION)),
            answer=answer,
            stated=tuple(_stated(trace, edit) for edit in _edits(question, steps, words)),
        )


def _completion(trace: Trace, words: dict[tuple[int, int], str]) -> str:
    """The completion with some words of chain steps replaced, white space kept."""
    return "".join(
        _with_words(step.text, {w: new for (s, w), new in words.items() if s == step.index})
        if step.phase is Phase.CHAIN
        else step.text
        for step in trace.steps
    )


def _with_words(text: str, new: dict[int, str]) -> str:
    parts = re.split(r"(\s+)", text)
    places = [place for place, part in enumerate(parts) if part and not part.isspace()]
    for word, replacement in new.items():
        parts[places[word]] = replacement
    return "".join(parts)


def _edits(question: str, steps: Sequence[str], words: dict[tuple[int, int], str]) -> list[Edit]:
    """The single edits of those changed words that state a name's value."""
    plain = follow(read_question(question), steps)
    return [
        edit_at(question, steps, step, read.word, words[step, read.word])
        for step, settled in enumerate(plain.steps)
        for read in settled.reads
        if (step, read.word) in words and read.states is not None and is_stating(plain, step, read)
    ]


def _stated(trace: Trace, edit: Edit) -> Stated:
    at = _at(trace, edit.step, edit.word)
    return Stated(
        step=edit.step,
        tokens=Span(at, at + 1),
        ids=(ID[edit.new],),
        dependents=tuple(
            Dependent(
                step=step,
                tokens=Span(_at(trace, step, word), _at(trace, step, word) + 1),
                ids=(ID[predicted],),
            )
            for step, word, predicted in edit.dependents
        ),
        answer_kept=edit.answer_kept,
        answer_regenerated=edit.answer_regenerated if edit.moves else None,
    )


def _at(trace: Trace, step: int, word: int) -> int:
    """Token position of a word; one word is one token."""
    return trace.chain_steps[step].tokens.start + word


def _changed_in(trace: Trace, twin: Trace, span: Span) -> Span:
    places = [p for p in span.positions() if trace.ids[p] != twin.ids[p]]
    return Span(places[0], places[-1] + 1)
