"""The page of `mechcot lab`, from `lab.json` alone."""

from collections.abc import Mapping, Sequence
from typing import Any

from mechcot.core.wording import count_of
from mechcot.text.number_format import amount, or_dash, p_value, percent, signed
from mechcot.view.figures.arms import AXIS_TITLES, arms_figure, letters, training_figure
from mechcot.view.pages.lab_sentences import lab_sentences
from mechcot.view.pages.numbered_figures import NumberedFigure
from mechcot.view.pages.plain_tables import Cell, Table, numeric, row_table, table, value_cell
from mechcot.view.pages.sections import Section, plain_page

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
    arms = [arm["name"] for arm in result["arms"]]
    headline = NumberedFigure(
        1,
        arms_figure(
            result["points"], arms, effect=result["effects"]["reliance"], seeds=result["seeds"]
        ),
        "To the left right answers were lost, below the chain carries less. An arm below and not to the left has hollowed the chain out.",
        _points(result["points"]),
    )
    lines = NumberedFigure(
        2,
        training_figure(result["lines"], arms),
        "A leak that gets used shows as answers that go to a wrong hint.",
        _lines(result["lines"]),
    )
    sections = [
        Section(
            "Arms and axes", (), ((_axes(result["arms"]), "Differences against the arm named."),)
        ),
        Section("Over training", (lines,)),
        Section(
            "Primary questions",
            (),
            ((_primary(result["primary"]), "Named before the first run; p by Holm over these."),),
        )
        if result["primary"]
        else None,
        Section("Shifted questions", (), ((_shifts(result["shifts"]), ""),), folded=True)
        if result["shifts"]
        else None,
        Section("Training", (), ((_training(result["arms"]), "Means over seeds."),), folded=True),
    ]
    return plain_page(
        result["title"],
        meta=f"{result['question']} {count_of(len(arms), 'arm')}, at most {count_of(result['seeds'], 'seed')}, from {', '.join(result['bases'])}.",
        summary=lab_sentences(result),
        headline=headline,
        sections=[section for section in sections if section is not None],
        terms=_READING,
    )


def _value(row: Mapping[str, Any]) -> Cell:
    mean, low, high = (_NAN if row[n] is None else row[n] for n in ("mean", "low", "high"))
    return value_cell(mean, low, high)


def _contrast(row: Mapping[str, Any]) -> Cell:
    cell = _value(row)
    remark = f"{cell.remark} {row['says']}"
    if row["says"] == "few seeds":
        remark = f"seen in {row['seen']} of {row['of']}"
    return Cell(cell.text, "number", remark.strip())


def _axes(arms: Sequence[Mapping[str, Any]]) -> Table:
    named = letters([arm["name"] for arm in arms])
    columns = {
        "arm": lambda arm: Cell(f"{named[arm['name']]} {arm['name']}", "", arm["about"]),
        "seeds": lambda arm: numeric(str(arm["seeds"])),
        "against": lambda arm: Cell(arm["against"]),
        "read on": lambda arm: Cell(arm["on"]),
    }
    for axis, title in AXIS_TITLES.items():
        columns[title] = lambda arm, axis=axis: _contrast(arm["axes"][axis]["contrast"])
    columns["on the base's chains"] = lambda arm: _contrast(arm["given"]["contrast"])
    columns["the chain is"] = lambda arm: Cell(
        ", ".join(f"{word} ({n})" for word, n in arm["verdicts"].items()), "verdict"
    )
    return row_table(arms, columns)


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
        "change": lambda row: _value(row["change"]),
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
