"""Check that a model has a row for every token that its tokenizer can write.

More rows than tokens are normal (padding). More tokens than rows are an error where the token is an ordinary one,
or stands in the prompt, the cue or the marks of a thought; an added token that only a text of the user's could
hold (a placeholder for images in a text model) is met item by item.
"""

from collections.abc import Iterable

from mechcot.core.errors import NotMeasurable, UserError
from mechcot.model.interface import TextReader
from mechcot.model.soft.tokens import FIRST_SOFT, soft_of

_QUESTION = "What is 1 + 1?"


def _rows_of(reader: TextReader) -> int:
    """Number of token ids that the model can read and write."""
    return min(int(reader.model.get_input_embeddings().weight.shape[0]), reader.n_vocabulary)


def without_row(reader: TextReader) -> dict[int, str]:
    """The tokens that the model has no row for, by id."""
    rows = _rows_of(reader)
    return {token: text for text, token in reader.tokenizer.get_vocab().items() if token >= rows}


def check_rows(reader: TextReader) -> None:
    """See that every token that is sure to occur has a row. Cost: one look at the vocabulary.

    Raises:
        UserError: One has none.
    """
    outside = without_row(reader)
    if not outside:
        return
    added = set(getattr(reader.tokenizer, "added_tokens_decoder", ()))
    tags = reader.policy.tags
    marks = f"{tags.open}{tags.close}" if tags else ""
    used = set(reader.encode(f"{reader.policy.template(_QUESTION)}{reader.cue.text}{marks}"))
    occurs = sorted(token for token in outside if token not in added or token in used)
    if occurs:
        tokens, rows = max(outside) + 1, _rows_of(reader)
        raise UserError(
            f"{reader.name}: the tokenizer has {tokens} tokens, the model {rows} rows, none for {outside[occurs[0]]!r} "
            f"(id {occurs[0]}). Tokens were added and the model was not resized: call "
            f"model.resize_token_embeddings({tokens}) with the rows that were trained, then save_pretrained, or give the "
            "tokenizer that the model was trained with."
        )


def check_ids(reader: TextReader, ids: Iterable[int]) -> None:
    """See that the model has a row for every token of one text.

    Raises:
        NotMeasurable: It has none for one of them.
    """
    rows = _rows_of(reader)
    soft = soft_of(reader.model) is not None
    lost = next((t for t in ids if t >= rows and not (soft and t >= FIRST_SOFT)), None)
    if lost is not None:
        text = reader.tokenizer.convert_ids_to_tokens([lost])[0]
        raise NotMeasurable(
            f"the text holds {text!r} (token {lost}), and {reader.name} has {rows} rows"
        )
