"""Read a completion into a trace: steps with exact character and token spans.

Algorithm.

1. Find the thought by its marks (`mechcot.text.think_tags`). An opening mark that the model wrote joins the
   prompt; what follows the closed thought, closing mark included, is one last step of phase
   `answer`. Without any mark the chain is all but the pieces from the one that states the answer on.
2. Cut the chain into pieces (`mechcot.text.segment`) and name their kinds.
3. Find where each token begins, by the *generated ids*, never by encoding again: offsets when the
   encoding of the text happens to be these ids, else incremental decoding.
4. A token belongs to the step of its first character that is not white space; a token of white space
   alone to the step of its first character.

Token spans partition the completion's tokens; a step may own none. Source of the incremental decoding:
the scheme of vLLM's detokenizer (two offsets, wait while a character is incomplete).
"""

from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any, Protocol, runtime_checkable

from mechcot.core.errors import NotMeasurable
from mechcot.core.problem import Completion
from mechcot.core.trace import Answer, Phase, Span, Step, StepKind, Trace
from mechcot.text.answers import Otherwise, find_answer, read_answer
from mechcot.text.learned_step_kinds import learned
from mechcot.text.segment import Segmenter, segmenter as named_segmenter
from mechcot.text.step_kinds import Classifier
from mechcot.text.think_tags import THINK, Layout, Thought, ThoughtTags, find_thought, tags_in


@runtime_checkable
class Tokenizer(Protocol):
    """The two things that reading needs of a tokenizer; every fast Hugging Face one has them."""

    def __call__(
        self, text: str, *, return_offsets_mapping: bool, add_special_tokens: bool
    ) -> Mapping[str, Any]:
        """Encode: `input_ids`, and `offset_mapping` of half-open character spans."""
        ...

    def decode(self, token_ids: list[int]) -> str:
        """Decode, special tokens included."""
        ...


def read(
    completion: Completion,
    tokenizer: Tokenizer,
    *,
    segmenter: Segmenter | str = "sentence",
    classifier: Classifier | None = None,
    tags: ThoughtTags | None = None,
    family: str = "any",
    trace_id: str | None = None,
    after: str | None = None,
    otherwise: Otherwise = "closing",
) -> Trace:
    """Read a completion into a trace.

    Cost: one encoding of the text; with ids that are not the text's own encoding also one decoding per
    token (about 20 microseconds each).

    Args:
        completion: What was written, with its ids if they are known.
        tokenizer: Of the model that reads the trace.
        segmenter: A function from text to pieces, or the name of one of ours.
        classifier: Gives the kinds of the chain's steps; those of `mechcot.text.learned_step_kinds` by default.
        tags: The marks of the thought; None: those that the text shows.
        family: How the answer is stated, see `mechcot.text.answers.FAMILIES`.
        trace_id: The trace's id; by default problem id and author.
        after: What stands before an answer, see `mechcot.text.answers.find_answer`.
        otherwise: What to take where a finished text states no answer.

    Raises:
        NotMeasurable: The ids given do not spell the text given (bytes that are no character, for one).
        ValueError: Ids without a valid number of prompt ids.
        UserError: Unknown name of a segmenter or family.
    """
    cut = named_segmenter(segmenter) if isinstance(segmenter, str) else segmenter
    ids, prompt_length, begins = _tokens(completion, tokenizer)
    tags = tags or tags_in(completion.text) or THINK
    layout = find_thought(completion.prompt, completion.text, tags)
    opened = layout.chain.start  # characters of the completion that join the prompt
    text = completion.text[opened:]
    rules = _Rules(family, after, otherwise if completion.finished else "nothing")
    chain, rest, answer = _divide(text, layout, cut, tags, rules)
    kinds = (classifier or learned())(chain)
    begins = [begin - opened for begin in begins]
    in_prompt = bisect_right(begins, -1) if opened else 0
    phases = [(piece, kind, Phase.CHAIN) for piece, kind in zip(chain, kinds, strict=True)]
    own = begins[in_prompt:]
    if rest or (own and not chain):
        phases.append((rest, StepKind.CONCLUSION if rest.strip() else StepKind.OTHER, Phase.ANSWER))
    return Trace(
        id=trace_id or f"{completion.problem.id}/{completion.model}",
        problem=completion.problem,
        author=completion.model,
        prompt=completion.prompt + completion.text[:opened],
        completion=text,
        ids=ids,
        prompt_length=prompt_length + in_prompt,
        steps=_steps(phases, own, prompt_length + in_prompt),
        answer=answer,
        finished=completion.finished,
    )


@dataclass(frozen=True)
class _Rules:
    """Rules for reading answers, see `find_answer`."""

    family: str
    after: str | None
    otherwise: Otherwise


def _divide(
    text: str, layout: Layout, cut: Segmenter, tags: ThoughtTags, rules: _Rules
) -> tuple[list[str], str, Answer]:
    """Chain pieces, the text of the answer phase, and the answer."""
    kwargs: dict[str, Any] = asdict(rules)
    if layout.thought is not Thought.ABSENT:
        answer = read_answer(tags.open + text, tags=tags, **kwargs)
        size = len(layout.chain)
        if not text[:size].strip():  # an empty chain owns no step
            return [], text, answer
        return cut(text[:size]), text[size:], answer
    statement = find_answer(text, **kwargs)
    answer = Answer(None, "unread") if statement is None else Answer(statement.text, statement.how)
    chain = cut(text)
    if statement is None:
        return chain, "", answer
    first, start = before_statement(chain, statement.start)
    if statement.how in {"closing", "last_number"} and len(chain) < 2:
        return chain, "", answer
    return chain[:first], text[start:], answer


def before_statement(pieces: Sequence[str], at: int) -> tuple[int, int]:
    """Number of pieces before the one that opens the answer, and the start of that one.

    Args:
        pieces: A text in pieces.
        at: Where the statement of the answer begins in the text; the last piece that begins there or before opens it.
    """
    ends = [0]
    for piece in pieces:
        ends.append(ends[-1] + len(piece))
    first = min(bisect_right(ends, at) - 1, len(pieces) - 1)
    return first, ends[first]


def _steps(
    phases: Sequence[tuple[str, StepKind, Phase]], begins: Sequence[int], first: int
) -> tuple[Step, ...]:
    """Steps with token spans."""
    ends = [0]
    for text, _, _ in phases:
        ends.append(ends[-1] + len(text))
    owners = [min(max(bisect_right(ends, begin) - 1, 0), len(phases) - 1) for begin in begins]
    # bisect once more: the first token of each step; steps that own none get an empty span
    bounds = [bisect_right(owners, index - 1) + first for index in range(len(phases) + 1)]
    return tuple(
        Step(index, text, Span(*chars), Span(*tokens), kind, phase)
        for index, ((text, kind, phase), chars, tokens) in enumerate(
            zip(phases, pairwise(ends), pairwise(bounds), strict=True)
        )
    )


# --- tokens ---------------------------------------------------------------------------------------


def _tokens(completion: Completion, tokenizer: Tokenizer) -> tuple[tuple[int, ...], int, list[int]]:
    """All ids, the number of prompt tokens, and where each completion token begins in the completion.

    "Begins" is the first character of the token that is not white space (its first character if it
    is white space alone).
    """
    whole = completion.prompt + completion.text
    start = len(completion.prompt)
    encoded = _encoded(tokenizer, whole)
    ids = [int(i) for i in encoded["input_ids"]]
    begins = _from_offsets(whole, encoded["offset_mapping"])
    length = sum(begin < start for begin in begins)
    straddles = length > 0 and int(encoded["offset_mapping"][length - 1][1]) > start
    own = [begin - start for begin in begins[length:]]
    if completion.ids is None:
        apart = _apart(completion, tokenizer) if straddles else None
        return apart or (tuple(ids), length, own)
    given = [int(i) for i in completion.ids]
    known = completion.prompt_ids
    if known is None or not 0 <= known <= len(given):
        raise ValueError(
            f"completion of {completion.problem.id}: ids need a valid prompt_ids, got {known}"
        )
    extra = len(given) - known - len(own)  # special tokens at the end that the text does not show
    if not straddles and extra >= 0 and given[known : len(given) - extra] == ids[length:]:
        return tuple(given), known, own + [len(completion.text)] * extra
    context = given[max(0, known - 4) : known]
    return tuple(given), known, _from_decoding(completion, tokenizer.decode, context, given[known:])


def _encoded(tokenizer: Tokenizer, text: str) -> Any:
    """Token ids and offsets of a text.

    Raises:
        NotMeasurable: The vocabulary has no token for a part of it, and none for what it does not know.
    """
    try:
        return tokenizer(text, return_offsets_mapping=True, add_special_tokens=False)
    except Exception as error:  # a tokenizer's own, of no common kind
        raise NotMeasurable(f"the tokenizer cannot encode {text[-40:]!r}: {error}") from error


def _apart(
    completion: Completion, tokenizer: Tokenizer
) -> tuple[tuple[int, ...], int, list[int]] | None:
    """Prompt and completion encoded one by one, as generation does; None where this adds text."""
    prompt, text = (_encoded(tokenizer, part) for part in (completion.prompt, completion.text))
    ids = [int(i) for i in (*prompt["input_ids"], *text["input_ids"])]
    if tokenizer.decode(ids) != completion.prompt + completion.text:
        return None
    own = _from_offsets(completion.text, text["offset_mapping"])
    return tuple(ids), len(prompt["input_ids"]), own


def _from_offsets(text: str, offsets: Sequence[Sequence[int]]) -> list[int]:
    """Start of each token, from its half-open character span: its first ink, or its start."""
    begins = []
    for start, stop in offsets:
        piece = text[start:stop]
        size = len(piece.lstrip())
        begins.append(int(start) + (len(piece) - size if size else 0))
    return _never_falling(begins)


def _never_falling(begins: list[int]) -> list[int]:
    high = 0
    for index, begin in enumerate(begins):
        high = begins[index] = max(high, begin)
    return begins


def _from_decoding(
    completion: Completion,
    decode: Callable[[list[int]], str],
    context: Sequence[int],
    ids: Sequence[int],
) -> list[int]:
    """Start of each generated token in the completion, by decoding step by step.

    White space at the start of a token may be missing in the text or added to it (tokenizers differ), and
    special tokens may be missing whole; anything else that does not match is an error.
    """
    text = completion.text
    begins: list[int] = []
    position = 0
    for group, piece in _spelled(decode, context, ids):
        start, position = _place(text, position, piece)
        size = len(text[start:position].lstrip())
        begins += [position - size if size else start] * group
    if text[position:].strip():
        if "\ufffd" in text:
            return _by_prefixes(text, decode, context, ids)
        raise NotMeasurable(
            f"completion of {completion.problem.id}: the ids do not spell the text; they end before "
            f"{text[position : position + 40]!r}"
        )
    return _never_falling(begins)


def _by_prefixes(
    text: str, decode: Callable[[list[int]], str], context: Sequence[int], ids: Sequence[int]
) -> list[int]:
    """Starts of tokens in a text that holds bytes which are no character: as far as what stands before them decodes to it."""
    head = len(decode([*context]))
    begins = []
    for here in range(len(ids)):
        spelled = decode([*context, *ids[:here]])[head:].rstrip("\ufffd")
        same = next(
            (i for i, (a, b) in enumerate(zip(spelled, text, strict=False)) if a != b), None
        )
        begins.append(min(len(spelled), len(text) - 1) if same is None else same)
    return _never_falling(begins)


def _place(text: str, position: int, piece: str) -> tuple[int, int]:
    """Span of a decoded piece at or just behind `position`; an empty span when it is not there."""
    if text.startswith(piece, position):
        return position, position + len(piece)
    ink = piece.strip()
    skipped = position
    while skipped < len(text) and text[skipped].isspace():
        skipped += 1
    if ink and text.startswith(ink, skipped):
        return skipped, skipped + len(ink)
    return position, position


def _spelled(
    decode: Callable[[list[int]], str], context: Sequence[int], ids: Sequence[int]
) -> list[tuple[int, str]]:
    """Groups of tokens with their text: `(number of tokens, text)`; a group ends where characters do."""
    everything = [*context, *ids]
    # [anchor, done) is already spelled and gives the context for spelling [done, here)
    anchor, done = 0, len(context)
    known = decode(everything[anchor:done]) if context else ""
    groups: list[tuple[int, str]] = []
    for here in range(done + 1, len(everything) + 1):
        spelled = decode(everything[anchor:here])
        if spelled.endswith("\ufffd") and here < len(everything) and here - done < 12:
            continue
        groups.append((here - done, spelled[len(known) :]))
        anchor, done = done, here
        known = decode(everything[anchor:done])
    return groups
