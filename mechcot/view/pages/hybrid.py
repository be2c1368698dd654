"""The page of `mechcot hybrid`, from `hybrid.json` alone."""

from collections.abc import Mapping
from typing import Any

from mechcot.core.wording import count_of
from mechcot.text.number_format import DASH, or_dash, percent
from mechcot.view.figures.hybrid import recovered_figure
from mechcot.view.pages.numbered_figures import NumberedFigure
from mechcot.view.pages.plain_tables import Cell, Table, numeric, row_table, value_cell
from mechcot.view.pages.sections import Section, plain_page, top_steps


def hybrid_page(result: Mapping[str, Any]) -> str:
    """Set the page.

    Args:
        result: What `hybrid.json` holds.

    Returns:
        HTML text, the same for the same data.
    """
    base, tuned = result["models"]
    headline = NumberedFigure(
        1,
        recovered_figure(result),
        "Left by the share of the positions at which something was given, right by the bits that say where and what. Grey: plain teacher forcing.",
        _conditions(result),
    )
    sections = [
        Section(
            "Against the controls",
            (),
            ((_contrasts(result), "Difference of accuracies on the same problems."),),
        ),
        Section(
            "What was fitted",
            (),
            ((_fit(result), "On other problems than those that were asked."),),
            folded=True,
        ),
    ]
    if result["shown"]:
        shown = tuple(
            top_steps(f"Given {row['name']}", [row | {"kind": "text"}], {})
            for row in result["shown"]
        )
        sections.append(Section("Texts that were put right", contexts=shown))
    return plain_page(
        "Whose mechanism is it?",
        meta=f"{base} writes, helped by {tuned}; {count_of(result['n'], 'problem')}.",
        summary=result["sentences"],
        headline=headline,
        sections=sections,
        terms=hybrid_terms(result),
    )


def _conditions(result: Mapping[str, Any]) -> Table:
    columns = {
        "condition": lambda row: Cell(row["name"]),
        "budget": lambda row: numeric(or_dash(row["budget"], "{:g}".format)),
        "right": lambda row: value_or_dash(row["accuracy"]),
        "recovered share": lambda row: value_or_dash(row["recovered"]),
        "beyond random vectors": lambda row: value_or_dash(row["beyond_random"] or {"mean": None}),
        "positions given": lambda row: numeric(percent(row["share"])),
        "given a text": lambda row: numeric(f"{row['given']:.1f}"),
        "bits a text": lambda row: numeric(
            f"{row['bits']:.1f}", f"{row['position_bits']:.1f} where, {row['choice_bits']:.1f} what"
        ),
        "disagreements": lambda row: numeric(percent(row["disagreed"])),
        "unread": lambda row: numeric(percent(row["unread"])),
        "cut": lambda row: numeric(percent(row["cut"])),
    }
    return row_table(result["conditions"], columns)


def _contrasts(result: Mapping[str, Any]) -> Table:
    columns = {
        "of": lambda row: Cell(row["name"]),
        "budget": lambda row: numeric(f"{row['budget']:g}"),
        "against": lambda row: Cell(row["against"]),
        "difference": value_or_dash,
    }
    return row_table(result["contrasts"], columns)


def _fit(result: Mapping[str, Any]) -> Table:
    fit = result["fit"]
    rows = [
        ("positions read", str(fit["positions"])),
        ("disagreements", f"{fit['disagreements']}, of which {fit['in_chain']} before the answer"),
        ("site", fit["site"] or DASH),
        ("factor on the vectors", f"{fit['factor']:g}"),
        ("disagreements at which the base then says the tuned model’s token", percent(fit["taken"])),
        ("the same on texts held out", percent(fit["held_out"])),
        ("texts with a disagreement", f"{fit['texts']}, of which {fit['chains']} before the answer"),
        ("disagreements behind each vector", ", ".join(map(str, fit["counts"])) or DASH),
        ("factor on the bias", f"{fit['bias_factor']:g}"),
        *(
            (f"least preference at budget {budget:g}", "none passes" if t is None else f"{t:.2f} nats")
            for budget, t in zip(result["settings"]["budgets"], fit["thresholds"], strict=True)
        ),
    ]  # fmt: skip
    return row_table(rows, {"what": lambda row: Cell(row[0]), "value": lambda row: numeric(row[1])})


def value_or_dash(value: Mapping[str, Any]) -> Cell:
    """A mean with its interval, or a dash where there is none."""
    if value["mean"] is None:
        return numeric(DASH)
    return value_cell(value["mean"], value["low"], value["high"])


def hybrid_terms(result: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Terms of the page and what they mean."""
    return [
        (
            "recovered share",
            "(hybrid − base) / (tuned − base), of accuracies; paired over problems. None where the tuned model is not surely right "
            f"more often by {result['least_gap']:g}.",
        ),
        (
            "bits",
            "What the help says: which positions of the text (log₂ of the ways to choose as many), and which token (how unlikely it was to the base, "
            "which would have written another) or which of the vectors. Random and first positions are known without being told.",
        ),
        (
            "trigger or mechanism",
            f"A trigger where at some budget vectors surely recover at least {result['recovers']:g} of the gap and more than random ones; a mechanism of the tuned model’s own where its "
            f"tokens do and vectors at no budget recover {result['recovers']:g} beyond random ones, though they take effect on fitting texts held out. Surely: for all budgets together. A vector says when and in which of a few ways, a token says what. "
            "Vectors are given while the answer has not come, since even two could spell it; tokens are given anywhere.",
        ),
        (
            "what it does not say",
            "The help sees the tuned model at every position. A recovered share is an upper bound of what the base could do by itself, and many vectors can spell the answer: "
            "compare their bits with those of the answer.",
        ),
    ]
