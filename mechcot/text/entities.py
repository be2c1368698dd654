r"""Find entities and values of a question and its chain that can stand for each other, without a word list of any language.

    names     runs of words with a capital that the text never writes small, and that do not only open a sentence that asks; a run is cut between two
              words that also occur apart ("If Ann Lee sings, Lee ..."), and where a run in the same place is cut
    numbers   that stand in no calculation
    answers   the answer itself, as any other phrase of the question
    parts     of an answer that lists several: each can stand for each other

Two of them can stand for each other when they are of one sort and of as many units, and occur in one context: the same word before or behind
them; of phrases, which can be anything, both neighbours must be the same. The end of a sentence is a neighbour, no word.
A unit is a word, a number, or one character of a script that is written without spaces.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import regex

from mechcot.text.parallel_clauses import Parallels

_UNSPACED = r"\p{Han}\p{Hiragana}\p{Katakana}ー\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}"
_LETTER = rf"(?![{_UNSPACED}])[\p{{L}}\p{{M}}_]"
_UNIT = regex.compile(rf"\p{{N}}+(?:[.,]\p{{N}}+)*|[{_UNSPACED}]\p{{M}}*|(?:{_LETTER})+|\.\.+|\S")
_END = regex.compile(r"[.!?…:;。！？：；؟।¿¡\"“”„«»]")
_ASKS = regex.compile(r"[?？؟;¿]")
_CALCULATES = regex.compile(r"[-+*/×÷·^%=<>−]")
_LISTED = regex.compile(r"[,;/|\n，、؛→]|->")
_STEM = 3
"""Letters behind which further ones may be an ending."""
_INSIDE = r"[\p{L}\p{M}\p{N}_]"
_LONGEST = 6
"""Most units of an answer that is looked for in a question."""
_ENDINGS = 3
"""Letters by which an inflected form may be longer."""


@dataclass(frozen=True)
class Unit:
    """A word, a number, a character of a script without spaces, or a mark."""

    text: str
    start: int
    stop: int

    @property
    def word(self) -> bool:
        """Whether it is more than a mark."""
        return self.text[0].isalnum()

    @property
    def number(self) -> bool:
        """Whether it is a number."""
        return self.text[0].isnumeric()

    @property
    def capital(self) -> bool:
        """Whether it is a word of two letters or more with a capital."""
        return len(self.text) > 1 and self.text[0].isupper()


@dataclass(frozen=True)
class Entity:
    """Something that can be exchanged.

    Attributes:
        text: As the question writes it.
        sort: `name`, `number`, `answer` or `part`.
    """

    text: str
    sort: str


@dataclass(frozen=True)
class Mined:
    """A question with its chain, in units."""

    question: str
    chain: str

    @cached_property
    def texts(self) -> tuple[tuple[Unit, ...], tuple[Unit, ...]]:
        """The units of the question and of the chain."""
        both = (_UNIT.finditer(text) for text in (self.question, self.chain))
        one, two = (tuple(Unit(m.group(), m.start(), m.end()) for m in found) for found in both)
        return one, two

    @cached_property
    def parallels(self) -> Parallels:
        """The parallel clauses of the question."""
        return Parallels.of(self.question)

    @cached_property
    def spellings(self) -> frozenset[str]:
        """All words as they are written."""
        return frozenset(unit.text for units in self.texts for unit in units if unit.word)

    def entities(self, answer: str) -> list[Entity]:
        """What the question names: the answer first, then names, then numbers.

        Args:
            answer: The answer that the chain leads to.
        """
        phrase, names = answer.strip(" \t\n.,;:!?。，\"'"), list(self._names())
        sorts = dict.fromkeys(names, "name")
        sorts |= {unit.text: "number" for unit in self.texts[0] if unit.number}
        if 0 < len(_UNIT.findall(phrase)) <= _LONGEST and phrase[0].isalnum():
            sorts = {phrase: sorts.get(phrase, "answer")} | sorts
        parts = [part.strip() for part in _LISTED.split(phrase)]
        sorts = {part: "part" for part in parts if len(parts) > 1 and part[:1].isalnum()} | sorts
        return [
            Entity(*entity) for entity in sorts.items() if occurrences(entity[0], self.question)
        ]

    def _names(self) -> Iterator[str]:
        """Runs of capitalised words that the text never writes small, cut where they come apart."""
        for first, last in self._pieces():
            units = self.texts[0][first:last]
            small = any(unit.text.lower() in self.spellings for unit in units)
            text = self.question[units[0].start : units[-1].stop]
            if not small and (self._inside(text) or not self._asks(first)):
                yield text

    def _pieces(self) -> Iterator[tuple[int, int]]:
        """Runs of the question's units, as [first, last), cut between words that do not belong together."""
        runs = list(_runs(self.texts[0]))
        joints = [at for first, last in runs for at in range(first + 1, last)]
        around = {at: self._around(at) for at in joints}
        places = {around[at] for at in joints if not self._bound(at)}
        for first, last in runs:
            cuts = [at for at in range(first + 1, last) if around[at] in places]
            yield from pairwise([first, *cuts, last])

    def _bound(self, at: int) -> bool:
        """Whether a word of the question and the one before it never occur apart."""
        one, two = (unit.text for unit in self.texts[0][at - 1 : at + 1])
        pairs = [
            (left.text, right.text)
            for units in self.texts
            for left, right in pairwise([_MARK, *units, _MARK])
        ]
        return all((left == one) == (right == two) for left, right in pairs)

    def _around(self, at: int) -> tuple[str, str]:
        """The neighbours of two neighbours in the question."""
        units = [_MARK, _MARK, *self.texts[0], _MARK]
        return _neighbour(units[at].text), _neighbour(units[at + 3].text)

    def _inside(self, text: str) -> bool:
        """Whether it stands somewhere else than at the beginning of a sentence."""
        return any(
            not _opens(written, start)
            for written in (self.question, self.chain)
            for start, _ in occurrences(text, written)
        )

    def _asks(self, first: int) -> bool:
        """Whether the sentence of the question that begins with a unit asks something."""
        units = self.texts[0]
        end = next((unit.text for unit in units[first:] if _END.fullmatch(unit.text)), "")
        return _ASKS.fullmatch(end) is not None

    def partners(self, entity: Entity, among: Sequence[Entity]) -> Iterator[str]:
        """What could stand in an entity's place, those that the chain has too first.

        Args:
            entity: What is to be replaced.
            among: Other entities of the question.
        """
        if not self.fits(entity):
            return
        others = [e.text for e in among if e.text != entity.text and e.sort == entity.sort]
        if entity.sort == "answer":
            others = [*dict.fromkeys(self._phrases(entity.text))]
        others = [text for text in others if self._alike(entity, text)]
        same = [text for text in others if self.parallels.alike(entity.text, text)]
        yield from sorted(same or others, key=lambda text: not occurrences(text, self.chain))

    def _phrases(self, like: str) -> Iterator[str]:
        """Stretches of the question of as many units as a text has."""
        units, size = self.texts[0], len(_UNIT.findall(like))
        for at in range(len(units) - size + 1):
            part = units[at : at + size]
            opens = _opens(self.question, part[0].start) and self._asks(at)
            if all(unit.word and not unit.number for unit in part) and not opens:
                yield self.question[part[0].start : part[-1].stop]

    def _alike(self, entity: Entity, other: str) -> bool:
        """Whether two texts are of one form and occur in one context."""
        sort, one = entity.sort, entity.text
        partner = Entity(other, sort)
        of_one_form = len(_UNIT.findall(one)) == len(_UNIT.findall(other)) and (
            sort != "number" or _form(one) == _form(other)
        )
        if not of_one_form or one in other or other in one or not self.fits(partner):
            return False
        if sort == "part":
            return True
        if self._worked_out(entity) or self._worked_out(partner):
            return False
        contexts = self._contexts(one), self._contexts(other)
        return self.parallels.alike(one, other) or _shared(*contexts, sides=sort != "answer")

    def _worked_out(self, entity: Entity) -> bool:
        """Whether the chain says something in an entity's place that the question never says: such values follow from an order, or from knowledge of the world."""
        contexts, sides = self._contexts(entity.text), entity.sort != "answer"
        asked = {unit.text.casefold() for unit in self.texts[0]}
        marks = [_MARK, *self.texts[1], _MARK]
        return any(
            _of_sort(unit, entity.sort)
            and unit.text.casefold() not in asked
            and not _opens(self.chain, unit.start)
            and _shared({(_neighbour(left.text), _neighbour(right.text))}, contexts, sides=sides)
            for left, unit, right in zip(marks, marks[1:], marks[2:], strict=False)
        )

    def fits(self, entity: Entity) -> bool:
        """Whether it can be exchanged at all: no calculation has it, no inflected form stands beside it."""
        if entity.sort == "number":
            return not any(
                _in_calculation(text, *place)
                for text in (self.question, self.chain)
                for place in occurrences(entity.text, text)
            )
        word, size = entity.text.casefold(), len(entity.text)
        return size < 3 or not any(
            other.casefold().startswith(word) and 0 < len(other) - size <= _ENDINGS
            for other in self.spellings
        )

    def _contexts(self, text: str) -> set[tuple[str, str]]:
        """The neighbours of a text, wherever it stands."""
        pairs = set()
        for written, units in zip((self.question, self.chain), self.texts, strict=True):
            before, after = ({0: "."}, {len(written): "."})
            for left, right in pairwise(units):
                before[right.start] = _neighbour(left.text)
                after[left.stop] = _neighbour(right.text)
            pairs |= {
                (before.get(start, "."), after.get(stop, "."))
                for start, stop in occurrences(text, written)
            }
        return pairs - {(".", ".")}  # whatever stands alone has these


_MARK = Unit(".", -1, -1)
"""Stands before and behind a text."""


def _neighbour(text: str) -> str:
    return "." if _END.fullmatch(text) else text.casefold()


def _shared(mine: set[tuple[str, str]], theirs: set[tuple[str, str]], *, sides: bool) -> bool:
    """Whether two texts occur in one context: both neighbours the same, one of them a word, or one word beside them where `sides` suffice."""
    if not sides:
        return any(a.isalnum() or b.isalnum() for a, b in mine & theirs)
    common = ({pair[side] for pair in mine} & {pair[side] for pair in theirs} for side in (0, 1))
    return bool(mine & theirs) or any(text.isalnum() for side in common for text in side)


def _of_sort(unit: Unit, sort: str) -> bool:
    """Whether a unit could be an entity of a sort."""
    return {"name": unit.capital, "number": unit.number}.get(sort, unit.word and not unit.number)


def occurrences(text: str, written: str, *, glued: bool = False) -> list[tuple[int, int]]:
    """Where a text stands as a whole, in any case of its letters where it has two letters or more; an empty one nowhere.

    Args:
        text: What is looked for.
        written: Where.
        glued: Whether letters of a script that writes no spaces may stand around it, and an ending behind it: any letters behind three, Hangul behind one.
    """
    if not text:
        return []
    flags = regex.V1 | (regex.IGNORECASE if len(text) > 1 else 0)
    return [m.span() for m in regex.finditer(_whole(text, glued=glued), written, flags)]


def _whole(text: str, *, glued: bool) -> str:
    """The pattern of a text that is no part of a longer word or number."""
    if regex.match(rf"[{_UNSPACED}]", text):
        return regex.escape(text)
    number = text[0].isnumeric()
    ahead = rf"[{_INSIDE}--[{_UNSPACED}]]" if glued else _INSIDE
    ending = r"\p{L}\p{M}" if len(regex.findall(r"\p{L}", text)) >= _STEM else r"\p{Hangul}"
    behind = rf"[{_INSIDE}--[{_UNSPACED}{ending}]]" if glued else _INSIDE
    before = rf"(?<!{ahead})(?<!\p{{N}}[.,])" if number else rf"(?<!{ahead})"
    after = rf"(?!{behind})(?![.,]\p{{N}})" if number else rf"(?!{behind})"
    return f"{before}{regex.escape(text)}{after}"


def _runs(units: Sequence[Unit]) -> Iterator[tuple[int, int]]:
    """Runs of neighbours that have a capital, as [first, last)."""
    first = None
    for at, unit in enumerate([*units, _MARK]):
        joined = at and first is not None and units[at - 1].stop + 1 == unit.start
        if first is not None and not (unit.capital and joined):
            yield first, at
            first = None
        if unit.capital and first is None:
            first = at


def _opens(text: str, start: int) -> bool:
    """Whether a place begins a sentence or a line."""
    before = text[:start].rstrip(" \t")
    return not before or before[-1] == "\n" or _END.fullmatch(before[-1]) is not None


def _in_calculation(text: str, start: int, stop: int) -> bool:
    """Whether a number stands beside a sign of calculation."""
    before, after = text[:start].rstrip()[-1:], text[stop:].lstrip()[:1]
    return any(_CALCULATES.fullmatch(sign) for sign in (before, after) if sign)


def _form(number: str) -> str:
    return regex.sub(r"\p{N}", "0", number)
