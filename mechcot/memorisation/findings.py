"""What the scores of all tokens say: before, after and the change on a corpus, the same on its null, and which tokens rose.

change     items paired, each the mean of its tokens; tokens that one model or one corpus cannot be scored on are left out and counted
beyond     change on the corpus minus change on the null, per token
risen      a token whose score rose by `RISE` or more, and by more than on the null
"""

from typing import Any

import numpy as np
import pandas as pd

from mechcot.core.store import nan_to_none
from mechcot.core.wording import count_of
from mechcot.memorisation.scores import SOURCES
from mechcot.memorisation.token_rows import SIDES
from mechcot.stats.bootstrap import bootstrap_mean, cluster_numbers
from mechcot.stats.proportions import share_interval
from mechcot.text.number_format import fixed, percent, signed

RISE = 0.2
"""Least rise of a score that counts. Set on one plant, held on others: docs/results/memorisation.md."""
SCORES = ("stim", *SOURCES)


def risen(table: pd.DataFrame) -> pd.Series:
    """Whether each token's score rose by `RISE` or more, and by more than on the null; missing where it cannot be told.

    A token that the null gives no score is held against no rise there.
    """
    rise = table["after_corpus_stim"] - table["before_corpus_stim"]
    null = (table["after_null_stim"] - table["before_null_stim"]).fillna(0.0)
    flag = ((rise >= RISE) & (rise > null)).astype("boolean")
    return flag.mask(rise.isna())


def rose(table: pd.DataFrame) -> np.ndarray:
    """Where `risen` says so; what cannot be told did not."""
    return table["risen"].astype("boolean").to_numpy(dtype=bool, na_value=False)


def stim_findings(table: pd.DataFrame, *, seed: int) -> dict[str, Any]:
    """Sum up the tokens of all first wrong steps.

    Args:
        table: Rows of `mechcot.memorisation.token_rows`.
        seed: Of the resampling.

    Returns:
        `tokens`, `items`; `changes`: a row a score with means, intervals and what was left out; `risen`: counts and shares of tokens and items;
        `dominant`: a row a model (`before_corpus`, `after_corpus`, `after_null`) and source with the share of tokens.
    """
    flag = table["risen"].astype("boolean")
    by_item = flag.groupby(table["item"]).any()
    known = flag.dropna()
    return nan_to_none(
        {
            "tokens": len(table),
            "items": int(table["item"].nunique()),
            "changes": [_change(table, score, seed=seed) for score in SCORES],
            "risen": {
                "tokens": int(flag.sum()),
                "of": len(known),
                "share": _share(known.astype(float), table.loc[known.index, "item"], seed=seed),
                "items": int(by_item.sum()),
                "items_share": share_interval(by_item.to_numpy(float), seed=seed).row(),
            },
            "dominant": [
                row
                for name in (*(f"{side}_corpus" for side in SIDES), "after_null")
                for row in _dominant(table, name, seed=seed)
            ],
        }
    )


def _change(table: pd.DataFrame, score: str, *, seed: int) -> dict[str, Any]:
    """One score before, after, its change, and its change beyond the null's."""
    kept = table.dropna(subset=[f"{side}_corpus_{score}" for side in SIDES])
    sides = {side: kept[f"{side}_corpus_{score}"] for side in SIDES}
    parts = sides | {"change": sides["after"] - sides["before"]}
    null = kept[f"after_null_{score}"] - kept[f"before_null_{score}"]
    parts |= {"null": null, "beyond": parts["change"] - null}
    row: dict[str, Any] = {"score": score, "tokens": len(kept), "left_out": len(table) - len(kept)}
    for name, values in parts.items():
        means = values.dropna().groupby(kept["item"]).mean().to_numpy(float)
        row[name] = bootstrap_mean(means, seed=seed, purpose=f"stim {score}").row()
    return row


def _share(values: pd.Series, items: pd.Series, *, seed: int) -> dict[str, float]:
    """A share of tokens; items are resampled."""
    names = items.astype(str).tolist()
    clusters = cluster_numbers(names, {name: name for name in names})
    return bootstrap_mean(
        values.to_numpy(float), clusters=clusters, seed=seed, purpose="stim share"
    ).row()


def _dominant(table: pd.DataFrame, name: str, *, seed: int) -> list[dict[str, Any]]:
    """Of the tokens that can be scored, the share that each source dominates."""
    known = table[table[f"{name}_dominant"] != "none"]
    return [
        {"name": name, "source": source, "of": len(known)}
        | _share((known[f"{name}_dominant"] == source).astype(float), known["item"], seed=seed)
        for source in (*SOURCES, "tied")
    ]


def stim_sentences(result: dict[str, Any]) -> list[str]:
    """One sentence a claim.

    Args:
        result: What `stim.json` holds.
    """
    before, after = result["models"]
    change, told = result["changes"][0], result["risen"]
    null = result["null"]["name"]
    first = (
        f"{told['tokens']} of {count_of(told['of'], 'token')} in {count_of(result['items'], 'first wrong step')} follow the corpus more in {after} than in {before}: "
        f"their score rose by {RISE:g} or more, and by more than on {null}. They stand in {told['items']} of the steps ({_interval(told['items_share'], percent)})."
    )
    lines = [first]
    if change["change"]["low"] is not None:
        lines.append(
            f"Mean STIM went from {fixed(change['before']['mean'])} to {fixed(change['after']['mean'])}: {_interval(change['change'], signed)}; "
            f"beyond the change on {null}: {_interval(change['beyond'], signed)}."
        )
    else:
        lines.append(
            "Too few first wrong steps for an interval; give more chains, or harder problems."
        )
    if (left := change["left_out"]) > 0:
        lines.append(
            f"{count_of(left, 'token')} cannot be measured: all counts are equal, or the corpus does not have the token."
        )
    return lines


def _interval(row: dict[str, Any], number: Any) -> str:
    if row["low"] is None:
        return number(row["mean"])
    return f"{number(row['mean'])} [{number(row['low'])}, {number(row['high'])}]"


def most_risen(table: pd.DataFrame, n: int) -> list[dict[str, Any]]:
    """Rows of the tokens whose score rose, most first."""
    rise = table["after_corpus_stim"] - table["before_corpus_stim"]
    kept = table.assign(rise=rise)[rose(table)]
    rows = kept.nlargest(n, "rise").to_dict("records")
    return nan_to_none([{str(k): _plain(v) for k, v in row.items()} for row in rows])


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value
