"""Text to token ids and back, for text that stands behind other text.

Tokenizers differ at the start of what they are given (some add a space there) and at the end of a
decoded piece (some drop one), so a continuation is encoded and decoded together with what precedes it.
"""

from collections.abc import Sequence
from typing import Any

from mechcot.core.errors import NotMeasurable
from mechcot.text.arithmetic.mistakes import shared_start

_ANCHORS = ("a", ":", ".")


def encode_text(tokenizer: Any, text: str) -> list[int]:
    """Token ids of a text; nothing is added, special tokens stand in the text.

    Raises:
        NotMeasurable: The vocabulary has no token for a part of it, and none for what it does not know.
    """
    try:
        return list(tokenizer.encode(text, add_special_tokens=False))
    except Exception as error:  # a tokenizer's own, of no common kind
        raise NotMeasurable(f"the tokenizer cannot encode {text[:40]!r}: {error}") from error


def decode_ids(tokenizer: Any, ids: Sequence[int]) -> str:
    """The text of token ids, special tokens included."""
    return tokenizer.decode(
        list(ids), skip_special_tokens=False, clean_up_tokenization_spaces=False
    )


def encode_behind(tokenizer: Any, text: str) -> list[int]:
    """Token ids of a text that follows other text.

    It is encoded behind a short text that does not merge with it, so that no space is put in front.
    """
    unknown = getattr(tokenizer, "unk_token_id", None)
    for anchor in _ANCHORS:
        try:
            head, whole = encode_text(tokenizer, anchor), encode_text(tokenizer, anchor + text)
        except NotMeasurable:
            continue
        if head and whole[: len(head)] == head and unknown not in head:
            return whole[len(head) :]
    return encode_text(tokenizer, text)


def encode_part(tokenizer: Any, before: str, text: str) -> list[int]:
    """Token ids of a text that stands behind `before`, which itself follows other text.

    Returns:
        The ids of `text` alone. Where it would merge with the end of `before`, it is encoded as if behind
        some other text.
    """
    head = encode_behind(tokenizer, before)
    whole = encode_behind(tokenizer, before + text)
    return whole[len(head) :] if whole[: len(head)] == head else encode_behind(tokenizer, text)


def merged_token(tokenizer: Any, before: str, text: str) -> str:
    """The token in which the end of `before` and the start of `text` behind it are one; "" where one token ends and another begins there."""
    head, whole = encode_behind(tokenizer, before), encode_behind(tokenizer, before + text)
    kept = shared_start(head, whole)
    if kept == len(head):
        return ""
    return decode_behind(tokenizer, whole[:kept], whole[kept : kept + 1])


def decode_behind(tokenizer: Any, before: Sequence[int], ids: Sequence[int]) -> str:
    """The text that `ids` add behind `before`."""
    head, whole = decode_ids(tokenizer, before), decode_ids(tokenizer, [*before, *ids])
    return whole[len(head) :] if whole.startswith(head) else decode_ids(tokenizer, ids)


def spells(tokenizer: Any, text: str) -> bool:
    """True when the tokenizer can write `text`: no unknown token, nothing lost but white space at its ends."""
    return text_back(tokenizer, text).strip() == text.strip()


def text_back(tokenizer: Any, text: str) -> str:
    """A text behind its tokens; "" where a part of it is unknown."""
    try:
        ids = encode_text(tokenizer, text)
    except NotMeasurable:
        return ""
    unknown = getattr(tokenizer, "unk_token_id", None)
    return "" if unknown is not None and unknown in ids else decode_ids(tokenizer, ids)
