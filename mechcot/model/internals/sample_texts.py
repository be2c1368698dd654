"""Texts in words that a tokenizer has: what a check of a foreign vocabulary may be written in."""

from typing import Any

from mechcot.core.errors import NotMeasurable
from mechcot.model.internals.token_text import decode_ids, encode_text, spells

SCANNED = 20_000
"""Rows of a vocabulary that are looked at for words."""


def knows(tokenizer: Any, text: str) -> bool:
    """True when the vocabulary has every part of a text; how well it gives the text back is another matter."""
    try:
        ids = encode_text(tokenizer, text)
    except NotMeasurable:
        return False
    unknown = getattr(tokenizer, "unk_token_id", None)
    if unknown is not None and unknown in ids:
        return False
    letters = iter("".join(text.split()))
    back = "".join(decode_ids(tokenizer, ids).split())
    dropped = len(back) < len("".join(text.split())) and all(letter in letters for letter in back)
    return not dropped


def spelled(tokenizer: Any, text: str, *, words: int) -> str:
    """A text if the vocabulary has all of it, else so many words of the vocabulary, joined by spaces."""
    if knows(tokenizer, text):
        return text
    special = {*tokenizer.get_added_vocab(), *map(str, tokenizer.all_special_tokens)}
    rows = sorted((row, token) for token, row in tokenizer.get_vocab().items())
    vocabulary: list[str] = []
    for row, token in rows[:SCANNED]:
        word = "" if token in special else decode_ids(tokenizer, [row]).strip()
        if (
            word.isalpha()
            and word not in vocabulary
            and spells(tokenizer, " ".join([*vocabulary, word]))
        ):
            vocabulary.append(word)
        if len(vocabulary) == words:
            break
    return " ".join(vocabulary) or text
