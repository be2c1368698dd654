r"""The completions that a response, a column or a chat holds, each divided into chain and answer.

    attempts   a value as it came -> one list of pieces a completion: `choices`, `candidates`, vLLM's `outputs`, lists of
               texts are several; `response.body`, `result.message`, `output.message` are looked into
    divide     the pieces of one completion -> chain, answer, and what is known of the thought's marks

A completion whose thought stands in a field of its own is divided there; else at the marks that the text shows
(`mechcot.text.think_tags`); a text without marks is plain: all of it is the chain.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any

from mechcot.core.errors import UserError
from mechcot.text.message import (
    Kind,
    NoChain,
    Piece,
    first_of,
    ink,
    joined,
    names_thought,
    pieces,
    plain_name,
)
from mechcot.text.think_tags import Thought, ThoughtTags, find_thought, partners, tags_in

_SEVERAL = ("choices", "candidates", "generations", "outputs")
_WITHIN = ("response", "body", "result", "message", "output")
_FINISH = ("finish_reason", "stop_reason", "done_reason", "stop_type")
_CUT = frozenset({
    "length", "max_tokens", "max_output_tokens", "model_length", "max_length", "token_limit", "incomplete", "limit",
    "model_context_window_exceeded",
})  # fmt: skip
ASSISTANTS = frozenset(
    {"assistant", "gpt", "model", "ai", "bot", "chatbot", "chatgpt", "llm", "message"}
)
USERS = frozenset({"user", "human"})
_COUNTS = frozenset({"reasoning_tokens", "thoughts_token_count"})


@dataclass(frozen=True)
class Attempt:
    """One completion.

    Attributes:
        turns: The pieces of each message of it.
        cut: Whether the source says that a token limit ended it.
    """

    turns: tuple[tuple[Piece, ...], ...]
    cut: bool = False

    @property
    def pieces(self) -> tuple[Piece, ...]:
        """The pieces of all messages."""
        return tuple(piece for turn in self.turns for piece in turn)

    @property
    def ink(self) -> str:
        """All that can be read of it, without white space."""
        return ink("".join(p.text for p in self.pieces if p.kind in {Kind.SAID, Kind.THOUGHT}))


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


def attempts(value: Any, *, where: str, kind: Kind = Kind.SAID) -> list[Attempt]:
    """The completions in a value.

    Raises:
        NoChain: The value says that its request failed, or a tool is called.
        UserError: Two different thoughts stand in one message.
    """
    if isinstance(value, Mapping):
        return _of_response(value, where=where, kind=kind)
    if isinstance(value, Sequence) and not isinstance(value, str):
        if _log_likelihoods(value):
            raise NoChain(
                f"{where}: log-likelihoods of given answers; the model wrote no text here"
            )
        parts = [part for part in value if isinstance(part, Mapping)]
        if (
            kind is Kind.SAID
            and len(parts) == len(value)
            and any(part.get("role") or part.get("from") for part in parts)
        ):
            completion = answer_turns(value, "messages", where=where)
            return [] if completion is None else [completion]
        if any(part.keys() & {"type", "role"} for part in parts):
            return [Attempt((tuple(pieces(value, where=where, kind=kind)),))]
        return [attempt for part in value for attempt in attempts(part, where=where, kind=kind)]
    parts = tuple(pieces(value, where=where, kind=kind))
    return [Attempt((parts,))] if parts or value == "" else []


def role_of(turn: Mapping[str, Any]) -> str:
    """The speaker of a message, in small letters: `role`, `from`, or the type of LangChain's messages."""
    return (first_of(turn, ("role", "from", "type"), str) or "").strip().lower()


def answer_turns(value: Any, name: str, *, where: str) -> Attempt | None:
    """The model's messages after the last user message of a chat; None where there are none.

    Raises:
        NoChain: Another speaker stands inside the answer.
        UserError: The value is no list of messages.
    """
    if not isinstance(value, list) or not all(isinstance(turn, Mapping) for turn in value):
        raise UserError(f"{where}: {name!r} must be a list of objects with role and content")
    turns = []
    for turn in value:
        role = role_of(turn)
        if role in USERS:
            turns = []
        elif role in ASSISTANTS or names_thought(role):
            turns.append(_turn(turn, where=where))
        elif turns:
            raise NoChain(
                f"{where}: a message by {role!r} stands inside the answer; expected a chain that the model wrote alone"
            )
    return Attempt(tuple(turns)) if turns else None


def _turn(turn: Mapping[str, Any], *, where: str) -> tuple[Piece, ...]:
    content = turn.get("content")
    if content is not None and not isinstance(content, (str, list, Mapping)):
        raise UserError(
            f"{where}: a message's content must be text or a list of parts, got {type(content).__name__}"
        )
    return tuple(pieces(turn, where=where))


def _log_likelihoods(value: Sequence[Any]) -> bool:
    """Return whether a list is a harness's pair of a log-likelihood and whether it is greedy's: `["-1.5", "False"]`."""
    return len(value) == 2 and str(value[1]) in {"True", "False"} and not isinstance(value[0], (list, Mapping))  # fmt: skip


def _of_response(value: Mapping[str, Any], *, where: str, kind: Kind) -> list[Attempt]:
    check_answered(value, where=where)
    several = first_of(value, _SEVERAL, list)
    within = first_of(value, _WITHIN, (Mapping, list))
    if several is not None and any(isinstance(part, Mapping) for part in several):
        completions = [
            attempt for part in several for attempt in attempts(part, where=where, kind=kind)
        ]
    elif within is not None:
        completions = attempts(within, where=where, kind=kind)
    else:
        own = tuple(pieces(value, where=where, kind=kind))
        completions = [Attempt((own,))] if own else []
    cut = was_cut(value)
    return [
        replace(attempt, cut=attempt.cut or cut, turns=(*withheld(value), *attempt.turns))
        for attempt in completions
    ]


def withheld(value: Mapping[str, Any]) -> list[tuple[Piece, ...]]:
    """A turn that stands for a thought of which a response gives only the number of tokens."""
    counted = _counted(value.get("usage") or value.get("usageMetadata"))
    return [(Piece(Kind.WITHHELD, ""),)] if counted else []


def check_answered(value: Mapping[str, Any], *, where: str) -> None:
    """See that a response is none of a request that failed.

    Raises:
        NoChain: It is.
    """
    body = value.get("body")
    error = value.get("error") or (body.get("error") if isinstance(body, Mapping) else None)
    status = value.get("status_code")
    failed = value.get("type") in ("errored", "canceled", "expired", "error")
    if error or failed or (isinstance(status, int) and status >= 400):
        reason = error if isinstance(error, str) else value.get("type") or status or "error"
        if isinstance(error, Mapping):
            reason = error.get("message") or error.get("code") or error.get("type") or reason
        raise NoChain(f"{where}: the request failed ({str(reason)[:120]}), so there is no chain")


def was_cut(value: Mapping[str, Any]) -> bool:
    """Return whether a response, a choice or a row says that a token limit ended the text."""
    named = {plain_name(key): inner for key, inner in value.items()}
    reasons = (named.get(key) for key in (*_FINISH, "status"))
    if named.get("truncated") is True or named.get("is_truncated") is True:
        return True
    return any(isinstance(reason, str) and plain_name(reason) in _CUT for reason in reasons)


def _counted(usage: Any, depth: int = 0) -> bool:
    """Return whether a count of used tokens holds tokens of a thought."""
    if not isinstance(usage, Mapping) or depth > 3:
        return False
    return any(
        (plain_name(key) in _COUNTS and isinstance(n, int) and n > 0) or _counted(n, depth + 1)
        for key, n in usage.items()
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
            f"if they are, say --think '{unknown.open}' '{unknown.close}', and if the text is plain, --think '<think>' '</think>'"
        )
    return parts


_BRACKETED = re.compile(r"\s*(?P<mark><(?P<name>[A-Za-z|][^<>/\n]{0,40})>)")
_NO_MARKS = frozenset({
    "answer", "solution", "step", "steps", "output", "response", "final", "result", "p", "div", "span", "b", "i", "u",
    "em", "strong", "code", "pre", "br", "ul", "ol", "li", "table", "tr", "td", "th", "h1", "h2", "h3", "h4", "h5",
    "h6", "a", "html", "body", "math", "latex", "s", "sub", "sup", "details", "summary", "blockquote", "question",
    "problem",
})  # fmt: skip


def _unknown_marks(text: str) -> ThoughtTags | None:
    """The pair that wraps the beginning of a text, when it is neither a known mark nor markup."""
    match = _BRACKETED.match(text)
    if match is None or plain_name(match["name"]) in _NO_MARKS or text.count(match["mark"]) > 1:
        return None
    close = next((partner for partner in partners(match["mark"]) if partner in text), None)
    if close is None or not text.partition(close)[2].strip():
        return None
    return ThoughtTags(match["mark"], close)


_ENDS = re.compile(
    r"(?:\s*(?:<\|(?:return|im_end|eot_id|endoftext|end_of_text|end)\|>|</s>|<eos>|<end_of_turn>|<\uff5cend\u2581of\u2581sentence\uff5c>))+\s*\Z"
)
_SOLUTION = re.compile(
    r"\s*<\|begin_of_(solution|answer)\|>\s*(?P<inner>.*?)\s*(?:<\|end_of_\1\|>\s*)?\Z", re.DOTALL
)


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
