"""A page of a title, a summary, sections with figures and tables, and notes on how to read them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mechcot.view.pages.numbered_figures import NumberedFigure
from mechcot.view.pages.plain_tables import Cell, Table, table
from mechcot.view.pages.report import render_page


@dataclass(frozen=True)
class Section:
    """One section.

    Attributes:
        title: Its heading.
        plates: Its figures, numbered through the page.
        tables: Tables with their captions.
        folded: Whether the tables are shut until the reader opens them.
        sentences: What it says in words; shut until the reader opens them.
        contexts: Features with the steps that excite them, see `top_steps`.
    """

    title: str
    plates: tuple[NumberedFigure, ...] = ()
    tables: tuple[tuple[Table, str], ...] = ()
    folded: bool = False
    sentences: tuple[str, ...] = ()
    contexts: tuple[Mapping[str, Any], ...] = ()


def plain_page(
    title: str,
    *,
    meta: str,
    summary: Sequence[str],
    headline: NumberedFigure | None,
    sections: Sequence[Section],
    terms: Sequence[tuple[str, str]],
    points: Sequence[str] = (),
) -> str:
    """Set the page.

    Args:
        title: Its title.
        meta: One line under the title: what was read.
        summary: One sentence a claim.
        headline: The figure of the effect; the page opens with both. None where there is nothing to draw.
        sections: The sections in order.
        terms: Terms and what they mean.
        points: What the summary lists behind its sentences.

    Returns:
        HTML text, the same for the same data.
    """
    plates = [plate for section in sections for plate in section.plates]
    return render_page(
        "plain.html.j2",
        [headline, *plates] if headline else plates,
        title=title,
        meta=meta,
        summary=list(summary),
        points=list(points),
        headline=headline,
        sections=list(sections),
        terms=list(terms),
    )


def listing(title: str, heads: tuple[str, str], rows: Mapping[str, str]) -> list[Section]:
    """A folded section that lists things with their reasons; none where there is nothing to list."""
    cells = [(Cell(thing), Cell(reason)) for thing, reason in rows.items()]
    return [Section(title, (), ((table(heads, cells), ""),), folded=True)] if cells else []


def reasons(left_out: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """Traces that were left out -> why."""
    return {row["id"]: row["reason"] for row in left_out}


def top_steps(
    title: str, contexts: Sequence[Mapping[str, Any]], logits: Mapping[str, Mapping[str, Any]]
) -> dict[str, Any]:
    """A feature's logit effects and top steps, each token with its share of the largest activation.

    Args:
        title: What the feature is called.
        contexts: Steps with `kind`, `trace`, `tokens` and `values`.
        logits: Where, with a blank behind it (nothing where there is one model) -> `up` and `down`.
    """
    peak = max((v for context in contexts for v in context["values"]), default=1.0) or 1.0
    steps = [
        {
            "kind": context["kind"],
            "trace": context["trace"],
            "tokens": [
                (token, f"{0.75 * max(v, 0.0) / peak:.2f}", f"{v:.2f}")
                for token, v in zip(context["tokens"], context["values"], strict=True)
            ],
        }
        for context in contexts
    ]
    moved = [
        (
            where,
            {
                side: [(token, value) for token, value in effects[side] if sign * value > 0]
                for side, sign in (("up", 1), ("down", -1))
            },
        )
        for where, effects in logits.items()
    ]
    return {"title": title, "logits": moved, "steps": steps}
