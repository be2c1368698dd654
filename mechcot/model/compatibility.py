"""Conditions under which two models may be compared on the same tokens.

Two tokenizers are compatible when the ids that *occur* mean the same strings: Qwen2.5-Math and its R1
distill differ only in special and padded rows. So nothing is asked of ids that no trace uses.
The chain's ids are what a same-token number is about and are never changed; prompt and
answer, where the special tokens stand, are encoded again by each reader from the same text when
their ids mean something else to it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from mechcot.core.errors import NotMeasurable, UserError
from mechcot.core.trace import Phase, Span, Trace
from mechcot.model.interface import TextReader
from mechcot.model.internals.self_test import backbone_of
from mechcot.model.loading.embedding_rows import check_ids
from mechcot.model.soft.tokens import remarked, soft_of

OWN_CHAINS = (
    "They cannot be compared on the same tokens: compare checkpoints that share a tokenizer, or let each model "
    "write and read its own chains with --author own (those numbers follow chain length)."
)


def differing_ids(before: Any, after: Any, ids: Iterable[int]) -> list[tuple[int, str, str]]:
    """The ids among `ids` that mean different strings to two tokenizers.

    Returns:
        In rising order: the id, its string to the first, its string to the second.
    """
    used = sorted(set(ids))
    left = [before.decode([token]) for token in used]
    right = [after.decode([token]) for token in used]
    return [
        (token, mine, theirs)
        for token, mine, theirs in zip(used, left, right, strict=True)
        if mine != theirs
    ]


def check_tokenizers(before: TextReader, after: TextReader, traces: Sequence[Trace]) -> None:
    """Make sure that every chain means the same to both models.

    Raises:
        UserError: Some id in a chain means another string to the second model, or is not in its vocabulary.
    """
    used: set[int] = set()
    for trace in traces:
        chain = trace.phase(Phase.CHAIN)
        used.update(trace.ids[chain.start : chain.stop])
    common = common_vocabulary(before, after)
    outside = sorted(token for token in used if token >= common)
    if outside:
        raise UserError(
            f"{before.name} and {after.name}: token {outside[0]} of the chains is outside the {common} tokens that "
            f"both models know. {OWN_CHAINS}"
        )
    differing = differing_ids(before.tokenizer, after.tokenizer, used)
    if differing:
        token, mine, theirs = differing[0]
        raise UserError(
            f"{before.name} and {after.name} have different tokenizers: {len(differing)} of the {len(used)} tokens that "
            f"occur differ, for example id {token} is {mine!r} to the first and {theirs!r} to the second. {OWN_CHAINS}"
        )


def check_questions(before: TextReader, after: TextReader, questions: Sequence[str]) -> None:
    """Find two quite different tokenizers before any chain is written: most tokens of the questions differ.

    Raises:
        UserError: More than half of the tokens mean another string to the second model.
    """
    used = {token for question in questions for token in before.encode(question)}
    known = [token for token in used if token < common_vocabulary(before, after)]
    differing = differing_ids(before.tokenizer, after.tokenizer, known)
    if 2 * (len(differing) + len(used) - len(known)) > len(used):
        raise UserError(
            f"{before.name} and {after.name} have different tokenizers: most tokens of the questions differ. {OWN_CHAINS}"
        )


def check_soft(before: TextReader, after: TextReader) -> None:
    """Make sure that two models have as many soft tokens, so that a place in the text of one is the same place for the other.

    Raises:
        NotMeasurable: They do not.
    """
    places = [
        0 if soft is None else soft.places for soft in map(soft_of, (before.model, after.model))
    ]
    if places[0] != places[1]:
        raise NotMeasurable(
            f"{before.name} has {places[0]} soft tokens before its chain and {after.name} {places[1]}: the two do not share their tokens"
        )


def refuse_soft(before: TextReader, after: TextReader) -> None:
    """`check_soft` for a command that can do nothing else.

    Raises:
        UserError: The two have not as many soft tokens.
    """
    try:
        check_soft(before, after)
    except NotMeasurable as reason:
        raise UserError(
            f"{reason}; give two models that differ in their weights (mechcot softcot eval says what soft tokens do)"
        ) from None


def check_shapes(before: TextReader, after: TextReader) -> None:
    """Make sure that two models have as many blocks, the same width, the same vocabulary and as many soft tokens.

    Raises:
        NotMeasurable: They do not; states and tokens of one mean nothing to the other.
    """
    check_soft(before, after)
    shapes = [
        (backbone.n_layers, backbone.d_model, model.n_vocabulary)
        for model in (before, after)
        for backbone in [backbone_of(model.model)]
    ]
    if shapes[0] != shapes[1]:
        raise NotMeasurable(
            "not two checkpoints of one architecture: (blocks, width, vocabulary) are "
            f"{shapes[0]} for {before.name} and {shapes[1]} for {after.name}"
        )


def common_vocabulary(before: TextReader, after: TextReader) -> int:
    """Number of rows of the unembedding that both models have: compare distributions over these."""
    return min(before.n_vocabulary, after.n_vocabulary)


def view(reader: TextReader, trace: Trace) -> Trace:
    """See `Reasoner.view`."""
    seen = _reread(reader, trace)
    if len(seen) > reader.max_length:
        raise NotMeasurable(
            f"the trace has {len(seen)} tokens, the context of {reader.name} is {reader.max_length}"
        )
    check_ids(reader, seen.ids)
    return seen


def _reread(reader: TextReader, trace: Trace) -> Trace:
    """The trace with the prompt and the answer as `reader` encodes them; the chain's ids stay."""
    chain, answer = trace.phase(Phase.CHAIN), trace.phase(Phase.ANSWER)
    prompt = _prompt(reader, trace)
    if prompt == trace.prompt and _spells(reader, trace):
        return trace
    head = tuple(trace.ids[: chain.start])
    if prompt != trace.prompt or not _means(reader, (), head, trace.prompt):
        head = tuple(reader.encode(prompt))
    chain_ids = trace.ids[chain.start : chain.stop]
    tail = trace.ids[answer.start :]
    if any(token >= reader.n_vocabulary for token in chain_ids):
        raise _different(reader, trace)
    if _means(reader, head, (*chain_ids, *tail), trace.completion):
        return _rebuild(trace, prompt, head, tail)
    spelled = reader.continuation(head, chain_ids)
    if spelled.strip() != trace.chain_text.strip() and reader.continue_ids(
        trace.chain_text
    ) != list(chain_ids):
        raise _different(reader, trace)
    behind = trace.completion[len(spelled) :]
    if not trace.completion.startswith(spelled):
        behind = trace.completion[len(trace.chain_text) :]
    if not _means(reader, (*head, *chain_ids), tail, behind):
        tail = tuple(reader.continue_ids(behind))
    return _rebuild(trace, prompt, head, tail)


def _different(reader: TextReader, trace: Trace) -> UserError:
    return UserError(
        f"trace {trace.id}: the chain's tokens, written by {trace.author}, mean another text to {reader.name}: "
        f"their tokenizers differ. {OWN_CHAINS}"
    )


def _prompt(reader: TextReader, trace: Trace) -> str:
    """The text before the chain: the trace's, or this reader's own, inside a thought if the trace's is."""
    if reader.policy.mode == "shared" or reader.policy.owner == trace.author:
        return remarked(reader.tokenizer, trace.prompt, reader.policy.render(trace.problem))
    own = reader.render(trace.problem)
    tags = reader.policy.tags
    if tags and reader.policy.opens_thought(trace.prompt) and not reader.policy.opens_thought(own):
        opening = reader.policy.opening or tags.open
        spaced = trace.completion[:1].isspace()
        return own + (opening.rstrip() if spaced else opening)
    return own


def _spells(reader: TextReader, trace: Trace) -> bool:
    """Return whether the ids are what this reader makes of the whole text."""
    known = all(token < reader.n_vocabulary for token in trace.ids)
    return known and reader.encode(trace.prompt + trace.completion) == list(trace.ids)


def _means(reader: TextReader, before: Sequence[int], ids: Sequence[int], text: str) -> bool:
    """Return whether `ids` behind `before` spell `text` to this reader, white space at the ends aside.

    Some tokenizers put white space into what they encode, so ids also spell a text when they decode to what its own ids do.
    """
    if any(token >= reader.n_vocabulary for token in ids):
        return False
    spelled = reader.continuation(before, ids).strip()
    if spelled == text.strip():
        return True
    own = reader.continue_ids(text) if before else reader.encode(text)
    return spelled == reader.continuation(before, own).strip()


def _rebuild(trace: Trace, prompt: str, head: Sequence[int], tail: Sequence[int]) -> Trace:
    """The trace with another prompt and another answer phase; the chain's steps are shifted."""
    chain, answer = trace.phase(Phase.CHAIN), trace.phase(Phase.ANSWER)
    if tuple(head) == trace.ids[: chain.start] and tuple(tail) == trace.ids[answer.start :]:
        return trace if prompt == trace.prompt else replace(trace, prompt=prompt)
    shift = len(head) - chain.start
    steps = []
    for step in trace.steps:
        tokens = Span(step.tokens.start + shift, step.tokens.stop + shift)
        if step.phase is Phase.ANSWER:
            tokens = Span(tokens.start, tokens.start + len(tail))
        steps.append(replace(step, tokens=tokens))
    return replace(
        trace,
        prompt=prompt,
        ids=(*head, *trace.ids[chain.start : chain.stop], *tail),
        prompt_length=len(head),
        steps=tuple(steps),
    )
