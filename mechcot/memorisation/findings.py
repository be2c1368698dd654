"""What the scores of all tokens say: before, after and the change on a corpus, the same on its null, and which tokens rose or fell.

change     problems paired, each the mean of its tokens; tokens that one model or one corpus cannot be scored on are left out and counted
beyond     change on the corpus minus change on the null, per token
moved      1: the token's score rose by `RISE` or more, and by more than on the null; -1: it fell by the same rule
net        risen minus fallen: two models that have nothing to do with the corpus differ too, and then as many fall as rise
"""

from typing import Any

import numpy as np
import pandas as pd

from mechcot.core.store import nan_to_none
from mechcot.core.wording import count_of
from mechcot.memorisation.scores import SOURCES
from mechcot.memorisation.token_rows import CORPORA, SIDES
from mechcot.stats.bootstrap import bootstrap_mean, cluster_numbers
from mechcot.stats.proportions import paired_interval
from mechcot.text.number_format import fixed, signed

RISE = 0.2
"""Least rise of a score that counts. Set on one plant, held on others: docs/results/memorisation.md."""
LEAST_PROBLEMS = 6
"""Fewest problems on which more or less is said: of five, all fall to one side by chance in 2 of 32 cases."""
SCORES = ("stim", *SOURCES)


def token_table(rows: list[dict[str, Any]]) -> pd.DataFrame:
    """Rows of `mechcot.memorisation.token_rows` with `moved`; what cannot be measured is NaN, also where nothing can."""
    columns = [f"{side}_{name}_{score}" for side in SIDES for name in CORPORA for score in SCORES]
    table = pd.DataFrame(rows).astype(dict.fromkeys(columns, float))
    return table.assign(moved=moved(table))


def moved(table: pd.DataFrame) -> pd.Series:
    """1 where a token's score rose by `RISE` or more, and by more than on the null, -1 where it fell so, else 0; missing where it cannot be told.

    A token that the null gives no score is held against no change there. Swapping the models negates it.
    """
    change = table["after_corpus_stim"] - table["before_corpus_stim"]
    null = (table["after_null_stim"] - table["before_null_stim"]).fillna(0.0)
    rose_so = (change >= RISE) & (change > null)
    fell_so = (change <= -RISE) & (change < null)
    return (rose_so.astype("Int8") - fell_so.astype("Int8")).mask(change.isna())


def rose(table: pd.DataFrame) -> np.ndarray:
    """Where a token's score rose; what cannot be told did not."""
    return (table["moved"] == 1).to_numpy(dtype=bool, na_value=False)


def stim_findings(table: pd.DataFrame, *, seed: int) -> dict[str, Any]:
    """Sum up the tokens of all first wrong steps.

    Args:
        table: Of `token_table`.
        seed: Of the resampling.

    Returns:
        `tokens`, `problems`; `changes`: a row a score with means, intervals and what was left out; `moved`: of the `tokens` and `steps` that can be told, the counts `risen`, `fallen` and `of`,
        and `net` with an interval over problems; `dominant`: a row a model (`before_corpus`, `after_corpus`, `after_null`) and source with the share of tokens.
    """
    told = table.dropna(subset=["moved"])
    tokens = pd.DataFrame({"item": told["item"], "risen": told["moved"] == 1, "fallen": told["moved"] == -1})  # fmt: skip
    steps = tokens.groupby(told["trace"]).agg({"item": "first", "risen": "any", "fallen": "any"})
    return nan_to_none(
        {
            "tokens": len(table),
            "problems": int(table["item"].nunique()),
            "changes": [_change(table, score, seed=seed) for score in SCORES],
            "moved": {"tokens": _net(tokens, seed=seed), "steps": _net(steps, seed=seed)},
            "dominant": [
                row
                for name in (*(f"{side}_corpus" for side in SIDES), "after_null")
                for row in _dominant(table, name, seed=seed)
            ],
        }
    )


def _net(table: pd.DataFrame, *, seed: int) -> dict[str, Any]:
    """How many rose and fell, and the share of the ones minus that of the others; problems are resampled."""
    risen, fallen = (table[name].to_numpy(float) for name in ("risen", "fallen"))
    clusters = _clusters(table["item"])
    net = paired_interval(fallen, risen, clusters=clusters, seed=seed, purpose="stim net")
    counts = {"risen": int(risen.sum()), "fallen": int(fallen.sum()), "of": len(table)}
    return counts | {"problems": int(table["item"].nunique()), "net": net.row()}


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


def _clusters(items: pd.Series) -> np.ndarray | None:
    """The problem of each row; None where every row is a problem of its own."""
    if items.is_unique:
        return None
    names = items.astype(str).tolist()
    return cluster_numbers(names, {name: name for name in names})


def _share(values: pd.Series, items: pd.Series, *, seed: int) -> dict[str, float]:
    """A share of tokens; problems are resampled."""
    clusters = _clusters(items)
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
    read = _prompt_sentence(result["prompt"])
    if not result["moved"]["tokens"]["of"]:
        return [
            f"Nothing can be said: none of the {count_of(result['tokens'], 'token')} of {count_of(result['wrong'], 'first wrong step')} can be measured. "
            f"{result['corpus']['name']} does not have them, or all counts are equal; give the texts that {result['models'][1]} was tuned on.",
            read,
        ]
    return [*_moved_sentences(result), *_change_sentences(result), read]


def _moved_sentences(result: dict[str, Any]) -> list[str]:
    """Risen against fallen, and what of the steps cannot be told."""
    tokens, steps = result["moved"]["tokens"], result["moved"]["steps"]
    untold = result["wrong"] - steps["of"]
    lines = [
        f"{_headline(result)}: of {count_of(tokens['of'], 'token')} the score of {tokens['risen']} rose (by {RISE:g} or more, and by more than on {result['null']['name']}), "
        f"that of {tokens['fallen']} fell by the same rule: {_interval(tokens['net'], _points)}. "
        f"A token rose in {steps['risen']} and fell in {steps['fallen']} of {count_of(steps['of'], 'first wrong step')} ({count_of(tokens['problems'], 'problem')}): {_interval(steps['net'], _points)}."
    ]
    if tokens["risen"] and _direction(tokens) != "more":
        lines.append("The tokens that rose are listed as candidates, no more.")
    if untold:
        lines.append(
            f"{count_of(untold, 'first wrong step')} left out: no token can be measured there."
        )
    return lines


def _direction(tokens: dict[str, Any]) -> str:
    """`more`, `less`, `open`, or `few`: too few problems to tell."""
    low, high = tokens["net"]["low"], tokens["net"]["high"]
    if tokens["problems"] < LEAST_PROBLEMS or low is None:
        return "few"
    return "more" if low > 0 else "less" if high < 0 else "open"


def _headline(result: dict[str, Any]) -> str:
    before, after = result["models"]
    tokens = result["moved"]["tokens"]
    direction = _direction(tokens)
    if direction == "few":
        return f"Too few problems to tell whether wrong steps follow the corpus more in {after} than in {before} ({LEAST_PROBLEMS} are needed)"
    if direction == "open":
        return (
            f"It is not shown that wrong steps follow the corpus more in {after} than in {before}"
        )
    return f"Wrong steps follow the corpus {direction} in {after} than in {before}"


def _change_sentences(result: dict[str, Any]) -> list[str]:
    change, null = result["changes"][0], result["null"]["name"]
    lines = []
    if change["change"]["low"] is None:
        lines.append(
            "Too few problems for an interval of the mean; give more chains, or harder problems."
        )
    else:
        beyond = (
            f"on {null} nothing can be measured, and the rule holds a rise against none there"
            if change["beyond"]["mean"] is None
            else f"beyond the change on {null}: {_interval(change['beyond'], signed)}"
        )
        lines.append(
            f"Mean STIM went from {fixed(change['before']['mean'])} to {fixed(change['after']['mean'])}: {_interval(change['change'], signed)}; {beyond}."
        )
    if (left := change["left_out"]) > 0:
        lines.append(
            f"{count_of(left, 'token')} cannot be measured: all counts are equal, or the corpus does not have the token."
        )
    return lines


def _prompt_sentence(prompt: dict[str, Any]) -> str:
    """What the models read the chains behind."""
    said, n, of = prompt["instruction"], prompt["chains"], prompt["of"]
    if not said or not n:
        return "Both models read the chains behind the prompts without an instruction (--instruction TEXT gives one)."
    where = "" if n == of else f" in {n} of {of}"
    return f"Both models read the chains behind the question and {said!r}{where} (--instruction says another, or none)."


def _points(share: float) -> str:
    return f"{signed(100 * share, digits=1)} %"


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
