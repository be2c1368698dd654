"""Does a text ask a given question? Told by words, numbers and signs; white space, line breaks and the marks of options aside.

A prompt asks the question that it holds, whatever stands around it: an instruction, a system's message, options, the marks of a chat. A question asks what a longer one
of a problem asks that has the same words among a passage and options. `11 + 1?` does not ask `1 + 1?`, and `2 * 3 + 4` does not ask `3 + 4`.
"""

import re

from mechcot.text.listed_choices import choices
from mechcot.text.novelty import BY_CHARACTER

_TOKEN = re.compile(rf"\d+(?:[.,]\d+)+|[{BY_CHARACTER}]|[^\W_{BY_CHARACTER}]+|\S")
_SIGN = r"[-+*/^×÷]"
_LETTERED = re.compile(r"[(\[]?A[)\].:]\s*\Z")


def asks(text: str, question: str) -> bool:
    """Whether a text holds a question, whole or line by line.

    Args:
        text: A prompt, or a question that another file words.
        question: What it should ask.
    """
    whole = _spaced(text)
    if _stands_in(whole, question):
        return True
    listed = choices(question)
    stem = question if listed is None else question[: listed.spans["A"].start]
    lines = [line for line in _LETTERED.sub("", stem).splitlines() if line.strip()]
    options = () if listed is None or choices(text) is None else listed.texts
    return bool(lines) and all(_stands_in(whole, part) for part in (*lines, *options))


def same_question(asked: str, question: str) -> bool:
    """Whether two texts ask the same: one holds the other.

    Args:
        asked: The question of a record, which may be a whole prompt, or lack a passage and options.
        question: The question of a problem.
    """
    return asks(asked, question) or asks(question, asked)


def _spaced(text: str) -> str:
    return " ".join(_TOKEN.findall(text))


def _stands_in(whole: str, part: str) -> bool:
    """Whether a text stands in another between whole words, and, where it begins or ends in a number, not within a longer term."""
    spaced = _spaced(part)
    before = rf"(?<!{_SIGN} )" if spaced[:1].isdigit() else ""
    after = rf"(?! {_SIGN})" if spaced[-1:].isdigit() else ""
    return re.search(rf"(?<!\S){before}{re.escape(spaced)}(?!\S){after}", whole) is not None
