"""Several tuned models of one base, each helping it as in `mechcot.hybrid.run`: which changed when, and which changed what?

OUT/ gets arms.json, report.html, and the run of each arm in OUT/arms/NAME. All arms are asked the same problems. arms.json:

    base, n, give, recovers, least_gap
    arms         name, trained (how: supervised, reinforced, ...; None where nothing says it), verdict, changed (`when`, `what`, None), sentences, divides,
                 gap {mean, low, high}, right {base, tuned}, conditions (of `tokens` and `vectors`, see `mechcot.hybrid.summary`)
    left_out     id, reason
    sentences    what is found, in words
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from mechcot.core.errors import UserError
from mechcot.core.pair import Pair
from mechcot.core.problem import Problem
from mechcot.core.store import write_json, write_text
from mechcot.hybrid.conditions import BASE_ALONE, TUNED_ALONE
from mechcot.hybrid.run import run_hybrid
from mechcot.hybrid.settings import HybridSettings
from mechcot.hybrid.verdict import RECOVERS, best_row, rows_named
from mechcot.model.loading.options import DEFAULTS, LoadOptions
from mechcot.model.loading.pairs import load_models
from mechcot.model.loading.spec import parse_spec, run_names
from mechcot.runs.executor import SERIAL, Executor
from mechcot.stats.recovered_share import LEAST_GAP
from mechcot.text.number_format import estimate
from mechcot.view.pages.hybrid_arms import arms_page

HELPS = ("vectors", "tokens")
_CHANGED = {"trigger": "when", "mechanism": "what"}


def run_arms(
    base: str,
    tuned: Sequence[str],
    problems: Sequence[Problem],
    *,
    n: int,
    settings: HybridSettings,
    out: Path,
    trained: Callable[[str], str | None] = lambda _: None,
    loading: LoadOptions = DEFAULTS,
    executor: Executor = SERIAL,
) -> dict[str, Any]:
    """Run every arm and sum up; what is on disk is not written again. Two models are in memory at a time.

    Args:
        base: The model that writes.
        tuned: Two models or more that were tuned from it.
        problems: See `run_hybrid`.
        n: How many are asked.
        settings: What is given, and how much.
        out: Folder of the run, which is the caller's.
        trained: How a model was trained, where that is known.
        loading: How the models are loaded.
        executor: Where batches are written.

    Raises:
        UserError: No arm can be run.
    """
    first, *others = run_names([parse_spec(spec) for spec in (base, *tuned)])
    arms, left_out = [], []
    for source, spec in zip(tuned, others, strict=True):
        try:
            models = Pair(*load_models([first, spec], loading))
            run = run_hybrid(
                models,
                problems,
                n=n,
                settings=settings,
                out=out / "arms" / spec.name,
                executor=executor,
                overwrite=True,
            )
        except UserError as reason:
            left_out.append({"id": spec.name, "reason": str(reason)})
            continue
        arms.append(arm_row(run, trained(source)))
    if not arms:
        raise UserError(f"no arm can be run: {left_out[0]['id']}: {left_out[0]['reason']}")
    result = {
        "base": first.name,
        "n": n,
        "give": settings.give,
        "recovers": RECOVERS,
        "least_gap": LEAST_GAP,
        "arms": arms,
        "left_out": left_out,
        "sentences": arms_sentences(first.name, arms, settings.give),
    }
    write_json(out / "arms.json", result)
    write_text(out / "report.html", arms_page(result))
    return result


def arm_row(run: Mapping[str, Any], trained: str | None) -> dict[str, Any]:
    """What one run says of its arm."""
    right = [rows_named(run, name)[0]["accuracy"] for name in (BASE_ALONE, TUNED_ALONE)]
    return {
        "name": run["models"][1],
        "trained": trained,
        "verdict": run["verdict"],
        "changed": _CHANGED.get(run["verdict"]) if run["settings"]["give"] == "vectors" else None,
        "sentences": run["sentences"],
        "divides": run["divides"],
        "gap": run["gap"],
        "right": dict(zip(("base", "tuned"), right, strict=True)),
        "conditions": [row for row in run["conditions"] if row["name"] in HELPS],
    }


def arms_sentences(base: str, arms: Sequence[Mapping[str, Any]], give: str) -> list[str]:
    """One sentence a claim; how each arm was trained stands with its name."""
    said = [
        f"{_named(some)} changed {changed}: {base} {words}."
        for changed, words in _WORDS.items()
        if (some := [arm for arm in arms if arm["changed"] == changed])
    ]
    for arm in arms:
        if arm["changed"] is None and arm["divides"]:
            said += [f"{_named([arm])}: {arm['sentences'][0]}"] if give == "vectors" else []
        elif not arm["divides"]:
            said.append(f"{_named([arm])}: {arm['sentences'][-1]}")
    for name in HELPS:
        told = [
            f"{estimate(*(best['recovered'][end] for end in ('mean', 'low', 'high')))} with those of {arm['name']} ({best['bits']:.1f} bits a text)"
            for arm in arms
            if arm["divides"] and (best := best_row(arm, name))
        ]
        said += [f"Of the gap {base} recovers with {name}: {'; '.join(told)}."] if told else []
    if give == "tokens":
        said.append("Tokens alone do not tell when from what; --give vectors does.")
    return said


_WORDS: Mapping[str, str] = {
    "when": "can do it itself, and is told when",
    "what": "has to be told what",
}


def _named(arms: Sequence[Mapping[str, Any]]) -> str:
    return ", ".join(
        arm["name"] + (f" ({arm['trained']})" if arm["trained"] else "") for arm in arms
    )


def arms_lines(result: Mapping[str, Any]) -> list[str]:
    """The result as lines of text."""
    lines = [
        f"{'arm':<28} {'trained':<14} {'right':>6}  {'changed':<8} recovered with vectors, tokens"
    ]
    for arm in result["arms"]:
        shares = [
            "-"
            if best is None or best["recovered"]["mean"] is None
            else f"{best['recovered']['mean']:.2f}"
            for best in (best_row(arm, name) if arm["divides"] else None for name in HELPS)
        ]
        lines.append(
            f"{arm['name']:<28} {arm['trained'] or '-':<14} {arm['right']['tuned']['mean']:>6.0%}  {arm['changed'] or '-':<8} {', '.join(shares)}"
        )
    lines += [f"left out: {row['id']}: {row['reason']}" for row in result["left_out"]]
    return [*lines, *result["sentences"]]
