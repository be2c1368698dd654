"""The page of `mechcot stim`, from `stim.json` alone."""

from collections.abc import Mapping
from typing import Any

from mechcot.core.wording import count_of
from mechcot.text.number_format import DASH, fixed, interval, or_dash, percent, signed
from mechcot.view.figures.memorisation import risen_tokens_figure, stim_change_figure
from mechcot.view.pages.numbered_figures import NumberedFigure
from mechcot.view.pages.plain_tables import Cell, Table, numeric, row_table
from mechcot.view.pages.sections import Section, listing, plain_page, reasons

_TERMS = (
    (
        "STIM",
        "At the place of a token: do the probabilities of the 20 likeliest tokens stand in the order in which the corpus counts them? Spearman’s rho, divided by the largest that equal counts allow; "
        "the largest of three sources. Local: right behind the longest context that the corpus has before the written token. Mid-range and long-range: in passages with the words of the chain so far, of the question.",
    ),
    (
        "what a high score says",
        "Little by itself: a model that has learned a language ranks tokens as any text of it does. What fine-tuning taught is the change, beyond the change on the null.",
    ),
    (
        "null",
        "The same texts with every token at a random place: each stays as frequent as it was, and no two stand together but by chance. What is left of a score there is frequency. "
        "With --null-corpus other texts, taken to the same size: what is left then is what both have in common.",
    ),
    (
        "not measurable",
        "All counts are equal, or the corpus does not have the token behind any of its context. It is counted and left out.",
    ),
    (
        "what it does not say",
        "That the model would have been right without the texts, or that they made it wrong: a score is an agreement of ranks. A text that was read before fine-tuning is not in the corpus. "
        "Where a document holds one example, mid-range and long-range say nearly the same.",
    ),
)


def memorisation_page(result: Mapping[str, Any], summary: list[str]) -> str:
    """Set the page.

    Args:
        result: What `stim.json` holds.
        summary: One sentence a claim.

    Returns:
        HTML text, the same for the same data.
    """
    before, after = result["models"]
    corpus, null = result["corpus"], result["null"]
    headline = NumberedFigure(
        1,
        risen_tokens_figure(result),
        "On the diagonal nothing changed: far along it says what both models share, nothing of fine-tuning. Where about as many fell as rose, what rose is what differs between any two models.",
        _shown(result),
    )
    changes = NumberedFigure(
        2,
        stim_change_figure(result),
        "A change that the null shows too is one of frequencies, not of what stands together.",
        _changes(result),
    )
    return plain_page(
        "Do the wrong tokens follow the training texts?",
        meta=f"{before} → {after}; {count_of(result['wrong'], 'first wrong step')} of {count_of(result['chains'], 'chain')}; "
        f"{corpus['name']}: {count_of(corpus['documents'], 'document')}, {count_of(corpus['tokens'], 'token')}; null: {null['name']}, {count_of(null['tokens'], 'token')}.",
        summary=summary,
        headline=headline,
        sections=[
            Section("By source", (changes,)),
            Section(
                "Which source dominates",
                (),
                (
                    (
                        _dominant(result),
                        "Share of the tokens that can be scored; problems resampled. Local is favoured: its context is chosen so that the written token has a count.",
                    ),
                ),
            ),
            *listing("Left out", ("chain", "reason"), reasons(result["left_out"])),
        ],
        terms=_TERMS,
    )


def _shown(result: Mapping[str, Any]) -> Table:
    """The tokens whose score rose, most first."""
    columns = {
        "chain": lambda row: Cell(row["trace"], "", f"step {row['step']}"),
        "the corpus has": lambda row: Cell(row["behind"], "code"),
        "token": lambda row: Cell(row["token"], "code"),
        "so often": lambda row: numeric(f"{row['count']} of {row['continued']}"),
        "probability": lambda row: numeric(
            f"{percent(row['before_probability'])} → {percent(row['after_probability'])}"
        ),
        "STIM": lambda row: numeric(
            f"{fixed(row['before_corpus_stim'])} → {fixed(row['after_corpus_stim'])}"
        ),
        "source": lambda row: Cell(row["after_corpus_dominant"]),
    }
    return row_table(result["shown"], columns)


def _changes(result: Mapping[str, Any]) -> Table:
    columns = {
        "score": lambda row: Cell(row["score"]),
        "before": lambda row: numeric(_mean(row["before"])),
        "after": lambda row: numeric(_mean(row["after"])),
        "change": lambda row: _estimate(row["change"]),
        "on the null": lambda row: _estimate(row["null"]),
        "beyond it": lambda row: _estimate(row["beyond"]),
        "tokens": lambda row: numeric(str(row["tokens"]), f"−{row['left_out']}"),
    }
    return row_table(result["changes"], columns)


def _dominant(result: Mapping[str, Any]) -> Table:
    before, after = result["models"]
    null = f"{after}, on {result['null']['name']}"
    names = {"before_corpus": before, "after_corpus": after, "after_null": null}
    columns = {
        "model": lambda row: Cell(names[row["name"]]),
        "source": lambda row: Cell(row["source"]),
        "share of tokens": lambda row: numeric(percent(row["mean"]), _ends(row, percent)),
        "of": lambda row: numeric(str(row["of"])),
    }
    return row_table([row for row in result["dominant"] if row["of"]], columns)


def _mean(row: Mapping[str, Any]) -> str:
    return or_dash(row["mean"], fixed)


def _estimate(row: Mapping[str, Any]) -> Cell:
    if row["mean"] is None:
        return numeric(DASH)
    remark = "" if row["low"] is None else interval(row["low"], row["high"])
    return numeric(signed(row["mean"]), remark)


def _ends(row: Mapping[str, Any], number: Any) -> str:
    return "" if row["low"] is None else f"[{number(row['low'])}, {number(row['high'])}]"
