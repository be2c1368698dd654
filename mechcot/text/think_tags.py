"""The marks that open and close a thought.

A model family wraps its chain in two marks. Either may be missing: the opening one because the chat
template wrote it, the closing one because the token limit cut the text or the model forgot it.

Most marks are bracketed words that say what they hold (`<think>`, `[THINK]`, `<|begin_of_thought|>`,
`<seed:think>`): those are known by their shape, and the closing partner is made from the opening mark. `KNOWN`
lists those that have no such shape. Sources: the reasoning parsers of vLLM (`vllm/reasoning`) and SGLang
(`srt/parser/reasoning_parser.py`), and the chat templates of the models they name.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from mechcot.core.trace import Span


@dataclass(frozen=True)
class ThoughtTags:
    """The two marks of a family.

    Attributes:
        open: Opens the thought, as it stands in the text.
        close: Closes it.
    """

    open: str = "<think>"
    close: str = "</think>"

    def __post_init__(self) -> None:
        if not self.open or not self.close:
            raise ValueError(
                f"a thought needs two marks that are not empty, got {self.open!r} and {self.close!r}"
            )


THINK = ThoughtTags()

_ANALYSIS = "<|channel|>analysis<|message|>"
KNOWN = (
    # gpt-oss (harmony): a turn of several messages, also without their headers, and without special tokens
    ThoughtTags(_ANALYSIS, "<|end|><|start|>assistant<|channel|>final<|message|>"),
    ThoughtTags(_ANALYSIS, "<|channel|>final<|message|>"),
    ThoughtTags("analysis", "assistantfinal"),
    ThoughtTags("<|channel>thought", "<channel|>"),  # Gemma 4
    ThoughtTags("<unused94>thought", "<unused95>"),  # MedGemma
    ThoughtTags("<|inner_prefix|>", "<|inner_suffix|>"),  # Apertus
    ThoughtTags("[THINK]", "[/THINK]"),  # Magistral
    ThoughtTags("[unused16]", "[unused17]"),  # openPangu
    ThoughtTags("<|think|>", "<|end|><|begin|>assistant<|content|>"),  # Solar Open
    ThoughtTags("<|im_start|>think\n", "<|im_start|>answer"),  # s1
    ThoughtTags("## Thinking\n", "## Final Response"),  # HuatuoGPT-o1
    ThoughtTags("Here is my thought process:", "Here is my response:"),  # Granite 3.2
    ThoughtTags("Here's my thought process:", "Here's my response:"),
)
"""Pairs whose marks do not say by their shape what they are. Of two with one opening mark the one that closes the text counts."""

_WORDS = (
    r"think(?:ing|er)?|thoughts?|reason(?:ing|s)?|cot|scratchpad|analysis|reflection|reflecting|monologue|rationale|"
    r"deliberation|brainstorm|antthinking"
)
# Parts and separators share no character and are few, so that no text makes the search slow.
_NAME = rf"(?:[^\W_]{{1,20}}[_:|.\- ]{{1,2}}){{0,6}}?(?:{_WORDS})(?:[_:.\- ]{{1,2}}[^\W_]{{1,20}}){{0,6}}"
_SHAPE = re.compile(
    rf"(?P<left><\||<\uff5c|\[\||</\||<|\[|\u25c1|\u300a)(?P<slash>/?)(?P<name>{_NAME})(?P<right>\|>|\uff5c>|\|\]|>|\]|\u25b7|\u300b)",
    re.IGNORECASE,
)
_ENDS = {
    "begin": "end", "start": "end", "open": "close", "prefix": "suffix",
    "Begin": "End", "Start": "End", "Open": "Close", "BEGIN": "END", "START": "END", "OPEN": "CLOSE",
}  # fmt: skip
_BEGINS = {
    "end": ("begin", "start"), "close": ("open",), "suffix": ("prefix",), "End": ("Begin", "Start"),
    "END": ("START", "BEGIN"), "CLOSE": ("OPEN",), "eot": ("bot",),
}  # fmt: skip
# What may stand before the opening mark of a completion: white space, tokens of control, the name of the role.
_LEAD = re.compile(r"(?:\s|<\|(?:im_)?start\|>|<\|begin\|>|<\|im_start\|>|assistant\b|model\b)*")
_PREAMBLE = 200


class Thought(StrEnum):
    """Verdict of the marks on a completion."""

    CLOSED = "closed"
    UNCLOSED = "unclosed"
    ABSENT = "absent"


@dataclass(frozen=True)
class Layout:
    """Span of the thought in a completion.

    Attributes:
        thought: Closed, unclosed or absent.
        chain: Character span of the chain in the completion: after the opening mark (if the
            completion has it), before the closing one (or up to the end).
    """

    thought: Thought
    chain: Span


def partners(mark: str) -> tuple[str, ...]:
    """The marks that would close what `mark` opens, by shape, likeliest first: `<x>` -> `</x>`, `begin_x` -> `end_x`.

    Returns:
        Empty for a text that is not a bracketed name, or that closes something itself.
    """
    match = re.fullmatch(
        r"(<\||<\uff5c|\[\||<|\[|\u25c1|\u300a)([^/|\s<>\[\]][^<>\[\]]*?)(\|>|\uff5c>|\|\]|>|\]|\u25b7|\u300b)",
        mark,
    )
    if match is None:
        return ()
    left, name, right = match.groups()
    parts = re.split(r"([_:\- ])", name)
    if any(part in _BEGINS for part in parts):
        return ()
    turned = [_ENDS.get(part, part) for part in parts]
    if turned != parts:
        return (left + "".join(turned) + right,)
    closes = [
        f"{left}/{name}{right}",
        f"<|/{name}|>",
        f"{left}end_of_{name}{right}",
        f"{left}end_{name}{right}",
    ]
    if left.startswith("<") and left != "<":  # </|x|>
        closes.append(f"</{left[1:]}{name}{right}")
    if left == "<|" and right == ">":  # <|x> ... <x|>
        closes.append(f"<{name}|>")
    return tuple(closes)


def means_thought(mark: str) -> bool:
    """True when a mark says by its shape that it opens a thought."""
    match = _SHAPE.fullmatch(mark)
    return bool(match and not match["slash"] and partners(mark))


def tags_in(text: str) -> ThoughtTags | None:
    """The marks that a text itself shows: an opening mark that begins it or is closed later, or a closing mark alone.

    Returns:
        None when the text shows no marks that are known by name or by shape.
    """
    lead = _start(text)
    opened = [tags for tags in KNOWN if text.startswith(tags.open, lead)]
    closed = [tags for tags in opened if tags.close in text[lead + len(tags.open) :]]
    if closed:
        return closed[0]
    if opened and _SPEAKS.search(opened[0].open):
        return opened[0]
    shaped = [
        pair for pair in (_of_match(match, text, lead) for match in _SHAPE.finditer(text)) if pair
    ]
    swallowed = [
        (text.index(tags.close), tags)
        for tags in KNOWN
        if _SPEAKS.search(tags.close) and tags.close in text
    ]
    return min([*shaped, *swallowed], key=lambda pair: pair[0], default=(0, None))[1]


_SPEAKS = re.compile(r"[<\[]")
"""A mark that no plain text holds by chance; the others count only where the closing one follows."""


def _of_match(match: re.Match[str], text: str, lead: int) -> tuple[int, ThoughtTags] | None:
    """Position and pair of one bracketed name; None where it is a mere mention."""
    mark = match.group()
    closes = partners(mark)
    if closes:
        close = next((candidate for candidate in closes if candidate in text[match.end() :]), None)
        if close is None and (match.start() != lead or mark.startswith("[")):  # or a Markdown link
            return None
        return match.start(), ThoughtTags(mark, close or closes[0])
    return next(
        ((match.start(), ThoughtTags(candidate, mark)) for candidate in _openers(match)), None
    )


def _openers(match: re.Match[str]) -> Iterator[str]:
    """The opening marks whose partner is the closing mark of `match`."""
    name = match["name"]
    if match["slash"] or match["left"] == "</|":
        yield f"{match['left'].replace('/', '')}{name}{match['right']}"
        return
    parts = re.split(r"([_:\- ])", name)
    for index, part in enumerate(parts):
        for begin in _BEGINS.get(part, ()):
            opener = "".join((*parts[:index], begin, *parts[index + 1 :]))
            yield f"{match['left']}{opener}{match['right']}"


def _start(text: str) -> int:
    """Start of a completion behind white space and the header of its turn."""
    match = _LEAD.match(text)
    return match.end() if match else 0


def find_thought(prompt: str, text: str, tags: ThoughtTags) -> Layout:
    """Find the thought of a completion.

    The opening mark counts when the prompt ends with it (white space aside), when the completion
    begins with it, or when few words stand before it and the closing mark follows. A closing mark
    without an opening one still closes the thought: templates and APIs often swallow the first mark. Only the first
    closing mark counts.
    """
    start = 0
    opened = prompt.rstrip().endswith(tags.open.rstrip())
    first = text.find(tags.open)
    behind_few = not opened and 0 <= first <= _PREAMBLE and first <= text.find(tags.close)
    if behind_few or 0 <= first <= _start(text):
        opened, start = True, first + len(tags.open)
    stop = text.find(tags.close, start)
    if stop >= 0:
        return Layout(Thought.CLOSED, Span(start, stop))
    return Layout(Thought.UNCLOSED if opened else Thought.ABSENT, Span(start, len(text)))
