"""`mechcot stim`: do the wrong tokens of a tuned model follow its training texts, and did they before?

DIR/ gets tokens.parquet (a row a token of a first wrong step), stim.json (what the page shows) and index.html. The indexed corpora lie under corpora/, finished chains under items/,
both by what decides them: nothing is computed twice.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
from safetensors import SafetensorError
from safetensors.numpy import load, save

from mechcot.core.errors import NotMeasurable, UserError
from mechcot.core.notices import print_notice
from mechcot.core.pair import Pair
from mechcot.core.progress import progress_bar
from mechcot.core.store import digest, file_digest, nan_to_none, write_bytes, write_json, write_text
from mechcot.core.trace import Step, Trace
from mechcot.core.wording import count_of
from mechcot.memorisation.corpus import corpus_files, cut_to, token_documents
from mechcot.memorisation.corpus_index import CorpusIndex, in_random_order
from mechcot.memorisation.findings import most_risen, stim_findings, stim_sentences, token_table
from mechcot.memorisation.first_wrong_step import FIRST_ERROR, first_wrong_step
from mechcot.memorisation.stopwords import stopwords_of
from mechcot.memorisation.token_rows import Corpora, token_rows
from mechcot.model.reasoner import Reasoner
from mechcot.runs.items import Format, Items, json_items
from mechcot.runs.reader_keys import precision
from mechcot.view.pages.memorisation import memorisation_page

_SCHEMA = 1
_LISTED = 40
SHUFFLED = "the same texts in random order"


@dataclass(frozen=True)
class StimSettings:
    """What decides the scores, beside models and chains.

    Attributes:
        corpus: File or folder of the texts that the second model was tuned on.
        null: Other texts; None: the corpus with its tokens in random order.
        column: Where a record of the corpus holds its text; None: where it looks like it.
        stopwords: A file of words that are no candidates, one a line; None: English ones.
        first_error: Field of a chain's record that names its first wrong step.
        seed: Of the null and of the resampling.
    """

    corpus: Path
    null: Path | None = None
    column: str | None = None
    stopwords: Path | None = None
    first_error: str = FIRST_ERROR
    seed: int = 0


def run_stim(
    readers: Pair[Reasoner],
    traces: Sequence[Trace],
    *,
    settings: StimSettings,
    out: Path,
) -> dict[str, Any]:
    """Score the first wrong steps of chains and write the folder; gives what stim.json holds.

    Args:
        readers: Before and after.
        traces: The chains.
        settings: Corpora and words.
        out: The folder.

    Raises:
        UserError: No chain has a step that is known to be wrong, or a corpus cannot be read.
    """
    stopwords = stopwords_of(settings.stopwords)
    wrong = wrong_steps(traces, field=settings.first_error)
    own = {"seed": settings.seed, "column": settings.column, "stopwords": digest(sorted(stopwords))}
    own |= {"corpora": [_content(settings.corpus), settings.null and _content(settings.null)]}
    corpora, sizes = corpora_of(readers.after, settings, out / "corpora")
    rows, left_out = _rows(readers, wrong, corpora, stopwords, key=[own], out=out)
    if not rows:
        raise UserError(
            f"no token of {count_of(len(wrong), 'first wrong step')} can be scored"
            + "".join(f"; {reason['id']}: {reason['reason']}" for reason in left_out[:1])
        )
    table = token_table(rows)
    result = {
        "models": [reader.name for reader in readers],
        "prompt": _prompt(readers.after.policy.instruction, [trace for trace, _ in wrong]),
        "chains": len(traces),
        "wrong": len(wrong),
        "corpus": {"name": settings.corpus.name} | sizes["corpus"],
        "null": {"name": settings.null.name if settings.null else SHUFFLED} | sizes["null"],
        "left_out": left_out,
        "shown": most_risen(table, _LISTED),
        "points": _points(table),
    }
    result = nan_to_none(result | stim_findings(table, seed=settings.seed))
    write_bytes(out / "tokens.parquet", table.to_parquet(index=False))
    write_json(out / "stim.json", result)
    write_text(out / "index.html", memorisation_page(result, stim_sentences(result)))
    return result


def _prompt(said: str, traces: Sequence[Trace]) -> dict[str, Any]:
    """What stands behind the questions: the `instruction`, and with how many of the chains."""
    holding = sum(bool(said) and said in trace.prompt for trace in traces)
    return {"instruction": said, "chains": holding, "of": len(traces)}


def wrong_steps(traces: Sequence[Trace], *, field: str = FIRST_ERROR) -> list[tuple[Trace, Step]]:
    """The chains with a step that is known to be wrong, each with the first of them.

    Raises:
        UserError: There is none, or a file names a step that is not there.
    """
    steps = [(trace, first_wrong_step(trace, field=field)) for trace in traces]
    wrong = [(trace, step) for trace, step in steps if step is not None]
    if not wrong:
        raise UserError(
            f"none of {count_of(len(traces), 'chain')} has a step that is known to be wrong: the check sees wrong arithmetic alone. "
            f"Name the steps in the file of chains, in a field {field!r} with the text of the first wrong step"
        )
    return wrong


def corpora_of(
    reader: Reasoner, settings: StimSettings, folder: Path
) -> tuple[Corpora, dict[str, dict[str, int]]]:
    """Index the corpus and its null, or take up the indices of a folder.

    Args:
        reader: Whose tokens.
        settings: Where the texts are.
        folder: Where indices lie, by the content of the texts and the tokenizer.

    Returns:
        Both, and by name their `documents` and `tokens`.

    Raises:
        UserError: A corpus cannot be read.
    """
    end = reader.n_vocabulary
    read = partial(token_documents, reader, column=settings.column)
    kept = Items(folder, Format(".safetensors", _parse, _bytes))
    words = _tokenizer_key(reader)
    key = digest(_SCHEMA, _content(settings.corpus), settings.column, words)
    corpus = kept.get(key, lambda: CorpusIndex.of(read(settings.corpus), end=end))

    def null() -> CorpusIndex:
        parts = corpus.documents()
        if settings.null is None:
            return CorpusIndex.of(in_random_order(parts, seed=settings.seed), end=end)
        size = sum(map(len, parts))
        return CorpusIndex.of(cut_to(read(settings.null), size, seed=settings.seed), end=end)

    other = digest(key, settings.null and _content(settings.null), settings.seed)
    corpora = Corpora(corpus, kept.get(other, null))
    sizes = {
        name: {"documents": len(parts), "tokens": sum(map(len, parts))}
        for name, parts in (
            ("corpus", corpora.corpus.documents()),
            ("null", corpora.null.documents()),
        )
    }
    return corpora, sizes


def _content(source: Path) -> str:
    """What a corpus is called by: the content of its files."""
    return digest([[file.name, file_digest(file)] for file in corpus_files(source)])


def _tokenizer_key(reader: Reasoner) -> str:
    vocabulary: Mapping[str, int] = reader.tokenizer.get_vocab()
    return digest(sorted(vocabulary.items()), reader.encode("The 12 apples,\n\n3+4=7."))


def _bytes(index: CorpusIndex) -> bytes:
    return save({"ids": index.ids, "suffixes": index.suffixes, "starts": index.starts})


def _parse(content: bytes, where: str) -> CorpusIndex:
    try:
        parts = load(content)
        return CorpusIndex(parts["ids"], parts["suffixes"], parts["starts"])
    except (SafetensorError, KeyError) as error:
        raise UserError(
            f"{where}: expected the index of a corpus ({error}); remove the file and run again"
        ) from None


def _rows(
    readers: Pair[Reasoner],
    wrong: Sequence[tuple[Trace, Step]],
    corpora: Corpora,
    stopwords: frozenset[str],
    *,
    key: Sequence[Any],
    out: Path,
) -> tuple[list[dict[str, Any]], list[dict[str, str]]]:
    """Score every wrong step, finished ones from disk; and what a model cannot read, with the reason."""
    items = Items(out / "items", json_items(dict[str, Any]))
    models = [[r.weights_hash, r.logit_scale, *precision(r)] for r in readers]
    rows, left_out = [], []
    for trace, step in progress_bar(wrong, desc="first wrong steps", unit="step", delay=2):
        name = digest(_SCHEMA, *key, models, trace.id, list(trace.ids), step.index)

        def compute(trace: Trace = trace, step: Step = step) -> dict[str, Any]:
            scored = token_rows(readers, trace, step, corpora, stopwords=stopwords)
            return {"rows": nan_to_none(scored)}

        try:
            rows += items.get(name, compute)["rows"]
        except NotMeasurable as error:
            left_out.append({"id": trace.id, "reason": str(error)})
    if left_out:
        print_notice(
            f"{len(left_out)} of {count_of(len(wrong), 'chain')} left out: {left_out[0]['reason']}",
        )
    return rows, left_out


def _points(table: pd.DataFrame) -> list[dict[str, Any]]:
    """What the scatter of all tokens shows."""
    columns = ["item", "step", "token", "behind", "before_corpus_stim", "after_corpus_stim"]
    places = table[columns].assign(moved=table["moved"].fillna(0).astype(int))
    return nan_to_none(places.to_dict("records"))
