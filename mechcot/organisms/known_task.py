"""What the organisms' task knows exactly: counterfactuals, the same meaning, other wordings, kinds of steps while they are written.

A counterfactual changes one digit of a definition so that the answer changes; every word of the chain follows by the semantics.
Predictions for a single stated value come from the semantics too, with all other words as they were.

A finished step (it ends with ` .`) has the kind that the semantics give it. The step that is still being written has the
kind of the shortest step that begins with its words: `need` announces exploration, `h :` a check, `h= 3` a value alone,
whose kind depends on what the chain has said of h. What is announced may change with the next word (`so` may become
`so far`).
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random

from mechcot.core.counterfactual import Counterfactual, Dependent, Stated
from mechcot.core.errors import NotMeasurable
from mechcot.core.problem import Problem
from mechcot.core.trace import Phase, Span, StepKind, Trace
from mechcot.organisms.counterfactual_edits import ValueEdit, counterfactual_item, edit_at
from mechcot.organisms.grammar import BODIES, END, MARKERS, WORDINGS, form, shape_of
from mechcot.organisms.ground_truth import BODY_KIND, follow, is_stating, parse
from mechcot.organisms.problems import QuestionGraph, read_question
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


def _edits(
    question: str, steps: Sequence[str], words: dict[tuple[int, int], str]
) -> list[ValueEdit]:
    """The single edits of those changed words that state a name's value."""
    plain = follow(read_question(question), steps)
    return [
        edit_at(question, steps, step, read.word, words[step, read.word])
        for step, settled in enumerate(plain.steps)
        for read in settled.reads
        if (step, read.word) in words and read.states is not None and is_stating(plain, step, read)
    ]


def _stated(trace: Trace, edit: ValueEdit) -> Stated:
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


@dataclass(frozen=True)
class OrganismMeaning:
    """A `SameMeaning` for the organisms' language: same kind, same body."""

    def __call__(self, question: str, before: Sequence[str], step: str, other: str) -> bool:
        """Compare two steps that could stand behind `before`."""
        bodies = {(form(text).body, form(text).words[form(text).start :]) for text in (step, other)}
        if len(bodies) > 1:
            return False
        chains = ([text.strip() for text in (*before, last)] for last in (step, other))
        return len({parse(question, chain)[-1].kind for chain in chains}) == 1


def other_wording(step: str) -> str:
    """The step in its kind's other wording; an unmarked step stays as it is."""
    shape = form(step)
    if shape.marker is None:
        return step
    here = tuple(shape.words[: shape.start])
    wordings = [words for words in WORDINGS[shape.marker] if words and words != here]
    head = re.match(r"\s*", step)
    body = " ".join((*wordings[0], *shape.words[shape.start :]))
    return f"{head[0] if head else ''}{body}{step[len(step.rstrip()) :]}"


class OrganismParaphraser:
    """Rewords chains in the organisms' language."""

    def __call__(self, steps: Sequence[str]) -> tuple[str, ...]:
        """Give every step in the other wording.

        Raises:
            NotMeasurable: No step has marker words.
        """
        new = tuple(other_wording(step) for step in steps)
        if new == tuple(steps):
            raise NotMeasurable("no step of this chain has another wording")
        return new


@dataclass(frozen=True)
class KindsWhileWritten:
    """A `mechcot.text.step_kinds.Classifier` of one question's chains.

    Attributes:
        world: The question.
    """

    world: QuestionGraph

    def __call__(self, steps: Sequence[str]) -> list[StepKind]:
        """Give every step its kind; the last may be unfinished. Cost: linear in the text."""
        texts = [step.strip() for step in steps]
        if not texts or texts[-1].split()[-1:] == [END]:
            return list(follow(self.world, texts).kinds)
        return [*follow(self.world, texts[:-1]).kinds, self._announced(texts)]

    def _announced(self, texts: Sequence[str]) -> StepKind:
        words = tuple(texts[-1].split())
        shape = form(texts[-1])
        rest = words[shape.start :]
        if shape.marker is None:
            begun = [kind for marker, kind in MARKERS if words and marker[: len(words)] == words]
            if begun:
                return begun[0]
        elif not rest:
            return shape.marker
        begins = [shape_of(word) for word in rest]
        fits = sorted((k.split() for k in BODIES if k.split()[: len(rest)] == begins), key=len)
        if not rest or not fits:
            return StepKind.OTHER
        body = BODIES[" ".join(fits[0])]
        if body != "give":
            return BODY_KIND[body]
        value = " ".join((*words[: shape.start], rest[0], "0", END))
        return follow(self.world, [*texts[:-1], value]).kinds[-1]


def kinds_while_written(problem: Problem) -> KindsWhileWritten:
    """The classifier of a problem's chains."""
    return KindsWhileWritten(read_question(problem.question))
