"""How a model is asked and read, where the user does not say it: as its files say, unless the texts that it writes itself show that this misleads it.

Of the first texts of a run:

    marks         a thought that the prompt opens and nothing known closes is closed by the mark that most of them have, and by none where they have none
    instruction   what stands behind each question by default is left out where the model is right clearly more often without it; so are the default words of a model without a chat template
    cue           the text that most of them have between chain and right answer, found on every other text and tried on the rest, takes the place of the
                  default question where the answers asked for, or read, are clearly less often those that the texts state behind it; answers are read
                  behind it where otherwise they are not, or the chain would end elsewhere

What the user says is never replaced.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from mechcot.compare.answer_leads import answer_mark, common_lead, says_right
from mechcot.compare.chains import write_side_by_side, written_chains
from mechcot.compare.models import Models
from mechcot.compare.settings import Study
from mechcot.compare.without_instruction import CLEARLY, better_without, ways
from mechcot.core.problem import Problem
from mechcot.core.trace import Trace
from mechcot.model.answer_cue import NoCue
from mechcot.model.asking_options import Asking
from mechcot.model.generation.ask_answer import answers_after, without_kinds, written_trace
from mechcot.model.prefix.lockstep import together
from mechcot.model.prefix.memory import Limit
from mechcot.model.reasoner import Reasoner
from mechcot.model.think_marks import UnknownMark, closed_by
from mechcot.text.answers import same_answer

TEXTS = 32
"""Texts that are looked at; half of them find a cue, half try it."""
_FEWEST = 8
"""Fewest finished texts by which anything is found."""
_NOTHING = ""
"""The cue of a model for which no question for the answer is known yet."""
_PLAIN = "It is read as plain text."
"""What is said of a thought that nothing known closes."""
_MOSTLY = 0.75
"""Share of the texts that must state an answer behind a cue, and give it again when they are asked so."""


@dataclass(frozen=True)
class _Way:
    """A study, asked in one way, with the first texts of one of its models."""

    study: Study
    models: Models
    name: str
    texts: Sequence[Trace]

    @property
    def reader(self) -> Reasoner:
        return self.models.get(self.name)


def askable(study: Study, models: Models) -> tuple[Study, Models]:
    """The study and its models, changed where the first one could not write at all.

    Where its tokenizer spells no question, it is asked with nothing at first. Where its prompt opens a thought that nothing known closes, the text is
    plain: what its own texts have between chain and answer then tells them apart.
    """
    for _ in range(2):  # the one may hide the other
        try:
            models.get(models.first)
        except NoCue:
            if study.problems is None:
                raise
            study, models = _changed(study, models, models.first, cue=_NOTHING)
        except UnknownMark as error:
            if study.problems is None:
                raise
            note = f"{error} {_PLAIN}"
            study, models = _changed(study, models, models.first, note, think="none")
    return study, models


def in_own_words(study: Study, models: Models, problems: Sequence[Problem]) -> tuple[Study, Models]:
    """The study and its models, asked in the way that fits their own texts; what was found stands in `Study.asking_notes`.

    What the first model's texts show holds for all; a later model whose texts show another cue is asked by its own, in the prompts of the study.

    Cost: the first 32 texts of each, which are those of the run, with one short forward for every other one; as many again without an instruction
    where most of the first model's are not right, and where something is found.

    Args:
        study: The settings, with the longest completion.
        models: Its models, of `askable`.
        problems: What they are asked.

    Raises:
        NoCue: The first model's tokenizer spells no question for the answer, and its texts show none.
    """
    said = study.loading.asking
    way = _without_instruction(_way(study, models, problems, models.first), problems)
    way = _with_marks(way, problems)
    if said.cue:
        return way.study, way.models
    way = _with_cue(way)
    asking = way.study.loading.asking
    if asking.cue == _NOTHING:
        way.reader.asked_with(replace(asking, cue=None))
    for name in models.names[1:]:
        way = _with_cue(_way(way.study, way.models, problems, name))
    return way.study, way.models


def _way(study: Study, models: Models, problems: Sequence[Problem], name: str) -> _Way:
    """The study with a model's first texts: whole batches, so that they are the run's own."""
    few = problems[: -(-TEXTS // study.batch_size) * study.batch_size]
    write_side_by_side(study, models, [name], few)
    return _Way(study, models, name, written_chains(study, models, name, few))


def _changed(
    study: Study, models: Models, name: str, note: str = "", **asking: Any
) -> tuple[Study, Models]:
    """The study with some of the ways of asking a model changed, those of all for the first, and a note of why."""
    said: Asking = replace(study.asking(name), **asking)
    notes = (*study.asking_notes, note) if note else study.asking_notes
    models = models.asked_with(name, said)
    study = replace(
        study,
        loading=models.study.loading,
        asking_of=models.study.asking_of,
        asking_notes=notes,
    )
    return study, models


def _without_instruction(way: _Way, problems: Sequence[Problem]) -> _Way:
    """Without the default instruction, where the model does clearly better so."""
    policy = way.reader.policy
    right, n = sum(map(says_right, way.texts)), len(way.texts)
    if not policy.adds_words or n < _FEWEST or right > (1 - CLEARLY) * n:
        return way
    plain = _way(*_changed(way.study, way.models, way.name, instruction=""), problems, way.name)
    why = better_without(way.texts, plain.texts, ways(policy))
    if not why:
        return way
    done = "it is left out" if policy.instruction else "it is asked so"
    note = f"{policy.owner}: {why}; {done} (--instruction says another)"
    return replace(plain, study=replace(plain.study, asking_notes=(*way.study.asking_notes, note)))


def _with_marks(way: _Way, problems: Sequence[Problem]) -> _Way:
    """With the marks of a thought that was taken for plain text, where most of the texts close what the prompt opens."""
    notes = [note for note in way.study.asking_notes if not note.endswith(_PLAIN)]
    finished = [trace for trace in way.texts if trace.finished]
    if len(notes) == len(way.study.asking_notes) or len(finished) < _FEWEST:
        return way
    tags = closed_by(
        finished[0].prompt, [t.completion for t in finished], least=_MOSTLY * len(finished)
    )
    if tags is None:
        return way
    note = f"{way.name}: its prompt ends with {tags.open!r}, and most of its texts close that with {tags.close!r}: the marks of its thought (--think says others)"
    study = replace(way.study, asking_notes=tuple(notes))
    changed = _changed(study, way.models, way.name, note, think=(tags.open, tags.close))
    return _way(*changed, problems, way.name)


def _with_cue(way: _Way) -> _Way:
    """With the model's own words as the question for the answer, where they ask and read clearly better."""
    asking, reader = way.study.asking(way.name), way.reader
    finished = [trace for trace in way.texts if trace.finished]
    lead = common_lead(finished[::2], share=CLEARLY)
    if len(finished) < _FEWEST or not lead or lead == asking.cue:
        return way
    mark = asking.answer_after or answer_mark(lead, reader.policy.tags)
    own = reader.asked_with(replace(asking, cue=lead, answer_after=mark))
    tried = [(trace, _read(own, trace)) for trace in finished[1::2]]
    stated = [(trace, again) for trace, again in tried if again.answer.text is not None]
    n, least = len(stated), CLEARLY * len(stated)
    if n < _MOSTLY * len(tried):
        return way
    before, asked = _repeated(reader, own, stated)
    if asked < _MOSTLY * n:
        return way
    read = sum(same_answer(again.answer.text, trace.answer.text) for trace, again in stated)
    if (before if asking.answer_after else min(before, read)) > asked - max(least, 2):
        return way
    plain = reader.asked_with(replace(asking, cue=lead))
    ends = [(_read(plain, trace).cuts()[-1], again) for trace, again in stated]
    elsewhere = sum(end != again.cuts()[-1] for end, again in ends)
    misread = max(n - read, elsewhere) >= max(least, 2)
    after = asking.answer_after or (mark if misread else None)
    first = way.models.first
    otherwise = "its files say" if way.name == first else f"{first} is"
    note = (
        f"{way.name} states its answers behind {lead!r}: asked so it repeats {asked} of {n} written answers, "
        f"asked as {otherwise} {before}; {read} were read. It is asked so (--cue says another)"
    )
    kept = reader.policy.instruction or asking.instruction
    study, models = _changed(
        way.study, way.models, way.name, note, cue=lead, answer_after=after, instruction=kept
    )
    return replace(way, study=study, models=models)


def _read(reader: Reasoner, trace: Trace) -> Trace:
    """A text as it is read by a reader."""
    return written_trace(reader, trace, trace.ids, classifier=without_kinds)


def _repeated(
    reader: Reasoner, own: Reasoner, stated: Sequence[tuple[Trace, Trace]]
) -> tuple[int, int]:
    """How many stated answers come again behind the chain, as a model is asked and as in its own words; all texts are asked side by side.

    Args:
        reader: Asks as its files say.
        own: Asks in the model's words.
        stated: Each text as the one reads it, and as the other.
    """
    tasks = [partial(answers_after, (reader, own), texts) for texts in stated]
    answers = together(tasks, sizes=[len(trace) for trace, _ in stated], limit=Limit())
    same = [
        [same_answer(again.answer.text, answer.text) for answer in both]
        for (_, again), both in zip(stated, answers, strict=True)
    ]
    before, asked = map(sum, zip(*same, strict=True))
    return before, asked
