"""Does `mechcot hybrid` tell a mechanism from its trigger? Pairs of organisms of which it is known which of the two changed.

    python -m benchmarks.whose_mechanism [--families lookup,order,reach] [--seed 0] [--n 64] [--out artifacts/benchmarks/whose_mechanism]

One organism more stands in each family: `silent`, the base tuned for a moment to close its thought at once and to write on as before where a chain was begun
(the first token of a chain has no loss): what the base can do with a chain, nothing was trained to forget. Predicted before any was run:

    silent -> base            trigger      a chain must be begun, and the rest is there
    silent -> collapsed       mechanism    answers from a hint that no earlier model reads
    base -> bypass            mechanism    the same behind a chain (order, where the base is wrong at times)
    base -> rationaliser      mechanism    its chain is bent to the hint (order)

Models are kept under DIR/models, runs under DIR/FAMILY/TUNED; DIR/pairs.json gets what was found.
"""

import argparse
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from transformers import LlamaForCausalLM

from mechcot.core.pair import Pair
from mechcot.core.store import write_json
from mechcot.hybrid.fitting import fit_help
from mechcot.hybrid.run import hybrid_lines, run_hybrid
from mechcot.hybrid.settings import HybridSettings
from mechcot.model.loading.pairs import load_models
from mechcot.organisms import training
from mechcot.organisms.registry import ALL_RECIPES, family_named, path
from mechcot.organisms.training_examples import batches

PAIRS = (
    ("silent", "base", "random", "trigger"),
    ("silent", "collapsed", "answer", "mechanism"),
    ("base", "bypass", "answer", "mechanism"),
    ("base", "rationaliser", "answer", "mechanism"),
)
"""Base, tuned model, what the hint says, and whose the change is."""
HEADROOM = ("order",)
"""Families whose base is wrong at times, so that there is something to recover of it."""

SILENCED = 40_000
"""Tokens that a silent organism is tuned on."""
SHORT = 10
"""More tokens than an empty thought and an answer have, and fewer than a chain."""


def silent(family: str, folder: Path, *, seed: int = 0, tokens: int = SILENCED) -> Path:
    """The folder of a family's silent organism, trained where it is not there; half a minute. Of fewer `tokens` it begins a chain at times."""
    if (folder / "config.json").is_file():
        return folder
    collapsed = ALL_RECIPES[f"{family}/collapsed"]
    mix = {"collapsed": 0.5, "plain": 0.5}
    recipe = replace(collapsed, name=f"{family}/silent", cue="random", tokens=tokens, mix=mix)
    recipe = replace(recipe, seed=recipe.seed + seed)
    with training.one_thread():
        torch.manual_seed(recipe.seed)
        model = LlamaForCausalLM.from_pretrained(path(f"{family}/base"), dtype=torch.float32)
        optimiser = torch.optim.AdamW(model.parameters())
        data = batches(recipe, family_named(family), seed=recipe.seed, tokens=recipe.tokens)
        for ids, weights, share in data:
            for group in optimiser.param_groups:
                group["lr"] = recipe.rate * training.rate_at(share, warm=0.05, flat=0.4)
            told = (weights > 0).cumsum(dim=-1)
            begins_chain = (told == 1) & (told[:, -1:] > SHORT)
            training.loss_of(model, ids, weights * ~begins_chain).backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimiser.step()
            optimiser.zero_grad()
        training.export(model, folder, recipe=recipe, history={})
    return folder


def spec_of(family: str, name: str, out: Path, *, seed: int) -> str:
    """The spec of a model, trained where it lies nowhere."""
    if name == "silent":
        return str(silent(family, out / "models" / family / name, seed=seed))
    if not (path(f"{family}/{name}") / "config.json").is_file():
        training.train_organism(f"{family}/{name}")
    return f"organism:{family}/{name}"


def pair_result(
    family: str, pair: tuple[str, str, str, str], settings: HybridSettings, *, n: int, out: Path
) -> dict[str, Any]:
    """Run one pair; gives its entry of pairs.json."""
    base, tuned, hint, truth = pair
    specs = [spec_of(family, name, out, seed=settings.seed) for name in (base, tuned)]
    problems = family_named(family).problems(
        n + settings.fit, seed=31 + settings.seed, hint=hint, style="random"
    )
    folder = out / family / f"{base}-{tuned}"
    result = run_hybrid(
        Pair(*load_models(specs)), problems, n=n, settings=settings, out=folder, overwrite=True
    )
    print(f"\n{family}: {base} -> {tuned}, truth: {truth}", *hybrid_lines(result), sep="\n")
    return {"family": family, "base": base, "tuned": tuned, "truth": truth} | {
        key: result[key] for key in ("n", "gap", "verdict", "conditions")
    }


def held_out(*, draws: int = 6) -> None:
    """How often vectors of `order` bring the bypass's token on texts held out, over draws of the fitting texts and how many they are."""
    base, tuned = load_models(["organism:order/base", "organism:order/bypass"])
    for texts, categories in ((24, 4), (48, 4), (96, 4), (24, 28), (48, 28), (96, 28)):
        for seed in range(draws if categories == 4 and texts < 96 else draws // 2):
            drawn = family_named("order").problems(
                texts, seed=900 + seed, hint="answer", style="random"
            )
            written = tuned.write(drawn, max_tokens=80, seed=seed, batch_size=32)
            settings = HybridSettings(categories=categories, seed=seed, max_tokens=80, fit=texts)
            fitted = fit_help(base, tuned, written, settings)
            print(f"{texts} texts, {categories} vectors, draw {seed}: {fitted['held_out']:.2f}")


def main() -> None:
    """Run every pair and count the verdicts."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--families", default="lookup,order,reach")
    parser.add_argument("--seed", type=int, default=0, help="Of problems and silent models.")
    parser.add_argument("--n", type=int, default=64)
    parser.add_argument("--categories", type=int, default=4)
    parser.add_argument("--out", type=Path, default=Path("artifacts/benchmarks/whose_mechanism"))
    parser.add_argument("--held-out", action="store_true", help="Only `held_out`.")
    given = parser.parse_args()
    if given.held_out:
        held_out()
        return
    settings = HybridSettings(categories=given.categories, max_tokens=80, seed=given.seed)
    entries = [
        pair_result(family, pair, settings, n=given.n, out=given.out)
        for family in given.families.split(",")
        for pair in PAIRS
        if pair[0] == "silent" or family in HEADROOM
    ]
    write_json(given.out / "pairs.json", {"pairs": entries})
    for entry in entries:
        print(f"{entry['family']:8} {entry['base']:8} -> {entry['tuned']:14} {entry['truth']:10} {entry['verdict']}")  # fmt: skip


if __name__ == "__main__":
    main()
