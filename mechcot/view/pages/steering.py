"""The page of a steering experiment, from `summary.json` alone."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from mechcot.stats.dose_tolerance import DOSE_FACTOR
from mechcot.text.number_format import KINDS_NOTE
from mechcot.view.figures.dose_response import (
    Difference,
    DoseLine,
    DosePanel,
    Point,
    cost_frontier,
    differences,
    dose_curves,
)
from mechcot.view.pages.numbered_figures import NumberedFigure
from mechcot.view.pages.report import render_page
from mechcot.view.pages.steering_arm_texts import (
    CONTROL_ROLES,
    NAN,
    Arm,
    against,
    at_dose,
    compared,
    condition_name,
    dose,
    end,
    has_unread,
    largest,
    missed,
    nats,
    spread,
    strength,
    title,
    value,
)
from mechcot.view.pages.steering_tables import (
    arms_first,
    condition_contrast_table,
    condition_table,
    contrasts_first,
    means,
    points_table,
    vectors,
    vectors_first,
)
from mechcot.view.pages.steering_text import details, steering_claims
from mechcot.view.theme import PALETTE, Look, looks

DOSED = ("vector", *CONTROL_ROLES, "truncation")
PENALTIES = ("penalty", "matched tokens")
OPEN = " Open marks: no factor brings this arm to the dose that was asked for."

UNREAD = " An answer that cannot be read counts as not right; the table of all arms says how many."


def steering_page(result: Mapping[str, Any]) -> str:
    """Set the page.

    Args:
        result: What `summary.json` holds.

    Returns:
        HTML text, the same for the same data.
    """
    ordered = sorted(result["arms"], key=lambda arm: arm["role"] not in ("vector", *PENALTIES))
    every = list(
        dict.fromkeys(condition_name(arm, result) for arm in ordered)
    )  # best told apart: the first
    look = looks(every)
    plates = _plates(result, look)
    return render_page(
        "steer.html.j2",
        plates,
        result=result,
        plates=plates,
        numbers=condition_table(result),
        vectors=vectors(result),
        contrasts=condition_contrast_table(result["contrasts"], result),
        arms_first=arms_first(result),
        contrasts_first=contrasts_first(result),
        vectors_first=vectors_first(result),
        most=largest([arm for arm in result["arms"] if arm["role"] != "sweep"]),
        claims=steering_claims(result),
        details=details(result),
        apart=DOSE_FACTOR,
        shown=_shown(result),
        n=_n(result),
        kinds=KINDS_NOTE,
    )


def _plates(result: Mapping[str, Any], look: dict[str, Look]) -> list[NumberedFigure]:
    made = (_held(result), _doses(result, look), _frontier(result, look), _sweep(result, look))
    return [replace(plate, number=n) for n, plate in enumerate(filter(None, made), start=1)]


def _readouts(result: Mapping[str, Any]) -> list[str]:
    """Return what is drawn: the readout, length, right answers, those that cannot be read where there are some, and likelihood."""
    lost = ["unread"] if has_unread(result["arms"]) else []
    names = (result["experiment"]["readout"], "tokens", "correct", *lost, "nats_per_token")
    return list(dict.fromkeys(names))


def _doses(result: Mapping[str, Any], look: dict[str, Look]) -> NumberedFigure | None:
    """Dose curves; where there are several models, of the vectors alone (controls have a plate of their own)."""
    experiment, arms = result["experiment"], result["arms"]
    penalty, several = bool(experiment["penalty"]), len(experiment["models"]) > 1
    roles = PENALTIES if penalty else ("vector",) if several else DOSED
    dosed = [a for a in arms if a["role"] in roles]
    if not dosed:
        return None
    readouts = _readouts(result)
    if penalty:
        readouts += ["any_correct_thought", "underthinking"]
    figure = dose_curves(
        [_panel(result, dosed, name, "alpha" if penalty else "nats") for name in readouts],
        look,
        title="What the penalty does" if penalty else "What a dose does",
        subtitle=f"mean over n = {_n(result)} items; bars: 95 % intervals; dotted: nothing acts",
        axis="alpha, taken from the logits"
        if penalty
        else "measured dose: mean KL in nats a token",
    )
    caption = "A real effect moves away from the dotted line where its control stays on it."
    if not penalty:
        caption += (
            " Compare points of one dose: every point stands at the dose that was measured; bars sideways reach from the least to the largest dose of a chain."
            + OPEN * any(map(missed, dosed))
        )
    return NumberedFigure(0, figure, caption, means(dosed, readouts, result))


def _held(result: Mapping[str, Any]) -> NumberedFigure | None:
    """Return what the vector (or penalty) does beyond each control of its dose, at the largest dose or alpha."""
    experiment = result["experiment"]
    strength = "alpha" if experiment["penalty"] else "nats"
    every = [c for c in result["contrasts"] if c["what"] in ("vector", "penalty")]
    at_most = [c for c in every if c[strength] == max(contrast[strength] for contrast in every)]
    contrasts = [c for c in at_most if compared(c, result)]
    if not contrasts:
        return None
    left = len(at_most) - len(contrasts)
    names = list(contrasts[0]["values"])
    rows = [
        Difference(
            against(contrast, result),
            *(tuple(end(contrast, name, e) for name in names) for e in ("mean", "low", "high")),
        )
        for contrast in contrasts
    ]
    order = list(dict.fromkeys(contrast["against"] for contrast in contrasts))
    colours = [PALETTE[order.index(contrast["against"]) % len(PALETTE)] for contrast in contrasts]
    what = (
        f"alpha {contrasts[0]['alpha']:g}"
        if experiment["penalty"]
        else f"{contrasts[0]['nats']:g} nats asked"
    )
    subtitle = f"differences on the same n = {_n(result)} items at {what}; bars: 95 % intervals; dotted: none"
    texts = {
        "title": f"What the {contrasts[0]['what']} does beyond its controls",
        "subtitle": subtitle,
    }
    figure = differences(rows, [title(name) for name in names], colours, **texts)
    caption = (
        "Each line is the vector (or penalty) minus what it is held against, at the same dose, model and sign. "
        "Where an interval touches the dotted line, the two are not told apart."
        + f" Left out, since its measured dose is another one: {left} of {len(at_most)} comparisons (see the table of comparisons)."
        * bool(left)
    )
    return NumberedFigure(0, figure, caption, condition_contrast_table(contrasts, result))


def _frontier(result: Mapping[str, Any], look: dict[str, Look]) -> NumberedFigure | None:
    if result["experiment"]["penalty"]:
        return None
    several = len(result["experiment"]["models"]) > 1
    left_out = ("sweep", *CONTROL_ROLES) if several else ("sweep",)
    points = [_point(a, result) for a in result["arms"] if a["role"] not in left_out]
    caption = (
        "Every way of writing, by what it costs and what it gets right."
        + " Truncation cuts the clean chain at the length that the steered one had and asks for the answer."
        * any(a["role"] == "truncation" for a in result["arms"])
        + UNREAD * has_unread(result["arms"])
        + OPEN * any(point.missed for point in points)
    )
    marks: dict[str, float] = {}
    if result["experiment"]["compare"]["bare"] and "shortest" in result:
        clean = next(value(a, "tokens") for a in result["arms"] if a["role"] == "clean")
        shortest = result["shortest"]
        marks = {
            "shortest right chain without marker words": shortest["bare"],
            "40 % fewer than clean": 0.6 * clean,
            "shortest with marker words": shortest["marked"],
        }
        caption += " Dotted: the goal, and the shortest right chains of this language, with one marker word a step and with none."
    figure = cost_frontier(points, look, n=_n(result), marks=marks)
    return NumberedFigure(0, figure, caption, points_table(points))


def _sweep(result: Mapping[str, Any], look: dict[str, Look]) -> NumberedFigure | None:
    experiment = result["experiment"]
    swept = [a for a in result["arms"] if a["role"] == "sweep"]
    if not swept:
        return None
    readouts = _readouts(result)
    figure = dose_curves(
        [_panel(result, swept, name, "site") for name in readouts],
        look,
        title="Where it acts",
        subtitle=f"one vector a site, {experiment['compare']['sweep_nats']:g} nats asked; n = {_n(result)} held-out items; "
        "bars: 95 % intervals; dotted: nothing acts",
        axis="site",
    )
    caption = "Shown as a curve, since the best site of a sweep flatters itself."
    off = [a for a in swept if missed(a)]
    if off:
        doses = ", ".join(f"{a['site']} has {nats(dose(a))} nats" for a in off)
        caption += f"{OPEN} Sites are compared only where the dose is the same: {doses}."
    else:
        caption = f"The same dose at every site. {caption}"
    return NumberedFigure(0, figure, caption, means(swept, readouts, result))


def _n(result: Mapping[str, Any]) -> int:
    return max(arm["n"] for arm in result["arms"])


def _panel(result: Mapping[str, Any], arms: Sequence[Arm], name: str, axis: str) -> DosePanel:
    lines = []
    for line in dict.fromkeys(condition_name(arm, result) for arm in arms):
        here = [
            a
            for a in arms
            if condition_name(a, result) == line and value(a, name) == value(a, name)
        ]
        if here:
            lines.append(_line(line, here, name, axis))
    asked = {arm["model"] for arm in arms}
    clean = [a for a in result["arms"] if a["role"] == "clean" and a["model"] in asked]
    return DosePanel(title(name), tuple(lines), value(clean[0], name) if len(clean) == 1 else NAN)


def _line(line: str, arms: Sequence[Arm], name: str, axis: str) -> DoseLine:
    """One curve; a dose stands where it was measured, whatever was asked for."""
    by_dose = axis == "nats"
    here = sorted(arms, key=dose) if by_dose else arms
    ends = (tuple(value(a, name, end) for a in here) for end in ("mean", "low", "high"))
    marked = axis != "alpha"
    return DoseLine(
        line,
        tuple(dose(a) if by_dose else a[axis] for a in here),
        *ends,
        spread=tuple(map(spread, here)) if by_dose else (),
        missed=tuple(map(missed, here)) if marked else (),
        notes=tuple(map(at_dose, here)) if marked else (),
    )


def _point(arm: Arm, result: Mapping[str, Any]) -> Point:
    given = f" at {at_dose(arm)}" if arm["site"] else ""
    given = f", {strength(arm)} steps" if arm["role"].endswith("bare") else given
    name = condition_name(arm, result)
    ends = (value(arm, "correct", end) for end in ("mean", "low", "high"))
    return Point(name, name + given, value(arm, "tokens"), *ends, missed=missed(arm))


def _shown(result: Mapping[str, Any]) -> list[tuple[str, list[Any]]]:
    """The first item as written by nothing, and by the largest dose or alpha of each kind of arm."""
    best: dict[str, Arm] = {}
    for arm in result["arms"]:
        if arm["shown"] and arm["role"] in {"clean", "vector", "vector, bare", "penalty"}:
            best[condition_name(arm, result)] = arm
    return [
        (
            name
            + (f", {at_dose(a)}" if a["site"] else f", alpha {a['alpha']:g}" * (a["alpha"] > 0)),
            a["shown"],
        )
        for name, a in best.items()
    ]
