r"""Stretches of a text in which no step ends: formulas, LaTeX environments, code.

* Formulas: `\[ \]`, `\( \)`, `$$ $$`, and `$ $` by pandoc's rule (no white space inside the marks, no digit behind).
* Environments: `\begin{X}` to its own `\end{X}`, nested ones inside it, starred ones alike. One that is never closed shields
  nothing. In `verbatim` and its kin anything may stand.
* Code fences by CommonMark 0.31, section 4.5: three or more backticks or tildes open a line, a line with nothing but as many of
  the same mark or more closes, indented by at most three columns more. Code spans (6.1): n backticks to the next n.
  Deviations: a fence may also open behind text, and one that is never closed shields nothing (CommonMark: all the rest).

A blank line ends a formula or an environment that was opened by mistake, unless the stretch holds no prose (three words in a row
outside `\text{}`): models do leave blank lines in formulas, and do wrap whole solutions in environments.
Cost: linear in the text.
"""

import re
from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

_OPENERS = re.compile(r"\\begin\{|\\\[|\\\(|\$\$|\$|`+|~{3,}")
_CLOSERS = {r"\[": r"\]", r"\(": r"\)", "$$": "$$"}
_ENVIRONMENT = re.compile(r"\\(begin|end)\{([^{}\n]{1,40})\}")
_VERBATIM = frozenset({"verbatim", "Verbatim", "lstlisting", "minted", "comment", "alltt"})
_BLANK_LINE = re.compile(r"\n[^\S\n]*\n")
_PROSE = re.compile(
    r"\\(?:text|mbox|intertext|tag)\w*\s*\{[^{}]*\}|(?P<prose>(?<![\\\w])(?:[^\W\d_]{2,}[ ,;:.]+){2}[^\W\d_]{2,})"
)
_FENCE = re.compile(
    r"^(?P<indent>[ \t>]*(?:(?:[-*+]|\d{1,3}[.)])[ \t]+)?)(?P<mark>`{3,}|~{3,})(?P<info>[^\n]*)",
    re.MULTILINE,
)
_BACKTICKS = re.compile(r"`+")


def shields(text: str) -> list[tuple[int, int]]:
    """Regions `(start, stop)` in which nothing may end, in order, without overlap."""
    scan = _Scan(text)
    regions: list[tuple[int, int]] = []
    position = 0
    while match := _OPENERS.search(text, position):
        stop = scan.stop(match)
        if stop > match.start():
            regions.append((match.start(), stop))
            position = stop
        else:
            position = match.end() if stop < 0 else match.start() + 1
    return regions


@dataclass(frozen=True, eq=False)
class _Scan:
    """Closing places of all that opens in a text; `barren` holds, for a mark, up to where it is known not to close."""

    text: str
    barren: dict[str, int] = field(default_factory=dict)

    def stop(self, match: re.Match[str]) -> int:
        """The end of what opens here; -1: nothing does; the start itself: one character is skipped."""
        mark, start = match.group(), match.start()
        if mark.startswith("$") and start and self.text[start - 1] == "\\":
            return start  # an escaped dollar is money
        if mark == "$":
            return _inline_stop(self.text, start)
        if mark in _CLOSERS:
            return self._formula(mark, match.end())
        if mark.startswith("\\"):
            return self.environments.get(start, -1)
        return self._code(mark, start)

    def _formula(self, mark: str, begin: int) -> int:
        closer = _CLOSERS[mark]
        if mark in self.barren:
            return -1
        stop = self.text.find(closer, begin)
        if stop < 0:
            self.barren[mark] = len(self.text)
            return -1
        nested = mark != closer and self.text.find(mark, begin, stop) >= 0
        if nested or (mark == r"\(" and self.text.find("\n", begin, stop) >= 0):
            return -1
        return -1 if self._paragraphs(begin, stop) else stop + len(closer)

    def _code(self, mark: str, start: int) -> int:
        """A fence, else a code span; three marks or more also open a fence behind text."""
        if start in self.fences:
            return self.fences[start]
        end = start + len(mark)
        line = self.text.find("\n", end)
        line = len(self.text) if line < 0 else line
        if mark[0] == "`" and self.barren.get(mark, 0) <= start:
            for match in _BACKTICKS.finditer(self.text, end, line):
                if match.group() == mark:
                    return match.end()
            self.barren[mark] = line
        key = f"behind {mark}"
        if len(mark) < 3 or key in self.barren:
            return -1
        stop = self.text.find(mark, end)
        if stop < 0:
            self.barren[key] = len(self.text)
            return -1
        return stop + len(mark)

    def _paragraphs(self, begin: int, stop: int) -> bool:
        """Return whether a stretch is prose in several paragraphs."""
        stretch = self.text[begin:stop]
        inner = begin + len(stretch) - len(stretch.lstrip()), begin + len(stretch.rstrip())
        return _any_in(self._blanks, *inner) and _any_in(self._prose, *inner)

    @cached_property
    def _blanks(self) -> list[int]:
        return [match.start() for match in _BLANK_LINE.finditer(self.text)]

    @cached_property
    def _prose(self) -> list[int]:
        return [match.start() for match in _PROSE.finditer(self.text) if match["prose"]]

    @cached_property
    def environments(self) -> Mapping[int, int]:
        r"""End of each closed `\begin`, by its start; environments of prose are left out."""
        closes: dict[int, int] = {}
        opened: list[tuple[str, int]] = []
        standing: dict[str, int] = {}
        quoted = -1  # up to where nothing is a command
        for match in _ENVIRONMENT.finditer(self.text):
            what, name = match.groups()
            if match.start() < quoted:
                continue
            if what == "begin" and name in _VERBATIM:
                closer = rf"\end{{{name}}}"
                quoted = -1 if closer in self.barren else self.text.find(closer, match.end())
                if quoted < 0:
                    self.barren[closer] = len(self.text)
                    continue
            if what == "begin":
                opened.append((name, match.start()))
                standing[name] = standing.get(name, 0) + 1
            elif standing.get(name):
                last, start = "", -1
                while last != name:
                    last, start = opened.pop()
                    standing[last] -= 1
                if name in _VERBATIM or not self._paragraphs(start, match.end()):
                    closes[start] = match.end()
        return closes

    @cached_property
    def fences(self) -> Mapping[int, int]:
        """End of each closed fence, by the start of its mark."""
        closes: dict[int, int] = {}
        lines = list(_FENCE.finditer(self.text))
        barren: set[tuple[str, int]] = set()
        at = 0
        while at < len(lines):
            line, at = lines[at], at + 1
            key = (line["mark"], len(line["indent"]))
            if key in barren or (line["mark"][0] == "`" and "`" in line["info"]):
                continue
            closing = next((i for i in range(at, len(lines)) if _closes(lines[i], line)), None)
            if closing is None:
                barren.add(key)
            else:
                closes[line.start("mark")] = lines[closing].end("mark")
                at = closing + 1
        return closes


def _any_in(positions: list[int], begin: int, stop: int) -> bool:
    """Return whether a sorted list has a position in `[begin, stop)`."""
    at = bisect_left(positions, begin)
    return at < len(positions) and positions[at] < stop


def _closes(line: re.Match[str], opening: re.Match[str]) -> bool:
    """Return whether a line closes the fence of another: as many of its marks or more and nothing else."""
    return (
        not line["info"].strip()
        and not line["indent"].strip(" \t>")
        and line["mark"].startswith(opening["mark"])
        and len(line["indent"].expandtabs(4)) <= len(opening["indent"].expandtabs(4)) + 3
    )


def _inline_stop(text: str, start: int) -> int:
    """End of `$...$`, or -1."""
    stop = text.find("$", start + 1)
    if stop < 0:
        return -1
    body = text[start + 1 : stop]
    behind = text[stop + 1 : stop + 2]
    if not body or body != body.strip() or "\n" in body or body.endswith("\\") or behind.isdigit():
        return -1
    return stop + 1
