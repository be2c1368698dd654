"""The completions of a record: which fields hold the model's text, thought and answer brought together."""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from mechcot.core.errors import UserError
from mechcot.text.chain_and_answer import CompletionParts, divide
from mechcot.text.completion_columns import (
    Column,
    hidden_thoughts,
    or_solution,
    text_columns,
    thought_columns,
)
from mechcot.text.field_names import CHATS, WRITTEN, reference_of
from mechcot.text.message_parts import Kind, NoChain, Piece, ink_of, joined, plain_name
from mechcot.text.responses import Attempt, attempts, check_answered, was_cut, withheld
from mechcot.text.think_tags import ThoughtTags

_SEVERAL_THOUGHTS = re.compile(r"(?:reasonings|cots|chains_of_thoughts?|traces|trajectories)$")
_EMPTY = (
    "reasoning", "reasoning_content", "thinking", "completion", "text", "response", "output", "generation",
)  # fmt: skip


def completions_of(
    flat: Mapping[str, Any],
    given: Mapping[str, Any],
    question: str,
    *,
    where: str,
    tags: ThoughtTags | None,
) -> tuple[list[CompletionParts], set[str]]:
    """The completions of a record, and the fields they stand in."""
    completions, taken = _attempts(flat, given, question, where=where, tags=tags)
    cut, counted = was_cut(flat), withheld(flat)
    hidden = [] if "chain" in taken else hidden_thoughts(flat, where=where)
    whole = (
        replace(completion, turns=(*counted, *hidden, *completion.turns), cut=completion.cut or cut)
        for completion in completions
    )
    return [divide(completion, tags=tags, where=where) for completion in whole], taken


def _attempts(
    flat: Mapping[str, Any],
    given: Mapping[str, Any],
    question: str,
    *,
    where: str,
    tags: ThoughtTags | None,
) -> tuple[list[Attempt], set[str]]:
    said = _said(flat, given, where=where)
    value = given.get("chain", flat.get("chain"))
    if value is not None:
        kind = Kind.SAID if "chain" in given and not said else Kind.THOUGHT
        empty = [Attempt(((Piece(kind, ""),),))]
        completions = [] if value == "" else attempts(value, where=where, kind=kind)
        return [
            _then(_as_thought(completion, Kind.SUMMARY), said)
            for completion in completions or empty
        ], {"chain"}
    thought = thought_columns(flat, question, where=where, tags=tags)
    if thought is not None and said and thought.text.strip():
        return [_then(completion, said) for completion in _merged(thought)], {thought.name}
    text = text_columns(flat, question, where=where, tags=tags)
    if thought is not None and text is None:
        return [_then(completion, said) for completion in _beside(thought, None, where=where)], {
            thought.name
        }
    if thought is not None and thought.text.strip():
        return _beside(thought, text, where=where), {thought.name, text.name if text else ""}
    text = or_solution(text, flat, where=where, tags=tags)
    if text is None:
        return [_nothing(flat, where=where)], set()
    completions = [_behind_prompt(completion, flat.get("prompt")) for completion in text.attempts]
    after = next((end for key in ("answer_text", "final") if (end := _as_text(flat.get(key)))), "")
    if after:
        completions = [
            _then(_as_thought(completion, Kind.SAID), after) for completion in completions
        ]
    return completions, {text.name}


def _said(flat: Mapping[str, Any], given: Mapping[str, Any], *, where: str) -> str:
    """The text behind a thought: a field that says so, or an `answer` that is not the reference."""
    value = given.get("answer_text")
    if value is None:
        value = next((flat[key] for key in WRITTEN if _as_text(flat.get(key))), None)
    if value is None and "answer" not in given and flat.get("answer") is not None:
        _, column = reference_of(flat, where=where)
        value = flat["answer"] if column != "answer" else None
    return _as_text(value)


def _as_text(value: Any) -> str:
    """An answer as text; "" for what is none."""
    if isinstance(value, str):
        return value if says(value) else ""
    return str(value) if isinstance(value, (int, float)) else ""


def _then(attempt: Attempt, said: str) -> Attempt:
    """A completion with something said behind it."""
    *earlier, last = attempt.turns or ((),)
    return replace(attempt, turns=(*earlier, (*last, *([Piece(Kind.SAID, said)] if said else []))))


def _as_thought(attempt: Attempt, kind: Kind) -> Attempt:
    """A completion of which pieces of one kind are taken for the thought, because the user or another field says so."""
    turns = (
        tuple(replace(p, kind=Kind.THOUGHT) if p.kind is kind else p for p in turn)
        for turn in attempt.turns
    )
    return replace(attempt, turns=tuple(turns))


def _merged(thought: Column) -> list[Attempt]:
    """The texts of a list as one thought."""
    if len(thought.attempts) == 1:
        return list(thought.attempts)
    turns = tuple(turn for completion in thought.attempts for turn in completion.turns)
    texts = joined([piece.text for turn in turns for piece in turn if piece.kind is Kind.THOUGHT])
    others = tuple(piece for turn in turns for piece in turn if piece.kind is not Kind.THOUGHT)
    return [Attempt(((*others, Piece(Kind.THOUGHT, texts)),))]


def _beside(thought: Column, text: Column | None, *, where: str) -> list[Attempt]:
    """Thoughts with the texts that were said behind them.

    Raises:
        UserError: Their numbers differ, or the text holds another thought.
    """
    if text is None:
        several = _SEVERAL_THOUGHTS.search(plain_name(thought.name))
        return list(thought.attempts) if several else _merged(thought)
    thoughts = _merged(thought) if len(text.attempts) == 1 else list(thought.attempts)
    if len(thoughts) != len(text.attempts):
        raise UserError(
            f"{where}: {thought.name!r} holds {len(thoughts)} thoughts and {text.name!r} {len(text.attempts)} texts; expected as many"
        )
    merged = []
    for thinking, said in zip(thoughts, text.attempts, strict=True):
        inner = ink_of(said.pieces, Kind.THOUGHT)
        if inner and inner != ink_of(thinking.pieces, Kind.THOUGHT):
            raise UserError(
                f"{where}: {thought.name!r} and the thought in {text.name!r} differ; name the one with `--field chain=PATH`"
            )
        whole = (
            *thinking.pieces,
            *(piece for piece in said.pieces if piece.kind is not Kind.THOUGHT),
        )
        merged.append(Attempt((whole,), cut=thinking.cut or said.cut))
    return merged


def _behind_prompt(attempt: Attempt, prompt: Any) -> Attempt:
    """A completion without the prompt that its text begins with."""
    turns = attempt.turns
    if not isinstance(prompt, str) or not prompt.strip() or not turns or not turns[0]:
        return attempt
    first = turns[0][0]
    behind = replace(first, text=first.text.removeprefix(prompt))
    return replace(attempt, turns=((behind, *turns[0][1:]), *turns[1:]))


def _nothing(flat: Mapping[str, Any], *, where: str) -> Attempt:
    """An empty completion, where a field for it is there and empty.

    Raises:
        NoChain: The record says that its request failed, or the field is null.
        UserError: There is no field for it.
    """
    check_answered(flat, where=where)
    if any(isinstance(flat.get(key), list) for key in CHATS):
        raise NoChain(f"{where}: no assistant message after the last user message")
    null = next((key for key in ("chain", *_EMPTY) if key in flat and flat[key] is None), None)
    if null is not None:
        raise NoChain(
            f"{where}: no chain: {null!r} is null; if another column holds it, name it with `--field chain=COLUMN`"
        )
    raise UserError(
        f"{where}: no chain: expected one of chain, {', '.join(_EMPTY)}, solution or messages; "
        f"found {sorted(map(str, flat))}; name it with `--field chain=COLUMN`"
    )


def says(value: Any) -> bool:
    """True for a text that is more than white space."""
    return isinstance(value, str) and bool(value.strip())
