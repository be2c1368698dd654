r"""Ends of sentences, in the scripts that Unicode knows stops for.

Stops are the characters of Unicode's `Sentence_Terminal` property (UAX #44; through the package `regex`). `.`, `!` and `?` need white
space behind them, or a letter of a script without spaces on both sides (`?`: behind it). The others end a sentence as they stand: danda, the
Arabic question mark, the wide and narrow stops of Chinese and Japanese, and so on. Exceptions:

* a stop that a display formula or an environment closes behind, before a capital, ends a sentence too;
* the fullwidth full stop inside `3．5` or `ａ．ｂ`, and behind a list mark (`１．`);
* the Myanmar little section, which is a comma today; added are the Greek question mark (`;` behind a Greek word too) and the doubled
  Ethiopic wordspace;
* `...` before a small letter or an operator (`1 + 2 + ... + n`);
* a stop in closing quotes before a comma, another stop, or the Japanese particle that quotes.

Thai and Lao write no stops. A space between two of their words ends a step when ten characters of the script stand before it and no conjunction
follows: clauses rather than sentences. Behind a digit or a Latin letter the space must be followed by a connective ("so", "then", "but").

What looks like a stop and is none: abbreviations (English, German, French, Spanish and all of the shape `z.B.`), initials inside a name, German dates.
A lone capital is an initial only in a name's company, for `B.` may be the answer. Ordinals like `der 3. Schritt` are cut.
"""

import re
import unicodedata
from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import regex


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_ABBREVIATIONS = _words(
    "e.g i.e vs cf al mr mrs ms dr prof st fig eq eqs approx no ca resp incl jr sr inc ltd co sec min max dept est a.m p.m "
    "u.s w.r.t i.i.d viz "
    "bzw vgl evtl ggf bspw sog zzgl abzgl hr mme mlle env aprox sra dra uds ej ee uu"
)
"""Not the end of a sentence; the last line holds other languages' own."""
_NUMBERED = _words(
    "no min max co est al sec fig st "
    "figs eqn eqns ch chap ex thm prop lem cor def tab ref refs vol art p pp nr abb kap núm pág gl"
)
"""Words too: these abbreviate only before a number."""
_NAMING = _words("st ste mt ft pt")
"""These open a name: `St. Petersburg`, `Mt. Etna`; behind a name they end one: `Main St.`"""
_FINAL = _words("a.m p.m u.s inc ltd jr sr")
"""These may also be a sentence's last word: then one that opens sentences follows."""
_AND_SO_ON = _words(
    "etc usw ft lb lbs oz yd yds mi hrs mins secs sq cu ave rd blvd rev corp dept gal qt pt напр др стр руб тыс млн"
)
"""These end a sentence unless it goes on in small letters: units of measure and streets among them."""
_OPENING = _words(
    "a aber adding after all alors also although and another any are as assume at because both but by c'est "
    "calculate can check compute consider daher dann das der die donc each ensuite entonces es finally find first "
    "for from given he hence her here his how however i ich if in is it its la le les let looking los maybe my next "
    "no not nous now okay on one or our perhaps por second she simplify since so substitute that the their then "
    "there therefore these they this those thus to total two und using wait we what when where which while why wir "
    "with would yes you"
)
"""Words with which a sentence opens rather than a name goes on."""
_LABELS = _words(
    "angle answer axis box case choice choose circle city class column event figure graph group letter line map "
    "matrix model object option part person plan plane plot point problem question room row section segment set "
    "side station step team triangle type vertex vitamin"
)
"""Words behind which a lone capital is a label, not an initial."""
_ORDINAL = _words("der dem den des die das im zum beim vom")
_DATE = _words("am vom bis ab")
_MONTHS = _words(
    "januar februar märz april mai juni juli august september oktober november dezember"
)

LIST_MARK = regex.compile(
    r"\s*+(?:[#>*-]++\s++)*+[*_]*+[(\[（［]?(?:\d{1,3}|[\p{L}--\p{Han}]|[ivxIVX]{1,5}|[一二三四五六七八九十]{1,3}|(?i:step|case|part)\s\d{1,3})[.)\]．）］、][*_]*+\s*\Z",
    regex.V1,
)
"""A mark of a list and nothing else."""

_CLOSE = "\"'\u201d\u2019\u201c\u2018»›«‹)\\]*_$`~」』）］｝】》〉〗〙〛"
_WIDE_CLOSE = "\u201d\u2019»›)\\]}」』）］｝】》〉〗〙〛"
_WIDE = r"[\p{STerm}--[.!?\u2024\u104a]]|\u037e|፡፡"
_SPACELESS = r"\p{Han}\p{Hiragana}\p{Katakana}"
_DISPLAY_CLOSE = r"(?:\s*+(?:\\\]|\$\$|\\end\{[^{}\n]{1,40}\}))++"
_SENTENCE_END = regex.compile(
    rf"(?P<display>[.!?]{_DISPLAY_CLOSE}[^\S\n]++(?=\p{{Lu}}))"
    rf"|(?<![.!?\u2026])(?P<stop>[.!?\u2026]++|(?<=\p{{Greek}}\p{{Greek}});)(?P<close>[{_CLOSE}]*+(?:[^\S\n][»›](?!\S))?)(?P<gap>\s+|\Z)"
    rf"|(?P<wide>(?:{_WIDE})(?:{_WIDE}|[.!?\u2026])*+)"
    r"|(?P<line>\n\s*)"
    rf"|(?P<tight>(?:(?<=[{_SPACELESS}])[.!?]++|\?++)(?=[{_SPACELESS}]))"
    r"|(?P<space>(?<=\S)[^\S\n]+(?=[\p{Thai}\p{Lao}]))",
    regex.V1,
)
_BEHIND_WIDE = regex.compile(rf"[{_WIDE_CLOSE}]*+(?P<mark>\"|\*++)?")
_GOES_ON = regex.compile(rf"[,;:，、；：]|(?:{_WIDE})", regex.V1)
_QUOTED_ON = regex.compile(r"と|って")
_SPACE = re.compile(r"\s*")
_LAST_WORD = regex.compile(r"[\w.\p{M}]+\Z")
_DOTTED = regex.compile(r"(?:\p{L}\p{M}*\.)+\p{L}\p{M}*")
_NEXT_WORD = regex.compile(r"[\p{L}'\u2019]+")
_WORD_BEFORE = regex.compile(r"([\p{L}\p{M}]+)(\.?)[^\S\n]+\Z")
_NEXT_INITIAL = regex.compile(r"(?:\p{L}|ex|ej)\.(?!\w)")
_CONJUNCTION = regex.compile(r"และ|หรือ|กับ|ที่|ซึ่ง|คือ|เพราะ|เช่น|ได้แก่|โดย|ແລະ|ຫຼື|ທີ່|ຄື|ເພາະ|ເຊັ່ນ")
_CONNECTIVE = regex.compile(
    r"ดังนั้น|เพราะฉะนั้น|จากนั้น|ต่อไป|ต่อมา|แต่|เดี๋ยว|สุดท้าย|สรุป|ດັ່ງນັ້ນ|ຈາກນັ້ນ|ຕໍ່ໄປ|ແຕ່|ສຸດທ້າຍ|ສະຫຼຸບ"
)
_SPACED = regex.compile(r"[\p{Thai}\p{Lao}]")
_TABLE_ROW = re.compile(r"^[ \t>]*\|[^\n]*\|[ \t]*$", re.MULTILINE)
_DISPLAY = re.compile(r"\s*(?:\\\[|\$\$|\\begin\{)")
_BEHIND_DISPLAY = re.compile(r"(?:\\\]|\$\$|\\end\{[^{}\n]{1,40}\})\Z")
_VALUE = regex.compile(r"(?:[\d)\]}]|(?<!\p{L})\p{L})\Z")
_LEAST_CLAUSE = 10
_OPERATORS = frozenset("+-\u2212*/=<>\u00d7\u00b7,")


def sentence_ends(text: str) -> list[int]:
    """Places where sentences may end, in order, formulas and code not yet considered."""
    return _Stops(text).ends()


@dataclass(frozen=True, eq=False)
class _Stops:
    """The stops of one text."""

    text: str

    def ends(self) -> list[int]:
        """All places, in order."""
        places: list[int] = []
        rows = iter([match.span() for match in _TABLE_ROW.finditer(self.text)])
        row = next(rows, None)
        position = 0
        while match := _SENTENCE_END.search(self.text, position):
            end = self._end(match, places[-1] if places else 0)
            position = max(match.end(), end)
            while row and row[1] <= match.start():
                row = next(rows, None)
            if end >= 0 and not (row and row[0] <= match.start()):
                places.append(end)
        return places

    def _end(self, match: regex.Match[str], last: int) -> int:
        """The end of the sentence at a match; -1: there is none."""
        if match["wide"] is not None:
            return self._behind_wide(match)
        if match["line"] is not None:
            ends = not self._leads_into_formula(match.start(), match.end())
        elif match["tight"] is not None:
            ends = not self._lists(match.end())
        elif match["space"] is not None:
            ends = self._parts_words(match, last)
        else:
            ends = match["display"] is not None or self._stops(match)
        return match.end() if ends else -1

    def _behind_wide(self, match: regex.Match[str]) -> int:
        """The end behind a stop that needs no white space, what closes with it included; -1: it is none."""
        at = match.end()
        if match["wide"] == "．" and (self._within_word(at) or self._lists(at)):
            return -1
        closing = True
        while closing:
            behind: Any = _BEHIND_WIDE.match(self.text, at)  # it matches the empty text
            mark = behind["mark"]
            closing = mark is not None and self._closes(mark, behind.start("mark"))
            at = behind.end() if mark is None or closing else behind.start("mark")
        space: Any = _SPACE.match(self.text, at)
        end = space.end()
        quoted_on = at > match.end() and _QUOTED_ON.match(self.text, at)
        return -1 if quoted_on or _GOES_ON.match(self.text, end) else end

    def _within_word(self, at: int) -> bool:
        """Return whether a number or a Latin word goes on here."""
        following = unicodedata.normalize("NFKC", self.text[at : at + 1])
        capital = self.text[at - 2 : at - 1].isdigit() and following.isupper()  # ７．The
        return following.isdigit() or (following.isascii() and following.isalpha() and not capital)

    def _closes(self, mark: str, at: int) -> bool:
        """Return whether straight quotes or stars close here: white space follows, or they were opened in this line."""
        if not self.text[at + len(mark) : at + len(mark) + 1].strip():
            return True
        line = self._newlines[bisect_left(self._newlines, at) - 1]
        places = self._marks.get(mark, [])
        return (bisect_left(places, at) - bisect_right(places, line)) % 2 == 1

    @cached_property
    def _newlines(self) -> list[int]:
        return [-1, *(match.start() for match in re.finditer("\n", self.text))]

    @cached_property
    def _marks(self) -> dict[str, list[int]]:
        places: dict[str, list[int]] = {}
        for match in re.finditer(r"\"|\*+", self.text):
            places.setdefault(match.group(), []).append(match.start())
        return places

    def _lists(self, stop: int) -> bool:
        """Return whether the line up to here is the mark of a list and nothing else."""
        floor = max(0, stop - 25)
        newline = self.text.rfind("\n", floor, stop)
        if newline < 0 and floor > 0:
            return False
        return LIST_MARK.fullmatch(self.text, max(newline + 1, floor), stop) is not None

    def _parts_words(self, match: regex.Match[str], last: int) -> bool:
        """Return whether a space between two words of a script without stops parts two steps."""
        if match.start() - last < _LEAST_CLAUSE:
            return False
        if _SPACED.match(self.text, match.start() - 1) is None:
            return _CONNECTIVE.match(self.text, match.end()) is not None
        return _CONJUNCTION.match(self.text, match.end()) is None

    def _stops(self, match: regex.Match[str]) -> bool:
        """Return whether a mark of punctuation before white space ends a sentence."""
        stop, start = match["stop"], match.start("stop")
        following = self.text[match.end() : match.end() + 1]
        if "\n" in match["gap"]:
            return True
        if stop in {"...", "\u2026", ".."} and (following.islower() or following in _OPERATORS):
            return False
        if stop in {"!", "!!"}:
            return not self._is_factorial(start, following)
        if stop != ".":
            return True
        before = self.text[max(0, start - 24) : start]
        word = _LAST_WORD.search(before)
        if word is not None and _abbreviates(
            before, word, self.text[match.end() : match.end() + 24]
        ):
            return False
        return not self._lists(start + 1)

    def _is_factorial(self, stop: int, following: str) -> bool:
        """Return whether `!` stands behind a number, a bracket or a lone letter, and the formula or the sentence goes on: `n! = 2`."""
        behind_value = _VALUE.search(self.text, max(0, stop - 2), stop) is not None
        return behind_value and (following.islower() or following in _OPERATORS)

    def _leads_into_formula(self, stop: int, following: int) -> bool:
        """Return whether an unfinished line is completed by a display formula, or goes on in small letters after one."""
        before = self.text[max(0, stop - 52) : stop].rstrip()
        if before.endswith((".", "!", "?")):
            return False
        if _BEHIND_DISPLAY.search(before):
            return self.text[following : following + 1].islower()
        return _DISPLAY.match(self.text, following) is not None


def _abbreviates(before: str, match: regex.Match[str], after: str) -> bool:
    """Return whether the last word in front of a full stop and a space is an abbreviation there."""
    word = match.group().lower()
    numbered = re.match(r"\(?\d", after) is not None
    opening = _opens(after)
    ahead = before[: match.start()]
    if len(word) == 1 and word.isalpha() and _is_initial(ahead, match.group(), after):
        return True
    if word in _NAMING and not opening and after[:1].isupper():
        named = _WORD_BEFORE.search(ahead)
        return named is None or named[1].islower()
    if word in _NUMBERED:
        return numbered
    if word in _FINAL or _DOTTED.fullmatch(word):
        return word in _ABBREVIATIONS - _FINAL or not opening
    if word in _AND_SO_ON:
        return after[:1].islower()
    return word in _ABBREVIATIONS or (word.isdigit() and _is_ordinal(ahead, after))


def _opens(after: str) -> bool:
    """Return whether a word follows with which sentences open."""
    word = _NEXT_WORD.match(after)
    return word is not None and word.group()[0].isupper() and word.group().lower() in _OPENING


def _is_ordinal(ahead: str, after: str) -> bool:
    """Return whether a number with a dot is a German ordinal: `im 3. Schritt`, `am 3. Mai`."""
    before, word = _WORD_BEFORE.search(ahead), _NEXT_WORD.match(after)
    if before is None or word is None or _opens(after):
        return False
    if before[1].lower() in _DATE and word.group().lower() in _MONTHS:
        return True
    return before[1].lower() in _ORDINAL


def _is_initial(ahead: str, letter: str, after: str) -> bool:
    """Return whether a lone letter with a dot belongs to a name or to another such letter (`J. K. Rowling`, `z. B. 7`)."""
    if _NEXT_INITIAL.match(after):
        return True
    before, following = _WORD_BEFORE.search(ahead), _NEXT_WORD.match(after)
    if before is None or _opens(after):
        return False
    word, dot = before.groups()
    if dot and len(word) == 1:
        return True
    named = following is not None and following.group()[0].isupper() and letter.isupper()
    beside = bool(dot) or word == "by" or (word[0].isupper() and len(word) > 1)
    return named and beside and word.lower() not in _LABELS | _OPENING - {"by"}
