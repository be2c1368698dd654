"""Words that are no candidates: scikit-learn's English ones but for those that name numbers, or the words of a file."""

from pathlib import Path

from mechcot.core.errors import UserError
from mechcot.text.json_lines import read_bytes

_NUMBERS = frozenset({
    "one", "two", "three", "four", "five", "six", "eight", "nine", "ten", "eleven", "twelve", "fifteen", "twenty", "forty", "fifty", "sixty", "hundred",
    "first", "third",
})  # fmt: skip


def stopwords_of(path: Path | None) -> frozenset[str]:
    """Give the stopwords, in small letters.

    Args:
        path: A file, one word a line; None: English ones.

    Raises:
        UserError: It cannot be read.
    """
    if path is None:
        from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

        return frozenset(ENGLISH_STOP_WORDS) - _NUMBERS
    try:
        text = read_bytes(path, expected="stopwords, one a line").decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: not UTF-8 (byte {error.start}); save the file as UTF-8") from None
    return frozenset(text.lower().split())
