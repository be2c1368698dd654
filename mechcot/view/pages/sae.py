"""The page of sparse features, from `score.json`, `falsify.json` and `probe.json` alone."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from mechcot.core.wording import count_of
from mechcot.stats.feature_trials import Standing, passes, standing, tally
from mechcot.text.number_format import DASH, KINDS_NOTE, fixed, interval, number, or_dash, percent
from mechcot.view.figures import sae_features as figures
from mechcot.view.figures.probes import probes as probe_figure
from mechcot.view.pages.numbered_figures import NumberedFigure
from mechcot.view.pages.plain_tables import Cell, Table, numeric, row_table, table, value_cell
from mechcot.view.pages.report import render_page
from mechcot.view.pages.sections import top_steps

_DRAWN = 12
_NEAREST = 8
SAID = {Standing.SURVIVES: "yes", Standing.UNTESTED: "untested", Standing.FAILED: "no"}
"""Whether a candidate survives, in the order of the table."""
PROBED = (
    "A target that the words of the step alone tell as well as the state says nothing about reasoning. "
    "A diamond below the line is what the dictionary loses. A model without a line has one class only."
)


def sae_page(
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
    top = score["top"][:_DRAWN]
    plates = [replace(plate, number=n) for n, plate in enumerate(_plates(score, top), start=1)]
    headline = plates[0] if plates else None
    probed = None
    if probes is not None:
        numbers = _probes(probes["models"])
        probed = NumberedFigure(len(plates) + 1, probe_figure(probes["models"]), PROBED, numbers)
    first, rest = (None, None) if trials is None else _trials(trials)
    return render_page(
        "features.html.j2",
        [*plates, *([probed] if probed else [])],
        score=score,
        fits=_fits(score),
        numbers=_features(score),
        listed=_listed(score),
        claims=_claims(score, trials),
        headline=headline,
        undecided=undecided(score, trials),
        tried=first,
        refused=rest,
        survivors=[] if trials is None else [_context(row) for row in trials["shown"]],
        contexts=[_context(row) for row in top],
        shown=plates[1:],
        probed=probed,
    )


def _claims(score: Mapping[str, Any], trials: Mapping[str, Any] | None) -> list[str]:
    """One sentence a claim: what may be called a reasoning feature, and what changed."""
    before, after = score["models"]
    if score["tested"]:
        changed = (
            f"{score['changed']} of {score['tested']} features changed from {before} to {after} on the same tokens "
            f"({score['more']} more active), Wilcoxon with Holm at .05."
        )
    else:
        changed = (
            f"No change from {before} to {after} was tested: no feature is active in enough chains."
        )
    return [_survivors(trials), changed]


def _survivors(trials: Mapping[str, Any] | None) -> str:
    if trials is None:
        return "No feature has been tried yet (mechcot sae falsify), so none may be called a reasoning feature."
    counted, model = tally(trials["trials"]), trials["model"]
    survived, failed, untested = (counted.standings[name] for name in Standing)
    if not survived + failed:
        return f"{counted.headline}, so none may be called a reasoning feature of {model}."
    rest = f" ({failed} failed, {untested} not tested in full)" if untested else ""
    return f"{survived} of {count_of(counted.candidates, 'candidate')} may be called reasoning features of {model}{rest}."


def undecided(score: Mapping[str, Any], trials: Mapping[str, Any] | None) -> list[str]:
    """What was not tried, or is not exact, with the reasons; what each trial gave where there were any."""
    lines = [f"{what}: {why}." for what, why in score.get("missing", {}).items()]
    if trials is not None:
        counted = tally(trials["trials"])
        lines += [f"{line}." for line in (counted.by_trial, *counted.untested) if line]
    return [line[0].upper() + line[1:] for line in lines]


def _plates(score: Mapping[str, Any], top: Sequence[Mapping[str, Any]]) -> list[NumberedFigure]:
    """The figures that these chains give: none of features where none fires, none of changes where none was tested."""
    made = []
    if any(row["change"] for row in score["features"]):
        made.append(
            NumberedFigure(
                0,
                figures.change(score["features"], score["models"]),
                "Marks on the dotted diagonal are as active after fine-tuning as before it.",
                _changes(score),
            )
        )
    if top:
        numbers, several = _features(score), len(score["steps"]) > 1
        along = figures.token_figure(score["along"], [row["feature"] for row in top])
        word = "One that lights up on single words only is a word feature until the trials say otherwise."
        made.append(NumberedFigure(0, along, f"{_listed(score)} {word}", numbers))
        if any(row["kinds"][side] for row in top for side in (0, 1)):
            made.append(
                NumberedFigure(
                    0,
                    figures.kind_figure(top, score["models"]),
                    f"A feature of one kind of step has one high pair of bars. {KINDS_NOTE}"
                    if several
                    else _one_kind(score),
                    numbers,
                )
            )
        made.append(
            NumberedFigure(
                0,
                figures.histogram_figure(top),
                "A feature that stands for a kind fires in all steps of this kind and in no other; one that fires in some of them only "
                "stands for something else that these steps often hold."
                if several
                else _one_kind(score),
                numbers,
            )
        )
    return made


def _one_kind(score: Mapping[str, Any]) -> str:
    (kind,) = score["steps"]
    return f"Every step of these chains is of one kind ({kind}), so no feature can be told to stand for it."


def _listed(score: Mapping[str, Any]) -> str:
    """Return which features are shown, and in what order."""
    by, fire, shown = _ranked_by(score), len(score["features"]), min(_DRAWN, len(score["top"]))
    if not shown:
        return "No feature fires on any token of these chains."
    every = (
        f"All {fire} features that fire"
        if shown == fire > 1
        else "The one feature that fires"
        if fire == 1
        else ""
    )
    if by is None:
        why = (
            "no feature has a score that tells it from others: no reasoning word and no exploration, verification or backtracking step "
            "stands apart in these chains"
        )
        return (
            f"{every or f'{shown} of the {fire} features that fire'}, in no order of merit ({why})."
        )
    return (
        f"{every}, by score on {by}."
        if every
        else f"The {shown} features of highest score on {by}."
    )


def _ranked_by(score: Mapping[str, Any]) -> str | None:
    """By which score features are ranked; files of earlier versions rank by the one on kinds, also where it is the same for all."""
    if "top_by" in score:
        by: str | None = score["top_by"]
        return by
    scores = {row["score_kinds"] for row in score["features"]} - {None}
    return "kinds" if len(scores) > 1 or len(score["features"]) == len(scores) == 1 else None


def _fits(score: Mapping[str, Any]) -> Table:
    columns = {
        "model": lambda fit: Cell(fit["model"]),
        "explained variance": lambda fit: numeric(
            or_dash(fit["explained_variance"], "{:.3f}".format)
        ),
        "L0": lambda fit: numeric(f"{fit['l0']:.1f}"),
        "dead": lambda fit: numeric(percent(fit["dead_share"])),
        "loss recovered": lambda fit: numeric(or_dash(fit["recovered_zero"], "{:.3f}".format)),
        "against the mean state": lambda fit: numeric(
            or_dash(fit["recovered_mean"], "{:.3f}".format)
        ),
    }
    return row_table(score["fit"], columns)


def _features(score: Mapping[str, Any]) -> Table:
    before, after = score["models"]
    columns = [
        ("feature", lambda row: numeric(str(row["feature"]))),
        ("score on kinds", lambda row: numeric(or_dash(row["score_kinds"], "{:.4f}".format))),
        ("score on words", lambda row: numeric(or_dash(row["score_words"], "{:.4f}".format))),
        ("most selective for", _best),
        (f"fires, {before}", lambda row: numeric(f"{100 * row['frequency'][0]:.1f} %")),
        (f"fires, {after}", lambda row: numeric(f"{100 * row['frequency'][1]:.1f} %")),
        ("change", lambda row: _change(row["change"])),
    ]
    return row_table(score["top"][:_DRAWN], columns)


def _best(row: Mapping[str, Any]) -> Cell:
    kinds = row["kinds"][0]
    best = max(kinds, key=lambda kind: kinds[kind]["selectivity"], default=None)
    if best is None or kinds[best]["selectivity"] <= 0:
        return Cell("no kind")
    return Cell(best, "", f"d = {fixed(kinds[best]['selectivity'])}")


def _change(change: Mapping[str, Any] | None) -> Cell:
    if change is None:
        return Cell(DASH, "number", "too rare")
    return value_cell(change["change"], change["low"], change["high"])


def _changes(score: Mapping[str, Any]) -> Table:
    tested = [row for row in score["features"] if row["change"]]
    most = sorted(tested, key=lambda row: -abs(row["change"]["change"]))[:30]
    columns = {
        "feature": lambda row: numeric(str(row["feature"])),
        "before": lambda row: numeric(number(row["change"]["before"])),
        "after": lambda row: numeric(number(row["change"]["after"])),
        "change": lambda row: _change(row["change"]),
        "p (Holm)": lambda row: numeric(number(row["change"]["p_holm"])),
    }
    return row_table(most, columns)


def _probes(models: Sequence[Mapping[str, Any]]) -> Table:
    rows = []
    for model in models:
        for name, target in model["targets"].items():
            if target is None:
                rows.append((Cell(model["model"]), Cell(name), *[Cell(DASH, "number")] * 6))
                continue
            scores = target["probes"]
            shown = ("state", "features", "8 features", "words", "features, shuffled")
            rows.append(
                (
                    Cell(model["model"]),
                    Cell(name),
                    Cell(f"{target['chance']:.2f}", "number"),
                    *(_probe(scores.get(key)) for key in shown),
                )
            )
    return table(
        ("model", "target", "chance", "state", "features", "8 features", "words", "shuffled"), rows
    )


def _probe(score: Mapping[str, Any] | None) -> Cell:
    if score is None:
        return Cell(DASH, "number", "not held")
    return Cell(fixed(score["mean"]), "number", interval(score["low"], score["high"]))


def _trials(trials: Mapping[str, Any]) -> tuple[Table, Table]:
    """The survivors and the `_NEAREST` that come next (untested ones, then those that failed least), and the others."""

    def value(trial: Mapping[str, Any], name: str) -> Cell:
        return numeric(or_dash(trial[name], fixed))

    judged = [(trial, passes(trial)) for trial in trials["trials"]]
    ordered = sorted(
        judged,
        key=lambda pair: (
            list(SAID).index(standing(pair[1])),
            -sum(ok is True for ok in pair[1].values()),
            99.0 if pair[0]["injection_d"] is None else pair[0]["injection_d"],
        ),
    )
    first = sum(standing(outcomes) is Standing.SURVIVES for _, outcomes in judged) + _NEAREST
    columns = {
        "feature": lambda pair: numeric(str(pair[0]["feature"])),
        "kind": lambda pair: Cell(pair[0]["kind"]),
        "strongest on": lambda pair: Cell(
            " ".join(pair[0]["tokens"]) or DASH, "code" if pair[0]["tokens"] else ""
        ),
        "injection d <": lambda pair: value(pair[0], "injection_d"),
        "kept when reworded": lambda pair: value(pair[0], "kept"),
        "selectivity": lambda pair: value(pair[0], "selectivity"),
        "random": lambda pair: value(pair[0], "random"),
        "shuffled": lambda pair: value(pair[0], "shuffled"),
        "survives": lambda pair: Cell(SAID[standing(pair[1])], "ok"),
    }
    return row_table(ordered[:first], columns), row_table(ordered[first:], columns)


def _context(row: Mapping[str, Any]) -> Mapping[str, Any]:
    return top_steps(f"Feature {row['feature']}", row["contexts"], {"": row["logits"]})
