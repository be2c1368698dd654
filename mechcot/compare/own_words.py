"""How a model is asked and read, where the user does not say it: as its files say, unless the texts that it writes itself show that this misleads it.

Of the first texts of a run:

    instruction   what stands behind each question by default is left out where the model is right clearly more often without it
    cue           the text that most of them have between chain and right answer, found on every other text and tried on the rest, takes the place of the
                  default question where the answers asked for, or read, are clearly less often those that the texts state behind it

What the user says is never replaced.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from mechcot.compare.answer_leads import common_lead, says_right
from mechcot.compare.chains import write_side_by_side, written_chains
from mechcot.compare.models import Models
from mechcot.compare.study import Study
from mechcot.compare.without_instruction import CLEARLY, better_without
from mechcot.core.problem import Problem
from mechcot.core.trace import Trace
from mechcot.model.answer_cue import NoCue
from mechcot.model.asking_options import Asking
from mechcot.model.generation.ask_answer import answer_after, written_trace
from mechcot.model.reasoner import Reasoner
from mechcot.text.answers import same_answer
from mechcot.text.stated_value import ANSWER_PLACE

TEXTS = 32
"""Texts that are looked at; half of them find a cue, half try it."""
_FEWEST = 8
"""Fewest finished texts by which anything is found."""
_NOTHING = ""
"""The cue of a model for which no question for the answer is known yet."""
_MOSTLY = 0.75
"""Share of the texts that must state an answer behind a cue, and give it again when they are asked so."""


@dataclass(frozen=True)
class _Way:
    """A study, asked in one way, with its first texts."""

    study: Study
    models: Models
    texts: Sequence[Trace]

    @property
    def reader(self) -> Reasoner:
        return self.models.get(self.models.first)


def askable(study: Study, models: Models) -> tuple[Study, Models]:
    """The study and its models; asked with nothing at first where the first one's tokenizer spells no question, so that it can write at all."""
    try:
        models.get(models.first)
    except NoCue:
        if study.problems is None:
            raise
        return _changed(study, models, cue=_NOTHING)
    return study, models


def in_own_words(study: Study, models: Models, problems: Sequence[Problem]) -> tuple[Study, Models]:
    """The study and its models, asked in the way that fits the first model's own texts; what was found stands in `Study.asking_notes`.

    Cost: its first 32 texts, which are those of the run, with two short forwards for every other one; as many again without an instruction
    where most are not right, and where something is found.

    Args:
        study: The settings, with the longest completion.
        models: Its models, of `askable`.
        problems: What they are asked.

    Raises:
        NoCue: The first model's tokenizer spells no question for the answer, and its texts show none.
    """
    way = _with_cue(_without_instruction(_way(study, models, problems), problems))
    asking = way.study.loading.asking
    if asking.cue == _NOTHING:
        way.reader.asked_with(replace(asking, cue=None))
    return way.study, way.models


def _way(study: Study, models: Models, problems: Sequence[Problem]) -> _Way:
    """The study with its first texts: whole batches, so that they are the run's own."""
    few = problems[: -(-TEXTS // study.batch_size) * study.batch_size]
    write_side_by_side(study, models, [models.first], few)
    return _Way(study, models, written_chains(study, models, models.first, few))


def _changed(study: Study, models: Models, note: str = "", **asking: Any) -> tuple[Study, Models]:
    """The study with some of the ways of asking changed, and a note of why."""
    said: Asking = replace(study.loading.asking, **asking)
    notes = (*study.asking_notes, note) if note else study.asking_notes
    study = replace(study, loading=replace(study.loading, asking=said), asking_notes=notes)
    return study, models.asked_with(said)


def _without_instruction(way: _Way, problems: Sequence[Problem]) -> _Way:
    """Without the default instruction, where the model does clearly better so."""
    policy = way.reader.policy
    right, n = sum(map(says_right, way.texts)), len(way.texts)
    said = not policy.instruction or policy.asking.instruction is not None
    if said or n < _FEWEST or right > (1 - CLEARLY) * n:
        return way
    plain = _way(*_changed(way.study, way.models, instruction=""), problems)
    why = better_without(way.texts, plain.texts)
    if not why:
        return way
    note = f"{policy.owner}: {why}; it is left out (--instruction says another)"
    return replace(plain, study=replace(plain.study, asking_notes=(note,)))


def _with_cue(way: _Way) -> _Way:
    """With the model's own words as the question for the answer, where they ask and read clearly better."""
    asking, reader = way.study.loading.asking, way.reader
    finished = [trace for trace in way.texts if trace.finished]
    lead = common_lead(finished[::2], share=CLEARLY)
    if asking.cue or asking.answer_after is not None or len(finished) < _FEWEST or not lead:
        return way
    mark = _mark(lead, reader)
    own = reader.asked_with(replace(asking, cue=lead, answer_after=mark))
    tried = [(trace, written_trace(own, trace, trace.ids)) for trace in finished[1::2]]
    stated = [(trace, again) for trace, again in tried if again.answer.text is not None]
    n, least = len(stated), CLEARLY * len(stated)
    asked = _agree([(again, answer_after(own, again).text) for _, again in stated])
    if n < _MOSTLY * len(tried) or asked < _MOSTLY * n:
        return way
    before = _agree([(again, answer_after(reader, trace).text) for trace, again in stated])
    read = _agree([(again, trace.answer.text) for trace, again in stated])
    if min(before, read) > asked - max(least, 2):
        return way
    after = mark if read <= n - max(least, 2) else None
    note = (
        f"{reader.policy.owner} states its answers behind {lead!r}: asked so it repeats {asked} of {n} written answers, "
        f"asked as its files say {before}; {read} were read. It is asked so (--cue says another)"
    )
    kept = reader.policy.instruction
    study, models = _changed(
        way.study, way.models, note, cue=lead, answer_after=after, instruction=kept
    )
    return _Way(study, models, way.texts)


def _mark(lead: str, reader: Reasoner) -> str | None:
    """What stands before a written answer: the last line of a lead that says something behind the thought; None where none does."""
    tags = reader.policy.tags
    said = lead.rpartition(tags.close)[2] if tags else lead
    before, placed, end = said.partition(ANSWER_PLACE)
    words = before.rstrip()
    line = words.rpartition("\n")[2]
    return f"{line.lstrip()}{before[len(words) :]}{placed}{end}" if words.strip() else None


def _agree(pairs: Sequence[tuple[Trace, str | None]]) -> int:
    """How many traces state the answer beside them."""
    return sum(same_answer(trace.answer.text, answer) for trace, answer in pairs)
