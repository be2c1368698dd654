"""The page of `mechcot sae crosscode`, from `crosscode.json` alone."""

from collections.abc import Mapping, Sequence
from typing import Any

from mechcot.core.wording import count_of
from mechcot.text.number_format import DASH, fixed, or_dash, percent
from mechcot.view.figures.crosscoder import (
    relative_norm_figure,
    replacement_figure,
    scaling_figure,
    work_figure,
)
from mechcot.view.pages.numbered_figures import NumberedFigure
from mechcot.view.pages.plain_tables import Cell, Table, numeric, row_table
from mechcot.view.pages.sections import Section, plain_page, top_steps

_SIDES = ("base only", "tuned only")
_LISTED = 24


def crosscoder_page(result: Mapping[str, Any]) -> str:
    """Set the page.

    Args:
        result: What `crosscode.json` holds.

    Returns:
        HTML text, the same for the same data.
    """
    base, tuned = result["models"]
    own = _claimed(result)
    headline = NumberedFigure(
        1,
        relative_norm_figure(result),
        "Grey: all latents, on a logarithmic scale; coloured: those that latent scaling leaves to one model.",
        _counts(result),
    )
    scaling = NumberedFigure(
        2,
        scaling_figure(result),
        "A latent far from the band is in the other model too, whatever the lengths of its two directions say.",
        own,
    )
    carriers = NumberedFigure(
        3,
        replacement_figure(result),
        f"{tuned}’s own states stand at 0; no latent: plain states of {base}. A set that carries the change is near 0, and its nulls are not. "
        "Bars: 95 % over chains.",
        _replacement(result),
    )
    work = NumberedFigure(
        4,
        work_figure(result),
        "Bars that stand out are kinds of token where the code of one model has parts that the other has not.",
        _work(result),
    )
    sections = [
        Section("Which latents are believed", (scaling,), ((own, "Most tuned first."),)),
        Section(
            "Which latents changed",
            (),
            (
                (
                    _latents(_changed(result)[:_LISTED]),
                    f"Those whose two directions lie apart by more than {result['changed_above']:g} of their length, the most first.",
                ),
            ),
        ),
        Section("Which latents carry the change", (carriers,)),
        Section("On which steps they work", (work,)),
    ]
    if result["shown"]:
        sections.append(_exciting(result))
    sections.append(
        Section("Does it fit?", (), ((_fits(result), "On chains that it was not trained on."),))
    )
    return plain_page(
        "What changed inside?",
        meta=f"{base} → {tuned} at {result['site']}; {count_of(result['traces'], 'chain')}, {count_of(result['tokens'], 'token')} that the crosscoder was not trained on.",
        summary=crosscoder_sentences(result),
        headline=headline,
        sections=sections,
        terms=_terms(result),
    )


def _changed(result: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Latents whose two directions lie apart, the most first."""
    apart = (
        row
        for row in result["latents"]
        if row["often"] and row["difference"] > result["changed_above"]
    )
    return sorted(apart, key=lambda row: -row["difference"])


def _exciting(result: Mapping[str, Any]) -> Section:
    """The steps that excite some latents most."""
    contexts = tuple(
        top_steps(
            f"Latent {row['latent']}, {row['whose']}",
            row["contexts"],
            {
                f"In {model}: ": logits
                for model, logits in zip(result["models"], row["logits"], strict=True)
            },
        )
        for row in result["shown"]
    )
    return Section("The steps that excite them", contexts=contexts)


def _terms(result: Mapping[str, Any]) -> list[tuple[str, str]]:
    error, reconstruction = result["believed_below"]
    return [
        (
            "crosscoder",
            "One sparse code of both models’ states at the same tokens; each latent has a direction in each model. A latent whose length lies in one model alone is claimed to be that model’s own.",
        ),
        (
            "latent scaling",
            "The claim is tried: how much of the latent’s direction does the other model’s error still hold, and how much do its other latents write? "
            f"Both are shares of what its own model has (ν). It is believed below {error:g} and {reconstruction:g}. An L1 penalty invents such latents.",
        ),
        (
            "changed",
            "A latent of both models can take up a new direction instead of leaving it to a latent of its own: it is then the difference of the latent’s two "
            "directions.",
        ),
        (
            "which latents carry the change",
            "The tuned model goes on from the base’s states, to which some latents’ change is added. KL is over the whole vocabulary, the mean over the "
            "tokens of chain and answer; all latents with both biases and errors are the tuned model itself.",
        ),
        (
            "what it does not say",
            "That a latent is new says nothing of whether the answer rests on it. Latents that fire on fewer than "
            f"{result['fewest_tokens']} tokens are not tried, and what neither reconstruction holds is not seen.",
        ),
    ]


def crosscoder_sentences(result: Mapping[str, Any]) -> list[str]:
    """One sentence a claim: what is each model's own, and how well the crosscoder fits."""
    base, tuned = result["models"]
    fire, sentences = len(result["latents"]), []
    for name, model, verb in zip(_SIDES, (base, tuned), ("lost", "new"), strict=True):
        rows = [row for row in result["latents"] if row["whose"] == name]
        believed = sum(bool(row["believed"]) for row in rows)
        sentences.append(
            f"{believed} of {count_of(fire, 'latent')} that fire {'is' if believed == 1 else 'are'} {model}’s own ({verb} by the fine-tuning); "
            f"{len(rows)} {'was' if len(rows) == 1 else 'were'} claimed by the lengths of the directions."
        )
    changed = f"{len(_changed(result))} changed: their directions in {base} and {tuned} lie apart by more than {result['changed_above']:g} of their length."
    fits = " and ".join(
        f"{or_dash(fit['explained_variance'], '{:.3f}'.format)} of {fit['model']}"
        for fit in result["fit"]
    )
    return [
        *sentences[::-1],
        changed,
        *_carrying(result),
        f"The crosscoder explains {fits} of the variance with {result['l0']:.1f} latents a token.",
    ]


def _carrying(result: Mapping[str, Any]) -> list[str]:
    """How much of the change goes through each set of latents; nothing where the models say the same."""
    tuned = result["models"][1]
    return [
        f"The change of {row['latents']} latents ({row['set']}), added to base states, closes {percent(row['closed'])} of what lies between {tuned} on these states and on its "
        f"own; random directions close {percent(1 - (1 - row['closed']) * row['random_directions'] / row['kl'])}."
        for row in result["replacement"]
        if row["closed"] is not None and row["random_directions"] is not None and row["kl"]
    ]


def _counts(result: Mapping[str, Any]) -> Table:
    rows = [
        (name, [row for row in result["latents"] if row["whose"] == name])
        for name in ("base only", "shared", "tuned only", "between")
    ]
    columns = {
        "by length": lambda row: Cell(row[0]),
        "latents": lambda row: numeric(str(len(row[1]))),
        "believed": lambda row: numeric(
            str(sum(bool(latent["believed"]) for latent in row[1])) if row[0] in _SIDES else DASH
        ),
    }
    return row_table(rows, columns)


def _claimed(result: Mapping[str, Any]) -> Table:
    return _latents([row for row in result["latents"] if row["whose"] in _SIDES])


def _latents(rows: Sequence[Mapping[str, Any]]) -> Table:
    said = {True: "yes", False: "no", None: "too rare"}
    columns = {
        "latent": lambda row: numeric(str(row["latent"])),
        "by length": lambda row: Cell(row["whose"]),
        "share of its length": lambda row: numeric(or_dash(row["relative_norm"], "{:.3f}".format)),
        "apart": lambda row: numeric(or_dash(row["difference"], "{:.3f}".format)),
        "ν, error": lambda row: numeric(or_dash(row["nu_error"], fixed)),
        "ν, reconstruction": lambda row: numeric(or_dash(row["nu_reconstruction"], fixed)),
        "fires on": lambda row: numeric(percent(row["frequency"])),
        "mostly on": lambda row: Cell(row["kind"], "", percent(row["share"])),
        "believed": lambda row: Cell(
            said[row["believed"]] if row["whose"] in _SIDES else DASH, "ok"
        ),
    }
    return row_table(rows, columns)


def _work(result: Mapping[str, Any]) -> Table:
    base, tuned = result["models"]
    columns = [
        ("kind of token", lambda row: Cell(row["kind"])),
        ("tokens", lambda row: numeric(str(row["tokens"]))),
        *(
            (f"{model}’s own", lambda row, side=side: numeric(or_dash(row[side], percent)))
            for model, side in ((base, "base"), (tuned, "tuned"))
        ),
    ]
    return row_table(result["work"], columns)


def _replacement(result: Mapping[str, Any]) -> Table:
    columns = {
        "set": lambda row: Cell(row["set"]),
        "latents": lambda row: numeric(str(row["latents"])),
        "KL, nats a token": lambda row: numeric(
            f"{row['kl']:.4f}", f"{row['low']:.4f} to {row['high']:.4f}"
        ),
        "closed": lambda row: numeric(or_dash(row["closed"], percent)),
        "random latents": lambda row: numeric(or_dash(row["random_latents"], "{:.4f}".format)),
        "random directions": lambda row: numeric(
            or_dash(row["random_directions"], "{:.4f}".format)
        ),
    }
    return row_table(result["replacement"], columns)


def _fits(result: Mapping[str, Any]) -> Table:
    both = {name: result[name] for name in ("l0", "dead")}
    columns = {
        "model": lambda fit: Cell(fit["model"]),
        "explained variance": lambda fit: numeric(
            or_dash(fit["explained_variance"], "{:.3f}".format)
        ),
        "latents a token": lambda fit: numeric(f"{fit['l0']:.1f}"),
        "latents that never fire": lambda fit: numeric(str(fit["dead"])),
    }
    return row_table([fit | both for fit in result["fit"]], columns)
