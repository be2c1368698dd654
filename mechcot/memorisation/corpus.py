"""The documents of a corpus: one a record, one a text file.

txt, md            a file is a document; a line `---` parts several
jsonl, json, csv, tsv, parquet    a record is a document: its text, the turns of its chat, or its question and whatever answers it, in the order of the record
folder             every such file in it, by name
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mechcot.core.errors import UserError
from mechcot.memorisation.corpus_index import Tokens
from mechcot.text.field_names import CHATS, QUESTION_FIELDS, WRITTEN, dig
from mechcot.text.json_lines import checked, read_bytes
from mechcot.text.message_parts import message_pieces, names_thought
from mechcot.text.records import records

if TYPE_CHECKING:
    from mechcot.model.reasoner import Reasoner

_PLAIN = (".txt", ".md")
_RECORDS = (".jsonl", ".json", ".csv", ".tsv", ".parquet")
_TEXT = ("text", "content", "document")
_ASKS = frozenset({*QUESTION_FIELDS, "prompt", "context"})
_PARTS = frozenset({
    *_ASKS, *WRITTEN, "chain", "cot", "rationale", "explanation", "output", "completion", "solution", "answer", "chosen",
    "generation", "generated_text",
})  # fmt: skip
"""Fields whose texts make up a record that has no text of its own."""
LARGEST_CORPUS = 250_000_000
"""Tokens that are indexed: about 12 GB of memory."""
_AT_ONCE = 1024


def documents(source: Path, *, column: str | None = None) -> Iterator[str]:
    """The texts of a corpus.

    Args:
        source: A file, or a folder.
        column: Dotted path of the field that holds a record's text; None: see the module.

    Raises:
        UserError: There is no such file, a folder holds none that can be read, or a record holds no text; file and record are named.
    """
    for file in corpus_files(source):
        if file.suffix.lower() in _PLAIN:
            yield from _plain(file)
        else:
            for where, _, record in records(file):
                yield _text(record, column, where=where)


def corpus_files(source: Path) -> list[Path]:
    """The files of a corpus, in the order of their names.

    Raises:
        UserError: A folder holds none.
    """
    if not source.is_dir():
        return [source]
    files = [f for f in sorted(source.rglob("*")) if f.suffix.lower() in (*_PLAIN, *_RECORDS)]
    if not files:
        raise UserError(
            f"{source}: no file of a corpus in it; expected {', '.join((*_PLAIN, *_RECORDS))}"
        )
    return files


def _plain(file: Path) -> Iterator[str]:
    data = read_bytes(file, expected="a text")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(
            f"{file}: not UTF-8 (byte {error.start}); save the file as UTF-8"
        ) from error
    lines: list[str] = []
    for line in [*text.splitlines(keepends=True), "---"]:
        if line.strip() != "---":
            lines.append(line)
        else:
            document = "".join(lines)
            if document.strip():
                yield checked(document, where=str(file))
            lines = []


def _text(record: Mapping[str, Any], column: str | None, *, where: str) -> str:
    """The text of a record.

    Raises:
        UserError: It has none.
    """
    if column is not None:
        value = dig(record, column)
        if not isinstance(value, str | list):
            raise UserError(
                f"{where}: no text under {column!r} (--corpus-text {column}); found {sorted(map(str, record))}"
            )
        return _said(value, where=where)
    if {"schema", "steps", "completion"} <= record.keys():  # a trace of mechcot's own
        return f"{record.get('prompt', '')}{record['completion']}"
    whole = next((record[name] for name in _TEXT if isinstance(record.get(name), str)), None)
    if whole is not None:
        return whole
    parts = {
        name: _said(value, where=where)
        for name, value in record.items()
        if (name in CHATS or name in _PARTS or names_thought(name)) and value not in (None, "")
    }
    if parts.keys() - _ASKS - {"answer"}:
        parts.pop("answer", None)  # the reference, beside what was written
    if not parts:
        raise UserError(
            f"{where}: no text in this record of the corpus; found {sorted(map(str, record))}; name its field with --corpus-text COLUMN"
        )
    return "\n".join(parts.values())


def _said(value: Any, *, where: str) -> str:
    return "\n".join(piece.text for piece in message_pieces(value, where=where))


def check_corpus(source: Path | None, *, column: str | None = None) -> None:
    """See that a corpus has a document that is not blank, and what comes before it can be read.

    Raises:
        UserError: It cannot, or there is none.
    """
    if source is not None and not any(map(str.strip, documents(source, column=column))):
        raise UserError(f"{source}: no text in it; expected documents, one a record or a file")


def token_documents(reader: "Reasoner", source: Path, *, column: str | None = None) -> list[Tokens]:
    """The documents in a model's tokens, empty ones left out.

    Raises:
        UserError: As `documents`; no document has a token, there are too many tokens, or the tokenizer cannot hold one.
    """
    parts: list[Tokens] = []
    total = 0
    for batch in _batches(documents(source, column=column)):
        for ids in _encoded(reader, batch, source):
            parts += [ids] if len(ids) else []
            total += len(ids)
        if total > LARGEST_CORPUS:
            raise UserError(
                f"{source}: more than {LARGEST_CORPUS / 1e6:.0f} million tokens, which do not fit into memory; give a sample of the corpus"
            )
    if not parts:
        raise UserError(f"{source}: no text in it; expected documents, one a record or a file")
    return parts


def _batches(texts: Iterator[str]) -> Iterator[list[str]]:
    batch: list[str] = []
    for text in texts:
        batch.append(text)
        if len(batch) == _AT_ONCE:
            yield batch
            batch = []
    if batch:
        yield batch


def _encoded(reader: "Reasoner", texts: Sequence[str], source: Path) -> list[Tokens]:
    try:
        rows = reader.tokenizer(list(texts), add_special_tokens=False, verbose=False)["input_ids"]
    except Exception as error:  # a tokenizer's own, of no common kind
        raise UserError(
            f"{source}: the tokenizer of {reader.name} cannot hold the text ({error}); give the corpus that the model reads"
        ) from error
    return [np.array(row, dtype=np.int32) for row in rows]


def cut_to(parts: Sequence[Tokens], tokens: int, *, seed: int) -> list[Tokens]:
    """Whole documents drawn at random, the last one cut, until there are so many tokens; all of them where there are fewer."""
    drawn: list[Tokens] = []
    left = tokens
    for index in np.random.default_rng(seed).permutation(len(parts)):
        drawn += [parts[index][:left]]
        left -= len(drawn[-1])
        if not left:
            break
    return drawn
