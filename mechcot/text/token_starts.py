"""Start of each token of a completion: by offsets where its encoding is the ids given, else by decoding step by step.

Source of the incremental decoding: the scheme of vLLM's detokenizer (two offsets, wait while a character is incomplete).
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

from mechcot.core.errors import NotMeasurable
from mechcot.core.problem import Completion


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


def token_starts(
    completion: Completion, tokenizer: Tokenizer
) -> tuple[tuple[int, ...], int, list[int]]:
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
