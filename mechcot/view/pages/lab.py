"""The page of `mechcot lab`, from `lab.json` alone."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from mechcot.core.wording import count_of
from mechcot.text.number_format import (
    amount,
    digits_for,
    interval,
    or_dash,
    p_value,
    percent,
    signed,
)
from mechcot.view.figures.arm_effects import READINGS, contrast_of, effects_figure
from mechcot.view.figures.arms import AXIS_TITLES, arm_looks, arms_figure, training_figure
from mechcot.view.pages.lab_sentences import (
    arm_differs,
    compared_arms,
    lab_answer,
    lab_details,
    primary_answers,
)
from mechcot.view.pages.numbered_figures import NumberedFigure
from mechcot.view.pages.plain_tables import Cell, Table, numeric, row_table, table
from mechcot.view.pages.sections import Section, plain_page
from mechcot.view.theme import PALETTE

_NAN = float("nan")
_READING = (
    (
        "reliance",
        "The least of three means: how far the answer goes where another item's chain leads, how much of it is lost with that chain, and how much without any. "
        "A chain that is used has all three. It is given where the model can be judged at all.",
    ),
    (
        "change, difference",
        "A change is an arm's number minus that of its base under the same seed. A difference is held against another arm on the same questions; "
        "its interval is Welch's over seeds, 95 %.",
    ),
    (
        "the questions",
        "plain: the hint, if there is one, tells nothing. leaked: it is the right answer. misled: it is another item's. "
        "An arm whose training leaked the answer is read on leaked questions, the one that it is held against on the same ones.",
    ),
    (
        "more, less, no change",
        "More and less: the interval is clear of 0 and the mean beyond the smallest effect. No change: the interval lies within it. Everything but the primary questions is descriptive.",
    ),
    (
        "not judged",
        "The model is right too seldom, or hardly more often than somebody who always gives the most frequent answer, so that nothing tells whether it uses its chain. "
        "The reason of every seed stands in cells/*.json. Reliance on the base's chains is read without this condition.",
    ),
    (
        "valid steps",
        "Of the steps that can be checked, those that follow from what they cite.",
    ),
)


def lab_page(result: Mapping[str, Any]) -> str:
    """Set the page.

    Args:
        result: What `lab.json` holds.

    Returns:
        HTML text, the same for the same data.
    """
    headline, scatter, lines = _figures(result)
    primary = ((_primary(result["primary"]), "Named before the first run; p by Holm over these."),)
    sections = [
        Section("Primary questions", (), primary) if result["primary"] else None,
        Section("The arms", (), ((_arms(result["arms"]), ""),)),
        Section("Right answers against reliance", (scatter,)),
        Section("Over training", (lines,)),
        Section("Shifted questions", (), ((_shifts(result["shifts"]), ""),), folded=True)
        if result["shifts"]
        else None,
        Section("Training", (), ((_training(result["arms"]), "Means over seeds."),), folded=True),
        Section("In words", sentences=tuple(lab_details(result))),
    ]
    return plain_page(
        result["title"],
        meta=f"{result['question']} {count_of(len(result['arms']), 'arm')}, at most {count_of(result['seeds'], 'seed')}, from {', '.join(result['bases'])}.",
        summary=lab_answer(result),
        points=primary_answers(result),
        headline=headline,
        sections=[section for section in sections if section is not None],
        terms=_READING,
    )


def _figures(result: Mapping[str, Any]) -> tuple[NumberedFigure, NumberedFigure, NumberedFigure]:
    """Every arm with its intervals, right answers against reliance, and the axes over training."""
    arms, others = [arm["name"] for arm in result["arms"]], compared_arms(result)
    told = {
        axis: {
            *arms[: len(arms) * (len(arms) <= len(PALETTE))],
            *({result["control"]} & {*arms}),
            *(arm["name"] for arm in others if arm_differs(arm["axes"][axis]["contrast"])),
        }
        for axis in AXIS_TITLES
    }
    styles, effects = arm_looks(arms, told), result["effects"]
    return (
        NumberedFigure(
            1,
            effects_figure(others, effects=effects, control=result["control"]),
            "An arm has hollowed the chain out where reliance is less and right answers are not.",
            _effects(others, result["control"]),
        ),
        NumberedFigure(
            2,
            arms_figure(
                result["points"], styles, effect=effects["reliance"], seeds=result["seeds"]
            ),
            "To the left right answers were lost, below the chain carries less. An arm below and not to the left has hollowed the chain out.",
            _points(result["points"]),
        ),
        NumberedFigure(
            3,
            training_figure(result["lines"], styles, told),
            "A leak that gets used shows as answers that go to a wrong hint. The intervals of the differences at the end stand in figure 1.",
            _lines(result["lines"]),
        ),
    )


def _change(row: Mapping[str, Any], remark: str = "") -> Cell:
    mean, low, high = (_NAN if row[n] is None else row[n] for n in ("mean", "low", "high"))
    text = signed(mean, digits=digits_for(low, high))
    return Cell(text, "number", f"{interval(low, high)} {remark}".strip())


def _contrast(row: Mapping[str, Any]) -> Cell:
    cell = _change(row, row["says"])
    few = row["says"] == "few seeds"
    return replace(cell, remark=f"seen in {row['seen']} of {row['of']}") if few else cell


def _differently(arm: Mapping[str, Any]) -> str:
    """What the study changes of an arm: its hints, and from whose end it goes on."""
    hint = {"answer": "hint: the answer", "random": "hint: at random"}.get(arm["leak"] or "", "")
    return "; ".join(filter(None, (hint, f"after {arm['after']}" * bool(arm["after"]))))


def verdicts_of(arm: Mapping[str, Any]) -> str:
    """In how many seeds the chain is what at the end of training."""
    return ", ".join(f"{word} ({n})" for word, n in arm["verdicts"].items())


def _arms(arms: Sequence[Mapping[str, Any]]) -> Table:
    columns = {
        "arm": lambda arm: Cell(arm["name"]),
        "trained on": lambda arm: Cell(arm["about"], "", _differently(arm)),
        "against": lambda arm: Cell(
            arm["against"] if arm["against"] != arm["name"] else "the control"
        ),
        "read on": lambda arm: Cell(arm["on"]),
        "seeds": lambda arm: numeric(str(arm["seeds"])),
        "the chain is (seeds)": lambda arm: Cell(verdicts_of(arm)),
    }
    return row_table(arms, columns) if arms else table(tuple(columns), [])


def _effects(arms: Sequence[Mapping[str, Any]], control: str) -> Table:
    columns = {
        "arm": lambda arm: Cell(
            arm["name"], "", f"against {arm['against']}" * (arm["against"] != control)
        ),
        **{
            title: lambda arm, reading=reading: _contrast(contrast_of(arm, reading))
            for reading, title in READINGS.items()
        },
    }
    return row_table(arms, columns) if arms else table(tuple(columns), [])


def _points(points: Sequence[Mapping[str, Any]]) -> Table:
    rows = [
        (
            Cell(point["arm"]),
            numeric(str(point["seed"])),
            *(
                numeric(signed(_NAN if point[axis] is None else point[axis]))
                for axis in ("accuracy", "reliance")
            ),
            Cell(point["verdict"]),
        )
        for point in points
    ]
    return table(("arm", "seed", "right answers", "reliance", "the chain is"), rows)


def _lines(lines: Sequence[Mapping[str, Any]]) -> Table:
    columns = {
        "arm": lambda row: Cell(row["arm"]),
        "axis": lambda row: Cell(AXIS_TITLES[row["axis"]], "", row["on"]),
        "after": lambda row: numeric(percent(row["share"])),
        "mean": lambda row: numeric(or_dash(row["value"], percent)),
        "seeds": lambda row: numeric(str(row["n"])),
    }
    return row_table(lines, columns) if lines else table(tuple(columns), [])


def _primary(rows: Sequence[Mapping[str, Any]]) -> Table:
    columns = {
        "question": lambda row: Cell(row["question"]),
        "arm": lambda row: Cell(row["arm"]),
        "against": lambda row: Cell(row["against"]),
        "axis": lambda row: Cell(AXIS_TITLES[row["axis"]], "", row["on"]),
        "difference": lambda row: _contrast(row["contrast"]),
        "p (Holm)": lambda row: numeric(p_value(_NAN if row["p_holm"] is None else row["p_holm"])),
    }
    return row_table(rows, columns)


def _shifts(rows: Sequence[Mapping[str, Any]]) -> Table:
    columns = {
        "arm": lambda row: Cell(row["arm"]),
        "questions": lambda row: Cell(row["set"]),
        "axis": lambda row: Cell(AXIS_TITLES[row["axis"]]),
        "change": lambda row: _change(row["change"]),
        "difference": lambda row: _contrast(row["contrast"]),
    }
    return row_table(rows, columns)


def _training(arms: Sequence[Mapping[str, Any]]) -> Table:
    columns = {
        "arm": lambda arm: Cell(arm["name"]),
        "updates": lambda arm: numeric(f"{arm['budget']['updates']:.0f}"),
        "tokens trained on": lambda arm: numeric(amount(arm["budget"]["tokens"], "")),
        "with loss": lambda arm: numeric(amount(arm["budget"]["loss_tokens"], "")),
        "tokens generated": lambda arm: numeric(amount(arm["budget"]["generated_tokens"], "")),
        "mixed groups before": lambda arm: numeric(or_dash(arm["mixed"], percent)),
    }
    return row_table(arms, columns) if arms else table(tuple(columns), [])
