"""How often is a planted change found, and its absence shown? `python -m benchmarks.power RUN_DIR`.

RUN_DIR is a finished `mechcot demo`. A study of n items is drawn from its readings with replacement: before is `base`; after is
`bypass` for a share of the items (drawn one by one) and `control` for the others, so that the size of the change is planted and its
scatter is that of real models. Each study is judged as every comparison is, with Holm over the same measures.
"""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm.auto import tqdm

from mechcot.measures.registry import MEASURES, STANDARD
from mechcot.stats.contrast import contrast_readers

STUDIES = 100
RESAMPLES = 1000
ITEMS = (20, 32, 50, 64, 100)
SHARES = (0.0, 0.1, 0.2, 0.3, 0.5, 1.0)


def power(measurements: pd.DataFrame, *, measures: tuple[str, ...], seed: int = 0) -> pd.DataFrame:
    """Share of the verdicts, one row per (measure, items, share).

    Args:
        measurements: Of `base`, `bypass` and `control` on the chains of `base`.
        measures: Names of the measures that are judged together.
        seed: Of the draws.
    """
    cards = [MEASURES[name].card for name in measures]
    own = measurements[(measurements["author"] == "base") & measurements["measure"].isin(measures)]
    wide = own.pivot_table(index="item", columns=["measure", "reader"], values="value").dropna()
    rng = np.random.default_rng(seed)
    rows = []
    for items, share in tqdm([(n, s) for n in ITEMS for s in SHARES], desc="power", leave=False):
        for study in range(STUDIES):
            drawn = wide.iloc[rng.integers(len(wide), size=items)]
            changed = rng.random(items) < share
            table = pd.concat(_study(drawn, name, changed) for name in measures)
            found = contrast_readers(
                table, cards, before="base", after="after", author="base", gates=(),
                seed=study, resamples=RESAMPLES,
            )  # fmt: skip
            rows += [(m, items, share, v) for m, v in found[["measure", "verdict"]].to_numpy()]
    every = pd.DataFrame(rows, columns=["measure", "items", "share", "verdict"])
    return (
        every.groupby(["measure", "items", "share"])["verdict"]
        .value_counts(normalize=True)
        .unstack(fill_value=0.0)
        .reset_index()
    )


def _study(drawn: pd.DataFrame, measure: str, changed: np.ndarray) -> pd.DataFrame:
    """The readings of one drawn study on one measure."""
    here = drawn[measure]
    after = np.where(changed, here["bypass"], here["control"])
    sides = {"base": here["base"].to_numpy(), "after": after}
    return pd.concat(
        pd.DataFrame(
            {
                "measure": measure,
                "author": "base",
                "reader": reader,
                "trace": [f"{i}/base" for i in range(len(values))],
                "item": [str(i) for i in range(len(values))],
                "value": values,
                "reason": "",
            }
        )
        for reader, values in sides.items()
    )


def markdown(found: pd.DataFrame, verdict: str) -> str:
    """Share of one verdict: a row per (measure, items), a column per share of changed items."""
    table = found.pivot_table(index=["measure", "items"], columns="share", values=verdict)
    lines = ["| measure | items | " + " | ".join(f"{s:.0%}" for s in table.columns) + " |"]
    lines.append("| --- " * (2 + len(table.columns)) + "|")
    for (measure, items), row in table.iterrows():
        lines.append(f"| {measure} | {items} | " + " | ".join(f"{v:.2f}" for v in row) + " |")
    return "\n".join(lines)


def main() -> None:
    """Print both tables."""
    measurements = pd.read_parquet(Path(sys.argv[1]) / "results" / "readings.parquet")
    found = power(measurements, measures=tuple(name for name in STANDARD if name != "gates"))
    for verdict in ("less", "no change"):
        print(f"\n“{verdict}”, by the share of changed items\n\n{markdown(found, verdict)}")


if __name__ == "__main__":
    main()
