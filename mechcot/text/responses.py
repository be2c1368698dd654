"""The completions that a response, a column or a chat holds, as pieces of text.

`choices`, `candidates`, vLLM's `outputs` and lists of texts are several; `response.body`, `result.message`, `output.message` are
looked into. `mechcot.text.chain_and_answer` divides each completion.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from mechcot.core.errors import UserError
from mechcot.text.message_parts import (
    Kind,
    NoChain,
    Piece,
    first_of,
    ink,
    message_pieces,
    names_thought,
    plain_name,
)

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
            return [Attempt((tuple(message_pieces(value, where=where, kind=kind)),))]
        return [attempt for part in value for attempt in attempts(part, where=where, kind=kind)]
    parts = tuple(message_pieces(value, where=where, kind=kind))
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
    return tuple(message_pieces(turn, where=where))


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
        own = tuple(message_pieces(value, where=where, kind=kind))
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
