r"""A completion, divided into chain and answer.

One whose thought stands in a field of its own is divided there; else at the marks that the text shows
(`mechcot.text.think_tags`); a text without marks is plain: all of it is the chain.
"""

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from mechcot.text.message_parts import Kind, NoChain, Piece, ink, joined, plain_name
from mechcot.text.responses import Attempt
from mechcot.text.think_tags import Thought, ThoughtTags, find_thought, partners, tags_in


@dataclass(frozen=True)
class CompletionParts:
    """A completion, divided.

    Attributes:
        chain: The thought without marks; the whole text where nothing tells a thought.
        answer: What was written after it.
        opened: Whether a mark or the name of its field says that the chain is a thought.
        closed: Whether that thought ended.
        cut: Whether a token limit ended the text, as its source says or a thought shows that opens and never closes.
    """

    chain: str
    answer: str = ""
    opened: bool = False
    closed: bool = False
    cut: bool = False


_BRACKETED = re.compile(r"\s*(?P<mark><(?P<name>(?:[^\W\d_]|\|)[^<>/\n]{0,40})>)")
_NO_MARKS = frozenset({
    "answer", "solution", "step", "steps", "output", "response", "final", "result", "p", "div", "span", "b", "i", "u",
    "em", "strong", "code", "pre", "br", "ul", "ol", "li", "table", "tr", "td", "th", "h1", "h2", "h3", "h4", "h5",
    "h6", "a", "html", "body", "math", "latex", "s", "sub", "sup", "details", "summary", "blockquote", "question",
    "problem",
})  # fmt: skip
_ENDS = re.compile(
    r"(?:\s*(?:<\|(?:return|im_end|eot_id|endoftext|end_of_text|end)\|>|</s>|<eos>|<end_of_turn>|<\uff5cend\u2581of\u2581sentence\uff5c>))+\s*\Z"
)
_SOLUTION = re.compile(
    r"\s*<\|begin_of_(solution|answer)\|>\s*(?P<inner>.*?)\s*(?:<\|end_of_\1\|>\s*)?\Z", re.DOTALL
)


def divide(attempt: Attempt, *, tags: ThoughtTags | None, where: str) -> CompletionParts:
    """Chain and answer of one completion.

    Raises:
        NoChain: The thought, or a part of it, is sealed; or there is only a summary of it.
    """
    kinds = {piece.kind for piece in attempt.pieces}
    if Kind.SEALED in kinds:
        raise NoChain(
            f"{where}: the thought, or a part of it, is encrypted or redacted: there is no chain to read"
        )
    if Kind.THOUGHT in kinds:
        return _by_field(attempt, tags)
    parts = at_marks(_text(attempt.turns, Kind.SAID), tags, cut=attempt.cut)
    if parts.opened:
        return parts
    if Kind.SUMMARY in kinds:
        raise NoChain(
            f"{where}: only a summary of the thought is there, which is not the chain; "
            "if a summary is what you want, name it with `--field chain=PATH`"
        )
    if Kind.WITHHELD in kinds:
        raise NoChain(
            f"{where}: the model thought, and its thought is not in the file (a signature or a count of tokens speaks of it)"
        )
    if unknown := _unknown_marks(parts.chain) if tags is None else None:
        raise NoChain(
            f"{where}: the text begins with {unknown.open!r}, {unknown.close!r} follows, and neither is known as a mark of a thought; "
            f"if they are, say {shlex.join(['--think', unknown.open, unknown.close])}, and if the text is plain, --think '<think>' '</think>'"
        )
    return parts


def _unknown_marks(text: str) -> ThoughtTags | None:
    """The pair that wraps the beginning of a text, when it is neither a known mark nor markup."""
    match = _BRACKETED.match(text)
    if match is None or plain_name(match["name"]) in _NO_MARKS or text.count(match["mark"]) > 1:
        return None
    close = next((partner for partner in partners(match["mark"]) if partner in text), None)
    if close is None or not text.partition(close)[2].strip():
        return None
    return ThoughtTags(match["mark"], close)


def _without_control(text: str) -> str:
    """A text without the tokens that end a turn and the marks around a solution."""
    text = _ENDS.sub("", text)
    wrapped = _SOLUTION.match(text)
    return wrapped["inner"] if wrapped else text


def at_marks(text: str, tags: ThoughtTags | None, *, cut: bool = False) -> CompletionParts:
    """A text, divided at the marks of its thought; plain where it shows none."""
    tags = tags or tags_in(text)
    layout = find_thought("", text, tags) if tags else None
    if tags is None or layout is None or layout.thought is Thought.ABSENT:
        return CompletionParts(text, cut=cut)
    chain = text[layout.chain.start : layout.chain.stop]
    if layout.thought is Thought.UNCLOSED:
        return CompletionParts(chain, opened=True, cut=True)
    answer = _without_control(text[layout.chain.stop + len(tags.close) :])
    return CompletionParts(chain, answer, opened=True, closed=True, cut=cut)


def _by_field(attempt: Attempt, tags: ThoughtTags | None) -> CompletionParts:
    """The chain goes up to the last thought, and to the last message; what is said then is the answer."""
    *earlier, last = attempt.turns
    thoughts = [index for index, piece in enumerate(last) if piece.kind is Kind.THOUGHT]
    split = thoughts[-1] + 1 if thoughts else 0
    chain = _text([*earlier, last[:split]], Kind.SAID, Kind.THOUGHT)
    answer = _text([last[split:]], Kind.SAID)
    return thought_and_said(chain, answer, tags, cut=attempt.cut)


def thought_and_said(
    chain: str, answer: str, tags: ThoughtTags | None, *, cut: bool
) -> CompletionParts:
    """A thought that stands in a field of its own, beside what was said; the marks in either are no text of theirs."""
    marks = tags or tags_in(chain)
    if marks and (chain.lstrip().startswith(marks.open) or marks.open not in chain):
        own = at_marks(chain, marks)
        chain, answer = own.chain, own.answer if ink(own.answer) else answer
        cut = cut or (own.cut and not answer.strip())
        closed = own.closed
    else:
        closed = False
    said = at_marks(answer, tags)
    if said.closed and ink(said.chain) in ink(chain):
        answer = said.answer
    elif said.closed:
        chain, answer = f"{chain}\n\n{said.chain}", said.answer
    return CompletionParts(
        chain, answer, opened=True, closed=closed or bool(answer.strip()), cut=cut
    )


def _text(turns: Sequence[Sequence[Piece]], *kinds: Kind) -> str:
    """The pieces of some kinds as one text; a blank line parts messages, and thought from what is said."""
    texts = []
    for turn in turns:
        kept = [piece for piece in turn if piece.kind in kinds]
        runs = groupby(kept, key=lambda piece: piece.kind)
        texts += [joined([piece.text for piece in run]) for _, run in runs]
    return "\n\n".join(text for text in texts if text)
