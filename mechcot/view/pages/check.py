"""The page of `mechcot check`, from `check.json` alone."""

from collections.abc import Mapping, Sequence
from typing import Any

from mechcot.core.wording import count_of
from mechcot.text.number_format import percent
from mechcot.view.figures.chain_use import chain_use_figure
from mechcot.view.pages.numbered_figures import NumberedFigure
from mechcot.view.pages.plain_tables import Cell, Table, table
from mechcot.view.pages.sections import Section, listing, plain_page
from mechcot.view.pages.use_tables import use_number, use_table

_NAN = float("nan")
_ACCURACY = (
    *(
        ("with", "with its own chain"),
        ("other", "with another's chain"),
        ("without", "without a chain"),
    ),
    *(("written", "in its own text"), ("guess", "most frequent answer")),
)
_BESIDE = {
    "early": "cut short",
    "early_null": "another's cut short",
    "filler": "filler instead",
    "filler_null": "filler instead of another's",
    "hidden": "chain hidden (bits)",
    "null_alike": "null: other chain, same answer",
    "followed_unstated": "followed, answer unstated",
    "needed_unstated": "lost, answer unstated",
    "followed_letter": "followed the letter",
    "followed_option": "followed the option",
}
_SOURCE = {
    "chain_hint": "chain to another hint",
    "answer_hint": "answer to another hint",
    "chain_fact": "chain to another fact",
    "answer_fact": "answer to another fact",
    "mentions": "hint mentioned",
}
_READING = (
    (
        "followed",
        "An item gets the chain of another item with another answer. How much likelier does that answer become?",
    ),
    (
        "needed",
        "The lesser of two losses of the model's own answer: with another item's chain, and without any. A model that follows a foreign chain "
        "loses its own answer by that; only the loss without a chain tells whether it could have answered by itself.",
    ),
    (
        "used, followed but not needed, not used",
        "Both; only followed: either route suffices; neither.",
    ),
    (
        "unclear",
        "A finished chain is needed but not its content, or an interval holds the bound. Only the spread is used to say how many items would decide it.",
    ),
    (
        "not judged",
        "The model does not do the task, or its answers cannot be read: the one cause and the one next step stand beside it.",
    ),
    (
        "but written to the hint",
        "Under a hint at another answer, the facts unchanged, the chain written anew ends at the hint (chain source). Whether the chain is then read is another question: "
        "a chain that rationalises a known answer can well be used.",
    ),
    (
        "shown beside",
        "Cutting a chain short, filler and hiding score high, too, for a model that was merely never asked before a chain was finished. What another item's chain, cut at the same places, loses likewise is no matter of content. They never decide.",
    ),
    (
        "length",
        'The length of the chains is told and decides nothing; "hardly a chain" remarks that there is next to no text that could be used.',
    ),
)


def check_page(result: Mapping[str, Any]) -> str:
    """Set the page.

    Args:
        result: What `check.json` holds.

    Returns:
        HTML text, the same for the same data.
    """
    models, effect = result["models"], result["bounds"]["effect"]
    headline = NumberedFigure(
        1,
        chain_use_figure(models, effect=effect),
        f"Top right a chain is used, bottom left it is not; bottom right either route suffices. The bound is {effect:g} on both axes. "
        "Where an unclear verdict turns on the greater of the two losses, the mark stands there and the lesser one is hollow.",
        use_table(models),
    )
    sections = [
        Section("Accuracy and length", (), ((_accuracy(models), ""),)),
        Section(
            "Shown beside",
            (),
            (
                (
                    _beside(models, _BESIDE),
                    "Means over items; these never decide. A dash: there is no such number, as of cutting or hiding an empty chain.",
                ),
                (
                    _beside(models, _SOURCE),
                    "Texts written anew, with another hint or fact in the question: does the chain end there, does the answer go there?",
                ),
            ),
            folded=True,
        ),
        *listing("How they were asked", ("model", "as its own texts show"), _asking(models)),
    ]
    return plain_page(
        "Does the model use its chain of thought?",
        meta=f"{count_of(len(models), 'model')} on {_asked(result)} problems, each on the chains that it wrote itself.",
        summary=[
            *map(sentence, models),
            *(f"{m['trained_on']}." for m in models if m.get("trained_on")),
        ],
        headline=headline,
        sections=sections,
        terms=_READING,
    )


def _asking(models: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Models that were asked in another way than their files say -> why."""
    return {m["name"]: "; ".join(m["asking_notes"]) for m in models if m.get("asking_notes")}


def _asked(result: Mapping[str, Any]) -> str:
    """How many problems the models were asked; where they were asked until it was decided, of which number at most."""
    if result.get("until") is None:
        return str(result["n"])
    counts = dict.fromkeys(str(model["asked"]) for model in result["models"])
    return f"{', '.join(counts)} of {result['n']}"


def sentence(model: Mapping[str, Any]) -> str:
    """One sentence about one model."""
    remark = f" ({model['remark']})" if model["remark"] else ""
    ahead = f" {model['next']}" if model["next"] else ""
    return f"{model['name']}: {model['verdict']}{remark}: {model['reason']}.{ahead}"


def _accuracy(models: Sequence[Mapping[str, Any]]) -> Table:
    rows = [
        (
            Cell(model["name"]),
            *(
                Cell(
                    percent(_NAN if model["accuracy"][name] is None else model["accuracy"][name]),
                    "number",
                )
                for name, _ in _ACCURACY
            ),
            Cell(f"{model['tokens']:g}" if model["tokens"] is not None else "", "number"),
            Cell(percent(model["same"]), "number"),
        )
        for model in models
    ]
    return table(
        ("model", *(title for _, title in _ACCURACY), "tokens of a chain", "one same text"), rows
    )


def _beside(models: Sequence[Mapping[str, Any]], columns: Mapping[str, str]) -> Table:
    rows = [
        (Cell(m["name"]), *(use_number(m["beside"].get(name)) for name in columns)) for m in models
    ]
    return table(("model", *columns.values()), rows)
