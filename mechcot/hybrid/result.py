"""A run of hybrids as a value: sentences, a table, a figure."""

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from mechcot.core.argument_kinds import checked
from mechcot.core.display import DisplayedRun
from mechcot.core.pair import Pair
from mechcot.core.problem import Problem
from mechcot.core.store import nan_to_none
from mechcot.hybrid.run import hybrid_lines, run_hybrid
from mechcot.hybrid.settings import Give, HybridSettings
from mechcot.model.reasoner import Reasoner


class Hybrid(DisplayedRun):
    """What a base recovers of its tuned model's accuracy with the tuned model's tokens, or vectors.

    Attributes:
        result: See `mechcot.hybrid.run.run_hybrid`.
    """

    lines = staticmethod(hybrid_lines)
    figure = ("hybrid", "recovered_figure")

    def to_frame(self) -> pd.DataFrame:
        """One row a condition: `name`, `budget`, `accuracy` and `recovered` (each with `_low`, `_high`), `given` positions and `bits` a text."""
        return pd.DataFrame(
            [
                {
                    "name": row["name"],
                    "budget": row["budget"],
                    **_ends("accuracy", row["accuracy"]),
                    **_ends("recovered", row["recovered"]),
                    "given": row["given"],
                    "bits": row["bits"],
                }
                for row in self.result["conditions"]
            ]
        )


def _ends(name: str, value: Mapping[str, float | None]) -> dict[str, float | None]:
    return {name: value["mean"], f"{name}_low": value["low"], f"{name}_high": value["high"]}


@checked
def hybrid(
    readers: Pair[Reasoner],
    problems: Sequence[Problem],
    *,
    n: int = 64,
    fit: int = 24,
    give: Give = "vectors",
    budgets: Sequence[float] = (0.05, 0.1, 0.2),
    max_tokens: int = 320,
    seed: int = 0,
) -> Hybrid:
    """Let the base write, and give it its tuned model's token or a vector where the two disagree; nothing is kept on disk.

    Cost: every problem is written once a condition (`mechcot.hybrid.conditions`), by both models.

    Args:
        readers: The base, and the model that was tuned from it.
        problems: Questions with answers, at least `n + fit`.
        n: How many are asked.
        fit: Others, that vectors and thresholds are made from.
        give: `vectors`, with tokens as the ceiling, or `tokens`.
        budgets: Largest shares of the positions that are given something.
        max_tokens: Longest text.
        seed: Of draws and intervals.

    Raises:
        UserError: Too few problems, other tokenizers or sizes, or answers that cannot be read.

    Example:
        >>> import mechcot as mc
        >>> pair = mc.load_pair("organism:order/base", "organism:order/bypass")
        >>> helped = mc.hybrid(pair, mc.problems("order", n=6), n=2, fit=1, give="tokens", budgets=[0.0], max_tokens=40)
        >>> helped.to_frame().query("name == 'tokens'")["bits"].item()
        0.0
    """
    settings = HybridSettings(
        give=give, budgets=tuple(budgets), fit=fit, max_tokens=max_tokens, seed=seed
    )
    with tempfile.TemporaryDirectory() as folder:
        result = run_hybrid(readers, problems, n=n, settings=settings, out=Path(folder))
    return Hybrid(nan_to_none(result))
