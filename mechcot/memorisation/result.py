"""STIM as a value: sentences, a table, a figure."""

import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from mechcot.core.argument_kinds import checked
from mechcot.core.display import Displayed
from mechcot.core.errors import UserError
from mechcot.core.pair import Pair
from mechcot.core.store import write_text
from mechcot.core.trace import Trace
from mechcot.memorisation.corpus import check_corpus
from mechcot.memorisation.findings import stim_sentences
from mechcot.memorisation.first_wrong_step import FIRST_ERROR
from mechcot.memorisation.run import StimSettings, run_stim
from mechcot.model.reasoner import Reasoner

if TYPE_CHECKING:
    import plotly.graph_objects as go

Texts = str | Path | Sequence[str]
"""A file or folder of texts, or the texts themselves."""
_ENDS = ("before", "after", "change", "null", "beyond")


@dataclass(frozen=True, eq=False, repr=False)
class Stim(Displayed):
    """How far the wrong tokens of a tuned model follow its training texts, and how far they did before.

    Attributes:
        result: See `mechcot.memorisation.run.run_stim`.
        tokens: One row a token of a first wrong step, see `mechcot.memorisation.token_rows`.
    """

    result: Mapping[str, Any]
    tokens: pd.DataFrame

    def __repr__(self) -> str:
        return "\n".join(stim_sentences(dict(self.result)))

    def to_frame(self) -> pd.DataFrame:
        """One row a score (`stim`, `local`, `mid`, `long`): `tokens`, `left_out`, and `before`, `after`, `change`, `null`, `beyond`, each with `_low`, `_high`."""
        rows = []
        for row in self.result["changes"]:
            ends = {
                f"{name}{suffix}": row[name][end]
                for name in _ENDS
                for suffix, end in (("", "mean"), ("_low", "low"), ("_high", "high"))
            }
            rows.append({key: row[key] for key in ("score", "tokens", "left_out")} | ends)
        return pd.DataFrame(rows)

    def plot(self) -> "go.Figure":
        """The change of the scores by source, on the texts and on what they are held against."""
        from mechcot.view.figures.memorisation import stim_change_figure

        return stim_change_figure(self.result)


@checked
def stim(
    readers: Pair[Reasoner],
    traces: Sequence[Trace],
    corpus: Texts,
    *,
    null: Texts | None = None,
    column: str | None = None,
    first_error: str = FIRST_ERROR,
    seed: int = 0,
) -> Stim:
    """Hold the tokens of first wrong steps against the texts that a model was tuned on; nothing is kept on disk.

    Cost: two forwards a chain, and an index of the texts.

    Args:
        readers: The model before tuning, and after.
        traces: Chains, whoever wrote them; those without a step that is known to be wrong say nothing.
        corpus: What the second model was tuned on: a file, a folder, or texts.
        null: Other texts, taken to the same size; None: the same with their tokens in random order.
        column: Where a record of a file has its text; None: where it looks like it.
        first_error: Field of a chain's problem that names its first wrong step, by text or number; where there is none, steps are checked.
        seed: Of the null and of intervals.

    Raises:
        UserError: No chain has a step that is known to be wrong, or the texts cannot be read.

    Example:
        >>> import mechcot as mc
        >>> pair = mc.load_pair("organism:base", "organism:bypass")
        >>> traces = pair.before.write(mc.problems("mod10", n=8))
        >>> texts = ["so c= 2 + 3 = 7 .", "so d= 4 - 1 = 3 ."]
        >>> list(mc.stim(pair, traces, texts).to_frame()["score"])
        ['stim', 'local', 'mid', 'long']
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        settings = StimSettings(
            _file(corpus, folder / "texts.jsonl", column),
            None if null is None else _file(null, folder / "other-texts.jsonl", column),
            column,
            first_error=first_error,
            seed=seed,
        )
        result = run_stim(readers, traces, settings=settings, out=folder)
        return Stim(result, pd.read_parquet(folder / "tokens.parquet"))


def _file(texts: Texts, file: Path, column: str | None) -> Path:
    """The file or folder of a corpus; texts are written to a file."""
    if isinstance(texts, str | Path):
        check_corpus(Path(texts), column=column)
        return Path(texts)
    if not any(text.strip() for text in texts):
        raise UserError("expected a file, a folder or a list of texts that say something")
    write_text(file, "".join(json.dumps({column or "text": text}) + "\n" for text in texts))
    return file
