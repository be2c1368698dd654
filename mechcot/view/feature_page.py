"""The page of sparse features, from `score.json`, `falsify.json` and `probe.json` alone."""

from collections.abc import Mapping, Sequence
from typing import Any

from mechcot.view.figures import features as figures
from mechcot.view.figures.probes import probes as probe_figure
from mechcot.view.plates import Plate
from mechcot.view.report import render
from mechcot.view.tables import Cell, Table, table
from mechcot.view.words import DASH, fixed, interval, number, percent

DRAWN = 12
NEAREST = 8
PROBED = (
    "A target that the words of the step alone tell as well as the state says nothing about reasoning. "
    "A diamond below the line is what the dictionary loses. A model without a line has one class only."
)


def page(
    score: Mapping[str, Any],
    trials: Mapping[str, Any] | None,
    probes: Mapping[str, Any] | None = None,
) -> str:
    """Set the page.

    Args:
        score: What `score.json` holds.
        trials: What `falsify.json` holds; None when the features were not tried.
        probes: What `probe.json` holds; None when no probe was held.

    Returns:
        HTML text, the same for the same data.
    """
    top, names = score["top"][:DRAWN], score["models"]
    numbers = _features(score)
    plates = [
        Plate(
            1,
            figures.along(score["along"], [row["feature"] for row in top]),
            "The features of highest score. One that lights up on single words only is a word feature until the trials say otherwise.",
            numbers,
        ),
        Plate(
            2,
            figures.kinds(top, names),
            "A feature of one kind of step has one high pair of bars.",
            numbers,
        ),
        Plate(
            3,
            figures.histograms(top),
            "A feature that stands for a kind fires in all steps of this kind and in no other; one that fires in some of them only "
            "stands for something else that these steps often hold.",
            numbers,
        ),
        Plate(
            4,
            figures.change(score["features"], names),
            "Marks on the dotted diagonal are as active after fine-tuning as before it.",
            _changes(score),
        ),
    ]
    probed = None
    if probes is not None:
        told = _probes(probes["models"])
        probed = Plate(5, probe_figure(probes["models"]), PROBED, told)
    return render(
        "features.html.j2",
        [*plates, *([probed] if probed else [])],
        score=score,
        trials=trials,
        fits=_fits(score),
        numbers=numbers,
        tried=None if trials is None else _trials(trials)[0],
        refused=None if trials is None else _trials(trials)[1],
        survivors=[] if trials is None else [_context(row) for row in trials["shown"]],
        contexts=[_context(row) for row in top],
        shown=plates,
        probed=probed,
    )


def _fits(score: Mapping[str, Any]) -> Table:
    return table(
        ("model", "explained variance", "L0", "dead", "loss recovered", "against the mean state"),
        [
            (
                Cell(fit["model"]),
                Cell(f"{fit['explained_variance']:.3f}", "number"),
                Cell(f"{fit['l0']:.1f}", "number"),
                Cell(percent(fit["dead_share"]), "number"),
                *(
                    Cell(DASH if fit[key] is None else f"{fit[key]:.3f}", "number")
                    for key in ("recovered_zero", "recovered_mean")
                ),
            )
            for fit in score["fit"]
        ],
    )


def _score(value: float | None) -> str:
    return DASH if value is None else f"{value:.4f}"


def _features(score: Mapping[str, Any]) -> Table:
    before, after = score["models"]
    return table(
        (
            "feature",
            "score on kinds",
            "score on words",
            "most selective for",
            f"fires, {before}",
            f"fires, {after}",
            "change",
        ),
        [
            (
                Cell(str(row["feature"]), "number"),
                Cell(_score(row["score_kinds"]), "number"),
                Cell(_score(row["score_words"]), "number"),
                Cell(*_best(row)),
                Cell(f"{100 * row['frequency'][0]:.1f} %", "number"),
                Cell(f"{100 * row['frequency'][1]:.1f} %", "number"),
                _change(row["change"]),
            )
            for row in score["top"][:DRAWN]
        ],
    )


def _best(row: Mapping[str, Any]) -> tuple[str, Any, str]:
    kinds = row["kinds"][0]
    best = max(kinds, key=lambda kind: kinds[kind]["selectivity"])
    return best, "", f"d = {fixed(kinds[best]['selectivity'])}"


def _change(found: Mapping[str, Any] | None) -> Cell:
    if found is None:
        return Cell(DASH, "number", "too rare")
    return Cell(number(found["change"]), "number", interval(found["low"], found["high"]))


def _changes(score: Mapping[str, Any]) -> Table:
    told = [row for row in score["features"] if row["change"]]
    most = sorted(told, key=lambda row: -abs(row["change"]["change"]))[:30]
    return table(
        ("feature", "before", "after", "change", "p (Holm)"),
        [
            (
                Cell(str(row["feature"]), "number"),
                Cell(number(row["change"]["before"]), "number"),
                Cell(number(row["change"]["after"]), "number"),
                _change(row["change"]),
                Cell(number(row["change"]["p_holm"]), "number"),
            )
            for row in most
        ],
    )


def _probes(models: Sequence[Mapping[str, Any]]) -> Table:
    rows = []
    for each in models:
        for name, target in each["targets"].items():
            if target is None:
                rows.append((Cell(each["model"]), Cell(name), *[Cell(DASH, "number")] * 6))
                continue
            held = target["probes"]
            shown = ("state", "features", "8 features", "words", "features, shuffled")
            rows.append(
                (
                    Cell(each["model"]),
                    Cell(name),
                    Cell(f"{target['chance']:.2f}", "number"),
                    *(
                        Cell(
                            fixed(held[key]["mean"]),
                            "number",
                            interval(held[key]["low"], held[key]["high"]),
                        )
                        for key in shown
                    ),
                )
            )
    return table(
        ("model", "target", "chance", "state", "features", "8 features", "words", "shuffled"), rows
    )


def _trials(trials: Mapping[str, Any]) -> tuple[Table, Table]:
    """The survivors and the `NEAREST` that failed least, and the others."""

    def value(trial: Mapping[str, Any], name: str) -> str:
        return DASH if trial[name] is None else fixed(trial[name])

    ordered = sorted(
        trials["trials"],
        key=lambda t: (
            not t["survives"],
            -sum(t["passes"].values()),
            99.0 if t["injection_d"] is None else t["injection_d"],
        ),
    )
    first = trials["survivors"] + NEAREST
    heads = (
        "feature",
        "kind",
        "strongest on",
        "injection d <",
        "kept when reworded",
        "selectivity",
        "random",
        "shuffled",
        "survives",
    )
    rows = [
        (
            Cell(str(trial["feature"]), "number"),
            Cell(trial["kind"]),
            Cell(" ".join(trial["tokens"]), "code"),
            *(
                Cell(value(trial, name), "number")
                for name in ("injection_d", "kept", "selectivity", "random", "shuffled")
            ),
            Cell("yes" if trial["survives"] else "no", "ok"),
        )
        for trial in ordered
    ]
    return table(heads, rows[:first]), table(heads, rows[first:])


def _context(row: Mapping[str, Any]) -> Mapping[str, Any]:
    """A feature's logit effects and top steps, each token with its share of the largest activation."""
    peak = max((v for each in row["contexts"] for v in each["values"]), default=1.0) or 1.0
    steps = [
        {
            "kind": each["kind"],
            "trace": each["trace"],
            "tokens": [
                (token, f"{0.75 * max(v, 0.0) / peak:.2f}", f"{v:.2f}")
                for token, v in zip(each["tokens"], each["values"], strict=True)
            ],
        }
        for each in row["contexts"]
    ]
    return {"feature": row["feature"], "logits": row["logits"], "steps": steps}
