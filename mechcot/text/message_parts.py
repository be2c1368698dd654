r"""Split of a message into thought, answer, summary and sealed parts.

APIs, chat logs and harnesses name a thought in many ways. One walk over the shape of a message, whoever wrote it,
gives pieces of text in order, each of one kind. The names on the way to a text tell its kind, and the strongest counts:

    said      any text of the message: `content`, `text`, parts of type `text` or `output_text`
    thought   a key, a `type` or a channel that speaks of reasoning, thinking, thoughts: `reasoning_content`, `thinking`,
              `reasoningContent.reasoningText.text`, `{"type": "reasoning.text"}`, `{"text", "thought": true}`
    summary   in a thought, what is called a summary: `{"type": "summary_text"}`, `summary`
    sealed    what is called encrypted or redacted: `redacted_thinking`, `encrypted_content`, `"redacted": true`

One text under two names (`reasoning` beside `reasoning_details`) counts once; two different thoughts in one place are
refused. A sealed thought is no text and a summary is not the thought: such a message has no chain.
Sources: the response formats of OpenAI (chat, Responses), Anthropic, Gemini, Bedrock, Mistral, Ollama, OpenRouter,
LiteLLM, LangChain and Inspect.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from mechcot.core.errors import UserError


class NoChain(UserError):  # noqa: N818 - names a state of a record
    """A line that holds no chain that can be read, though its file is whole; a loader leaves it out and counts it."""


class Kind(IntEnum):
    """Role of a text in a message; of several on one way the greatest counts."""

    SAID = 0
    WITHHELD = 1
    THOUGHT = 2
    SUMMARY = 3
    SEALED = 4


@dataclass(frozen=True)
class Piece:
    """A stretch of a message.

    Attributes:
        kind: What it is; `WITHHELD` stands for a thought that a signature or a count of tokens speaks of.
        text: The text; of a sealed piece whatever stands there.
    """

    kind: Kind
    text: str


_NOUN = r"(?:reasonings?|thinking|thoughts?|cots?|chains?_of_thoughts?|scratchpad|monologue)"
_TAIL = r"(?:content|text|traces?|trajectory|trajectories|process|chain|steps|details|blocks?|output|parts?)"
_THOUGHT_KEY = re.compile(rf"(?:[a-z0-9]+_)*?{_NOUN}(?:_{_TAIL})*")
_THOUGHT_TYPE = re.compile(rf"(?:^|_)(?:{_NOUN}|analysis)(?:_|$)")
_SUMMARY = re.compile(r"(?:^|_)summar(?:y|ies)(?:_|$)")
_SEALED = re.compile(r"redacted|encrypted|cipher")
_SIGNATURE = re.compile(r"(?:[a-z0-9]+_)*signature")
_TEXTS = (
    "content", "text", "output_text", "parts", "value", "generated_text", "response", "refusal",
)  # fmt: skip
_IN_A_MESSAGE = frozenset({"analysis", "rationale"})
_IN_A_THOUGHT = frozenset({"steps", "trace", "raw", "raw_content", "chain"})
_BLOB = re.compile(r"(?=.*[A-Z])(?=.*[a-z])(?=.*[0-9+/=_-])[A-Za-z0-9+/_-]{20,}={0,2}")
_HOLDERS = ("additional_kwargs", "provider_specific_fields", "model_extra")
_TOOL = re.compile(r"tool|function|_call$|executable_code|code_execution")
_NO_TEXT = re.compile(r"image|audio|video|file|document")
_LONGEST_NAME = 100
_SETTINGS = frozenset({"effort", "budget_tokens", "max_tokens", "enabled"})


def plain_name(name: str) -> str:
    """A name in small letters with underscores: `reasoningText` and `reasoning.text` are `reasoning_text`."""
    parted = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name[:_LONGEST_NAME])
    return re.sub(r"[^a-z0-9]+", "_", parted.lower()).strip("_")


def names_thought(name: str) -> bool:
    """Return whether a field of this name holds a thought."""
    return bool(_THOUGHT_KEY.fullmatch(plain_name(name)))


def hides_thought(name: str) -> Kind | None:
    """The kind of text that a field of this name holds instead of a thought: a summary, or a sealed one; None for any other field."""
    plain = plain_name(name)
    if not _THOUGHT_TYPE.search(plain) and plain != "encrypted_content":
        return None
    if _SEALED.search(plain):
        return Kind.SEALED
    return Kind.SUMMARY if _SUMMARY.search(plain) else None


def first_of(record: Mapping[str, Any], names: Iterable[str], kind: type | tuple[type, ...]) -> Any:
    """The value under the first of some names that is of a type; None where none is."""
    return next((record[name] for name in names if isinstance(record.get(name), kind)), None)


def ink(text: str) -> str:
    """A text without its white space: what two spellings of one text share."""
    return "".join(text.split())


def ink_of(pieces: Iterable[Piece], *kinds: Kind) -> str:
    """The ink of the pieces of some kinds."""
    return ink("".join(piece.text for piece in pieces if piece.kind in kinds))


def joined(texts: Sequence[str]) -> str:
    """Parts of one text as one; a blank line goes where a sentence ends and nothing parts it from the next."""
    whole = ""
    for text in texts:
        parted = not whole or whole[-1].isspace() or text[:1].isspace() or whole[-1] not in '.!?:;"'
        whole += text if parted else f"\n\n{text}"
    return whole


def message_pieces(value: Any, *, where: str, kind: Kind = Kind.SAID) -> list[Piece]:
    """The pieces of a message, of a part of one, or of a list of them, in order.

    Raises:
        NoChain: A tool is called, or something in it is no text.
        UserError: Two different thoughts, or two different texts, stand in one place.
    """
    if isinstance(value, str):
        blob = kind is Kind.THOUGHT and _BLOB.fullmatch(value.strip())  # an encrypted text
        return [Piece(Kind.SEALED if blob else kind, value)] if value else []
    if isinstance(value, Mapping):
        return _of_mapping(value, where=where, kind=kind)
    if isinstance(value, Sequence):
        return [piece for part in value for piece in message_pieces(part, where=where, kind=kind)]
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return [Piece(kind, str(value))]
    return []


def _of_mapping(value: Mapping[str, Any], *, where: str, kind: Kind) -> list[Piece]:
    kind = max(kind, _kind_of(value, where=where))
    if value.keys() & _SETTINGS and not value.keys() & {*_TEXTS}:
        return []  # what the request asked for: {"effort": "high", "summary": "auto"}
    fields: dict[str, list[Piece]] = {}
    for key, inner in sorted(value.items(), key=lambda item: plain_name(item[0]) in _TEXTS):
        field = _kind_of_field(plain_name(key), kind)
        parts = [] if field is None else message_pieces(inner, where=where, kind=max(kind, field))
        if parts:
            fields[key] = parts
    parts = _once(fields, where=where)
    if not any(piece.kind >= Kind.THOUGHT for piece in parts) and _signed(value):
        parts = [Piece(Kind.WITHHELD, ""), *parts]
    return parts


def _kind_of(value: Mapping[str, Any], *, where: str) -> Kind:
    """The kind of a part's texts, by its type, its flags and its channel."""
    name = plain_name(first_of(value, ("type", "part_kind"), str) or "")
    if value.get("redacted") is True or value.get("encrypted") is True or _SEALED.search(name):
        return Kind.SEALED
    if _TOOL.search(name):
        raise NoChain(
            f"{where}: a part of the message is {name!r}; expected a chain that the model wrote alone, without tools"
        )
    if _NO_TEXT.search(name):
        raise NoChain(
            f"{where}: a part of the message is {name!r}, which is no text; expected text alone"
        )
    if _SUMMARY.search(name):
        return Kind.SUMMARY
    flagged = value.get("thought") is True or value.get("is_thought") is True
    named = (name, *(str(value.get(key) or "") for key in ("channel", "role", "from")))
    if flagged or any(_THOUGHT_TYPE.search(plain_name(label)) for label in named):
        return Kind.THOUGHT
    return Kind.SAID


def _kind_of_field(name: str, kind: Kind) -> Kind | None:
    """The kind of text under a key in a part of some kind; None for what is no text of the message."""
    if _SEALED.search(name):
        return Kind.SEALED
    if _SUMMARY.search(name):
        thought = kind >= Kind.THOUGHT or _THOUGHT_TYPE.search(name)
        return Kind.SUMMARY if thought else None
    if _THOUGHT_KEY.fullmatch(name) or name in _IN_A_MESSAGE:
        return Kind.THOUGHT
    if kind is Kind.THOUGHT and name in _IN_A_THOUGHT:
        return kind
    if name in _TEXTS or name in _HOLDERS or (name == "data" and kind is Kind.SEALED):
        return kind
    return None


def _signed(value: Mapping[str, Any]) -> bool:
    return any(
        _SIGNATURE.fullmatch(plain_name(key)) and isinstance(inner, str) and inner
        for key, inner in value.items()
    )


def _once(fields: Mapping[str, list[Piece]], *, where: str) -> list[Piece]:
    """The pieces of all fields, one text under two names once; a thought that equals the summary is the summary."""
    every = [piece for parts in fields.values() for piece in parts]
    summary = ink_of(every, Kind.SUMMARY)
    kept: list[Piece] = []
    seen: dict[Kind, tuple[str, str]] = {}
    for key, parts in fields.items():
        for kind in Kind:
            own = ink_of(parts, kind)
            if not own:
                continue
            name, before = seen.get(kind, (key, ""))
            if own == before or (kind is Kind.THOUGHT and own == summary):
                parts = [piece for piece in parts if piece.kind is not kind]
            elif before and kind in {Kind.THOUGHT, Kind.SAID}:
                what = "thoughts" if kind is Kind.THOUGHT else "texts"
                raise UserError(
                    f"{where}: two {what} in one message, {name!r} and {key!r} differ; name the one with `--field chain=PATH`"
                )
            else:
                seen[kind] = (key, own)
        kept += parts
    return kept
