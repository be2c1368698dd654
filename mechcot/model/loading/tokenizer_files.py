"""The files of a tokenizer, and whether one was made from any: some classes make one without them that holds special tokens alone."""

import re
from pathlib import Path
from typing import Any

from mechcot.core.errors import UserError
from mechcot.core.wording import count_of

_EXPECTED = "tokenizer.json, or what its kind has in its place: tokenizer.model, vocab.json with merges.txt, vocab.txt, spiece.model, tekken.json"
_OF_A_TOKENIZER = re.compile(
    r"tokenizer\.json|tekken|spiece|sentencepiece|vocab|merges|.*\.(?:model|tiktoken|spm|bpe)$",
    re.IGNORECASE,
)
_SPACES = " ▁Ġ"
"""What stands for a space in a vocabulary."""
_NAMED = 8
"""Most files in a sentence."""


def check_vocabulary(tokenizer: Any, where: str) -> None:
    """See that a tokenizer has tokens of its own, beside special and added ones and the space.

    Args:
        tokenizer: What was loaded.
        where: Folder or hub name.

    Raises:
        UserError: It has none; the sentence says which files were expected and what is there.
    """
    vocabulary = tokenizer.get_vocab()
    extra = {*tokenizer.get_added_vocab(), *tokenizer.all_special_tokens}
    if any(token not in extra and str(token).strip(_SPACES) for token in vocabulary):
        return
    if lacking := lacks_files(where):
        raise UserError(lacking)
    raise UserError(
        f"{where}: the tokenizer could not be loaded: it has no tokens of its own, and {count_of(len(vocabulary), 'special or added token')}; expected "
        f"{_EXPECTED}; copy them from where the model comes from, or write them there with `tokenizer.save_pretrained`."
    )


def lacks_files(where: str) -> str:
    """Sentence on a folder without a tokenizer's files; "" where there are some, or where it is no folder here."""
    folder = Path(where)
    if not folder.is_dir():
        return ""
    names = sorted(path.name for path in folder.iterdir() if path.is_file())
    if any(_OF_A_TOKENIZER.match(name) for name in names):
        return ""
    more = ["..."] if len(names) > _NAMED else []
    return (
        f"{where}: the tokenizer could not be loaded: the folder holds none of its files; expected {_EXPECTED}; found "
        f"{', '.join([*names[:_NAMED], *more])}; copy them from where the model comes from, or write them there with `tokenizer.save_pretrained`."
    )
