"""The text that a model itself writes between its chain and its answer, found by the answers that are known to be right."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import takewhile

from mechcot.core.trace import Phase, Trace
from mechcot.text.answer_outcomes import is_right
from mechcot.text.answers import SPECIAL, find_answer, same_answer
from mechcot.text.brackets import pair_of
from mechcot.text.entities import occurrences
from mechcot.text.stated_value import ANSWER_PLACE, ended_at
from mechcot.text.think_tags import ThoughtTags
from mechcot.text.trace_parser import GUESSED

LONGEST = 80
"""Characters of a lead; longer ones are no question for an answer."""
SHARE = 0.5
"""Share of the finished texts that must have the lead."""
_NEARLY_ALL = 0.8
"""Share of the lines that must end in a lead that begins inside of them."""
_BREAKS = re.compile(r"\n|(?<=[.!?:;])\s|(?<=[。！？；।])")
_SENTENCE_END = re.compile(r"\n|(?<=[.!?])\s|(?<=[。！？।])")
_END_MARKS = re.compile(rf"(?:\s*(?:{SPECIAL.pattern}))+\s*\Z")
_PART_OF_WORD = re.compile(r"^\w+")
_WORD = re.compile(r"[^\W\d_]{2}")
_FIRST_WORD = re.compile(r"[^\w\n]*\w+\b")
_MARKS = re.compile(r"[^\S\n]*[^\w\s]+")


def common_lead(traces: Sequence[Trace], *, share: float = SHARE) -> str:
    """The text around the right answer that most finished completions have in common; "" where there is none.

    It begins behind the chain, closing mark and white space included, also a line that ends every chain alike; in a text without marks, at its last
    line or sentence; where it is one sentence, at its start or behind what changes from text to text (`{"steps": [3, 7], "answer": 7}`: `], "answer":`). Where the same
    words follow every answer on its line, or the same mark, `{answer}` and the first of them stand behind it, since they end the answer.

    Args:
        traces: Chains of one author.
        share: Least share of the finished ones that have it.
    """
    finished = [trace for trace in traces if trace.finished]
    alike = _alike_behind([trace.completion for trace in finished])
    found = [place for trace in finished if (place := _stated(trace, alike)) is not None]
    lead, places = _most_alike(found, share * len(finished))
    if not lead:
        return ""
    close = pair_of(lead)
    closed = close is not None and all(place.behind.startswith(close) for place in places)
    end = "" if closed else _end([place.behind for place in places], marks=close is None)
    if any(ended_at(trace.problem.answer, end) >= 0 for trace in finished):
        end = ""
    lead = _closing(places, most=LONGEST - len(lead)) + lead
    unspaced = not places[0].space and lead[-1].isalpha()
    return f"{lead}{places[0].space}{ANSWER_PLACE}{end}" if end or unspaced else lead


def answer_mark(lead: str, tags: ThoughtTags | None) -> str | None:
    """What stands before a written answer: the last line of a lead that says something behind the thought; None where none does."""
    said = lead.rpartition(tags.close)[2] if tags else lead
    before, placed, end = said.partition(ANSWER_PLACE)
    words = before.rstrip()
    line = words.rpartition("\n")[2]
    return f"{line.lstrip()}{before[len(words) :]}{placed}{end}" if words.strip() else None


def says_right(trace: Trace) -> bool:
    """Return whether a finished text has the right answer, read or at least written behind its chain."""
    read = is_right(trace.answer.text, trace.problem)
    return trace.finished and (read or _stated(trace) is not None)


def misread(traces: Sequence[Trace]) -> list[Trace]:
    """The texts whose right answer stands behind their chain, and of which another one was read."""
    read = [trace for trace in traces if trace.answer.text is not None]
    return [t for t in read if says_right(t) and not is_right(t.answer.text, t.problem)]


@dataclass(frozen=True)
class _Stated:
    """Where a completion has its right answer.

    Attributes:
        lead: The text from the chain to it.
        space: The spaces in front of it.
        behind: The text behind it.
        line: All of the text in front of it, where that is one line of one sentence without marks; "" in others.
        ahead: The text in front of the lead; "" where there is such a line.
    """

    lead: str
    space: str
    behind: str
    line: str = ""
    ahead: str = ""


def _most_alike(found: Sequence[_Stated], least: float) -> tuple[str, list[_Stated]]:
    """The lead that enough places share, and these: the longest end of nearly all lines, else all that stands from the last break on."""
    nearly = max(least, _NEARLY_ALL * len(found))  # a few lines have more in common by chance
    for size in range(LONGEST, 0, -1):
        end = _commonest((p.line[-size:] for p in found if len(p.line) >= size), nearly)
        if end:
            places = [place for place in found if place.line.endswith(end)]
            inside = any(place.line[: -len(end)][-1:].isalnum() for place in places)
            lead = _PART_OF_WORD.sub("", end) if inside else end
            if _WORD.search(lead):
                return lead, places
            break
    leads = (p.lead for p in found if p.lead.strip() and len(p.lead) <= LONGEST)
    lead = _commonest(leads, least)
    return lead, [place for place in found if lead and place.lead == lead]


def _commonest(texts: Iterable[str], least: float) -> str:
    """The text that is there most often; "" where none is there as often as it must be."""
    for text, count in Counter(texts).most_common(1):
        return text if count >= least else ""
    return ""


def _alike_behind(texts: Sequence[str]) -> str:
    """The lines that end every text alike, such as an offer of more help, with the line break in front of them; "" where there are none."""
    turned = zip(*(_END_MARKS.sub("", text)[::-1] for text in texts), strict=False)
    alike = "".join(column[0] for column in takewhile(lambda one: len({*one}) == 1, turned))[::-1]
    first = alike.find("\n")
    return alike[first:] if len(texts) > 1 and first >= 0 else ""


def _stated(trace: Trace, alike: str = "") -> _Stated | None:
    """Where a text has its right answer.

    Args:
        trace: The text.
        alike: What ends all texts, and is no part of what is said.
    """
    answer = trace.problem.answer.strip()
    text = _END_MARKS.sub("", trace.completion)
    guessed_wrong = trace.answer.how in GUESSED and not is_right(trace.answer.text, trace.problem)
    said = [step for step in trace.steps if step.phase is Phase.ANSWER and not guessed_wrong]
    start = said[0].chars.start if said else 0
    whole = text.removesuffix(alike)
    places = [place for place in occurrences(answer, whole, glued=True) if place[0] >= start]
    if not places:
        return None
    at, behind = places[-1][0], text[places[-1][1] :].rstrip()
    if not said:
        if _BREAKS.search(whole[places[-1][1] :].rstrip()):
            return None  # a value on the way
        breaks = [match.end() for match in _BREAKS.finditer(text[:at].rstrip())]
        start = breaks[-1] if breaks else 0
    start = len(text[:start].rstrip())
    before = text[:at].rstrip(" ")
    lead, space = before[start:], text[len(before) : at]
    line = "" if said or _SENTENCE_END.search(before) else before
    ahead = "" if line else text[:start]
    return _Stated(lead, space, behind, line, ahead) if line or len(lead) <= LONGEST else None


def _closing(places: Sequence[_Stated], *, most: int) -> str:
    """The line that ends every chain alike, as a mark does that nobody knows; "" where there is none, or chains that do not differ.

    Args:
        places: Those that share a lead.
        most: Characters that it may have.
    """
    chains = [place.ahead.rpartition("\n")[0].rstrip() for place in places]
    ends = {p.ahead[len(chain) :] for p, chain in zip(places, chains, strict=True)}
    alike = len(ends) == 1 and all(chains) and len({*chains}) > 1
    end = ends.pop() if alike else ""
    return end if len(end) <= most else ""


def _end(behind: Sequence[str], *, marks: bool) -> str:
    """The first word that follows every answer on its line, with the marks in front of it, or the marks alone; "" where nothing does.

    Args:
        behind: The text behind each answer.
        marks: Whether marks without a word may end an answer.
    """
    columns = takewhile(lambda column: len({*column}) == 1, zip(*behind, strict=False))
    common = "".join(column[0] for column in columns)
    if any(len(text) > len(common) and text[len(common)].isalnum() for text in behind):
        common = re.sub(r"\w+$", "", common)
    if word := _FIRST_WORD.match(common):
        return word.group()
    mark = _MARKS.match(common) if marks else None
    return (
        mark.group() if mark and all(ended_at(text, mark.group()) == 0 for text in behind) else ""
    )


def last_numbers_right(traces: Sequence[Trace], *, share: float) -> bool:
    """Whether reading last numbers would help: with them at least such a share of the finished completions is right, one of them that was not read among these."""
    finished = [trace for trace in traces if trace.finished]
    right = gained = 0
    for trace in finished:
        read = find_answer(trace.completion, otherwise="last_number")
        if read is not None and same_answer(read.text, trace.problem.answer):
            right += 1
            gained += trace.answer.text is None
    return gained > 0 and right >= share * len(finished)
