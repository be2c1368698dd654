"""How a model is asked and read, where the user does not say it: as its files say, unless the texts that it writes itself show that this misleads it.

Of its first texts:

    marks         a thought that the prompt opens and nothing known closes is closed by the mark that most of them have, and by none where they have none
    instruction   what stands behind each question by default is left out where the model is right clearly more often without it; so are the default words of a model without a chat template
    cue           the text that most of them have between chain and right answer, found on every other text and tried on the rest, takes the place of the
                  default question where the answers asked for, or read, are clearly less often those that the texts state behind it; answers are read
                  behind it where otherwise they are not, or the chain would end elsewhere

What the user says is never replaced. What a model's files and problems decide is found once and kept for the next command (`mechcot.core.user_cache`).
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache, cached_property, partial
from pathlib import Path
from typing import Any

from mechcot import __version__, tasks
from mechcot.core.errors import NotMeasurable
from mechcot.core.notices import print_notice
from mechcot.core.problem import Problem
from mechcot.core.store import digest
from mechcot.core.trace import Trace
from mechcot.core.user_cache import remembered
from mechcot.model.answer_cue import NoCue
from mechcot.model.asking_options import AS_FOUND, Asking
from mechcot.model.generation.ask_answer import (
    answer_after,
    answers_after,
    without_kinds,
    written_trace,
)
from mechcot.model.loading.fingerprints import hash_spec, hash_text_files
from mechcot.model.loading.options import LoadOptions
from mechcot.model.loading.spec import ORGANISM, ModelSpec, has_spaced_text, parse_spec
from mechcot.model.prefix.lockstep import together
from mechcot.model.prefix.memory import Limit
from mechcot.model.reasoner import Reasoner
from mechcot.model.think_marks import UnknownMark, closed_by
from mechcot.text.answer_leads import answer_mark, common_lead, says_right
from mechcot.text.answers import same_answer
from mechcot.traces.bind import read_chain
from mechcot.traces.external import read_given
from mechcot.traces.foreign_chain import ForeignChain
from mechcot.traces.load import asked_of_authors, asking_options, is_own
from mechcot.traces.without_instruction import CLEARLY, better_without, ways

TEXTS = 32
"""Texts that are looked at; half of them find a cue, half try it."""
LONGEST_TEXT = 1024
"""Longest of them in tokens, where nobody says it."""
_FEWEST = 8
"""Fewest finished texts by which anything is found."""
_NOTHING = ""
"""The cue of a model for which no question for the answer is known yet."""
_PLAIN = "It is read as plain text."
"""What is said of a thought that nothing known closes."""
_MOSTLY = 0.75
"""Share of the texts that must state an answer behind a cue, and give it again when they are asked so."""


@dataclass(frozen=True)
class FirstTexts:
    """A model, asked in one way, and its first texts.

    Attributes:
        reader: The model.
        write: Gives its first texts.
    """

    reader: Reasoner
    write: Callable[[], Sequence[Trace]]

    @cached_property
    def texts(self) -> Sequence[Trace]:
        """Its first texts."""
        return self.write()


@dataclass(frozen=True)
class AskingWay:
    """How a model is asked, and how it can be asked otherwise.

    Attributes:
        name: The model's.
        asking: What was said, or found.
        ask: Asks it in another way.
        notes: Why it is asked in another way than its files say.
        otherwise: What says how it is asked where its texts do not.
    """

    name: str
    asking: Asking
    ask: Callable[[Asking], FirstTexts]
    notes: tuple[str, ...] = ()
    otherwise: str = "its files say"

    @cached_property
    def now(self) -> FirstTexts:
        """The model, asked so."""
        return self.ask(self.asking)

    def changed(self, note: str = "", **asking: Any) -> "AskingWay":
        """Another way, and a note of why.

        Args:
            note: Why; "" for no note.
            asking: Some fields of `Asking`.
        """
        notes = (*self.notes, note) if note else self.notes
        return replace(self, asking=replace(self.asking, **asking), notes=notes)


def openable(way: AskingWay) -> AskingWay:
    """The way, changed where a model could not write at all.

    Where its tokenizer spells no question, it is asked with nothing at first. Where its prompt opens a thought that nothing known closes, the text is
    plain: what its own texts have between chain and answer then tells them apart.
    """
    for _ in range(2):  # the one may hide the other
        try:
            way.now  # noqa: B018 - the model is loaded
        except NoCue:
            way = way.changed(cue=_NOTHING)
        except UnknownMark as error:
            way = way.changed(f"{error} {_PLAIN}", think="none")
    return way


def fitted(way: AskingWay) -> AskingWay:
    """The way that fits a model's own texts.

    Cost: its first 32 texts, with one short forward for every other one; as many again without an instruction where most of them are not right, and
    where something is found.

    Raises:
        NoCue: Its tokenizer spells no question for the answer, and its texts show none.
    """
    said = way.asking
    way = _with_marks(_without_instruction(way))
    if said.cue:
        return way
    way = with_own_cue(way)
    if way.asking.cue == _NOTHING:
        way.now.reader.asked_with(replace(way.asking, cue=None))
    return way


def _without_instruction(way: AskingWay) -> AskingWay:
    """Without the default instruction, where the model does clearly better so."""
    policy = way.now.reader.policy
    if not policy.adds_words:
        return way
    texts = way.now.texts
    right, n = sum(map(says_right, texts)), len(texts)
    if n < _FEWEST or right > (1 - CLEARLY) * n:
        return way
    plain = way.changed(instruction="")
    why = better_without(texts, plain.now.texts, ways(policy))
    if not why:
        return way
    done = "it is left out" if policy.instruction else "it is asked so"
    note = f"{policy.owner}: {why}; {done} (--instruction says another)"
    return replace(plain, notes=(*way.notes, note))


def _with_marks(way: AskingWay) -> AskingWay:
    """With the marks of a thought that was taken for plain text, where most of the texts close what the prompt opens."""
    notes = tuple(note for note in way.notes if not note.endswith(_PLAIN))
    if len(notes) == len(way.notes):
        return way
    finished = [trace for trace in way.now.texts if trace.finished]
    if len(finished) < _FEWEST:
        return way
    tags = closed_by(
        finished[0].prompt, [t.completion for t in finished], least=_MOSTLY * len(finished)
    )
    if tags is None:
        return way
    note = f"{way.name}: its prompt ends with {tags.open!r}, and most of its texts close that with {tags.close!r}: the marks of its thought (--think says others)"
    return replace(way, notes=notes).changed(note, think=(tags.open, tags.close))


def with_own_cue(way: AskingWay) -> AskingWay:
    """With the model's own words as the question for the answer, where they ask and read clearly better."""
    asking, reader = way.asking, way.now.reader
    finished = [trace for trace in way.now.texts if trace.finished]
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
    note = (
        f"{way.name} states its answers behind {lead!r}: asked so it repeats {asked} of {n} written answers, "
        f"asked as {way.otherwise} {before}; {read} were read. It is asked so (--cue says another)"
    )
    kept = reader.policy.instruction or asking.instruction
    return way.changed(note, cue=lead, answer_after=after, instruction=kept)


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


def own_asking(
    reader: Reasoner, problems: Sequence[Problem], *, max_tokens: int = LONGEST_TEXT
) -> Asking:
    """How a model is best asked and read, found in what it writes for some problems; what was found is said on the console.

    Args:
        reader: The model; what was said when it was loaded stays.
        problems: Some problems; the first 32 are written.
        max_tokens: Longest completion.

    Returns:
        For `Reasoner.asked_with`, or the `asking` of `load` and `load_pair`.

    Raises:
        NoCue: Its tokenizer spells no question for the answer, and its texts show none.

    Example:
        >>> import mechcot as mc
        >>> base = mc.load("organism:base")
        >>> mc.own_asking(base, mc.problems("mod10", n=8)) == mc.Asking()
        True
    """
    said = reader.policy.asking
    way = AskingWay(reader.name, said, _writes(reader.asked_with, problems, max_tokens))
    return _said(fitted(way))


def loading_in_own_words(
    spec: ModelSpec | str,
    loading: LoadOptions,
    *,
    problems: str | None = None,
    traces: Path | None = None,
    fields: Mapping[str, str] | None = None,
    max_tokens: int = LONGEST_TEXT,
) -> LoadOptions:
    """The options of loading under which a model is asked in its own words; what was found is said on the console.

    Args:
        spec: The model; the shipped ones are asked as they were trained.
        loading: Where it runs, and how it is asked as far as the user said it.
        problems: What it will be asked, of which it writes the first 32 once more; None for the shipped task.
        traces: Chains that it will read, in place of problems. It writes for their problems where it mostly does not give their answers again as it is
            asked. Lines of mechcot's own say how it was asked where it wrote them, and it is asked so again.
        fields: As for `mechcot.tasks.problems` or `mechcot.traces.load.load_traces`.
        max_tokens: Longest completion.

    Raises:
        UserError: As `Reasoner.open`, or the file is wrong.
    """
    spec = parse_spec(spec) if isinstance(spec, str) else spec
    if has_spaced_text(spec) or spec.text.startswith(ORGANISM):
        return loading
    chains: list[ForeignChain] = []
    if traces is not None:
        if is_own(traces, fields):
            return _asked_as_written(loading, traces, spec.name)
        chains = read_given(traces, fields=fields, think=loading.asking.think).chains[:TEXTS]
        asked = list({chain.problem.id: chain.problem for chain in chains}.values())
    elif problems is not None:
        asked = tasks.problems(problems, n=TEXTS, fields=fields)
    else:
        return loading

    def found() -> dict[str, Any]:
        opened = _Opened(spec, loading)
        way = openable(AskingWay(spec.name, loading.asking, _writes(opened, asked, max_tokens)))
        if chains and _fits(way.now.reader, chains):
            return {"asking": loading.asking.to_json(), "notes": []}
        way = fitted(way)
        return {"asking": way.asking.to_json(), "notes": [*way.notes]}

    read = [(chain.problem.id, chain.text, chain.answer) for chain in chains]
    kept = remembered("asking", _key(spec, loading, asked, read, max_tokens), found)
    for note in kept["notes"]:
        print_notice(note)
    return replace(loading, asking=Asking.from_json(kept["asking"]))


def _key(spec: ModelSpec, loading: LoadOptions, *asked: Any) -> str:
    """Digest of all that decides how a model is asked; "" where its files do not lie on this machine."""
    weights = hash_spec(spec)
    if weights is None or loading.trust_remote_code:
        return ""
    how = [loading.device, loading.dtype, loading.asking.to_json()]
    return digest(__version__, spec.name, weights, hash_text_files(spec), how, repr(asked))


def _asked_as_written(loading: LoadOptions, path: Path, author: str) -> LoadOptions:
    """The options under which a model's own lines were written, where the user says nothing else."""
    asking = asked_of_authors(path).get(author)
    if not asking or loading.asking != AS_FOUND:
        return loading
    print_notice(f"asked as {path} was written: {asking_options(asking)}")
    return replace(loading, asking=Asking.from_json(asking))


def _fits(reader: Reasoner, chains: Sequence[ForeignChain]) -> bool:
    """Whether a model, asked as it is, mostly gives the answers again that chains from elsewhere state."""
    stated = [trace for trace in _bound(reader, chains) if trace.answer.text is not None]
    asking = [partial(answer_after, reader, trace) for trace in stated]
    answers = together(asking, sizes=[len(trace) for trace in stated], limit=Limit())
    pairs = zip(answers, stated, strict=True)
    again = sum(same_answer(answer.text, trace.answer.text) for answer, trace in pairs)
    return bool(stated) and again >= _MOSTLY * len(stated)


def _writes(
    reads: Callable[[Asking], Reasoner], problems: Sequence[Problem], max_tokens: int
) -> Callable[[Asking], FirstTexts]:
    """Asks a model in several ways, and lets it write once in each."""

    @cache
    def ask(asking: Asking) -> FirstTexts:
        reader = reads(asking)
        kwargs: dict[str, Any] = {"max_tokens": max_tokens, "skip": lambda *_: None}
        return FirstTexts(reader, partial(reader.write, problems[:TEXTS], **kwargs))

    return ask


def _said(way: AskingWay) -> Asking:
    """The way of asking that was found, said on the console."""
    for note in way.notes:
        print_notice(note)
    return way.asking


@dataclass
class _Opened:
    """Opens a model once, and asks it in several ways."""

    spec: ModelSpec
    loading: LoadOptions
    _reader: Reasoner | None = None

    def __call__(self, asking: Asking) -> Reasoner:
        if self._reader is None:
            self._reader = Reasoner.open(self.spec, replace(self.loading, asking=asking))
        same = self._reader.policy.asking == asking
        return self._reader if same else self._reader.asked_with(asking)


def _bound(reader: Reasoner, chains: Sequence[ForeignChain]) -> list[Trace]:
    """The chains that a reader can hold in its tokens."""
    traces = []
    for chain in chains:
        with suppress(NotMeasurable):
            traces.append(read_chain(reader, chain))
    return traces
