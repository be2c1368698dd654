"""`python -m benchmarks.importances FOLDER OUT [N]`: do our measures order sentences as the rollouts of Thought Anchors do?

FOLDER holds `traces.jsonl` and `step_matrices.jsonl` of thought-anchors.com: about 100 rollouts a sentence say how much it mattered. The N shortest traces are
read, cut at their sentences, by a *random* model (that of `benchmarks.real_traces`), which knows nothing: its correlations are the null of this
comparison, and what is left of them once place and length are given must be about 0. Beside it: place and length alone, the suppression that was
published for three traces of the 14B model itself, and one importance against another (how far they agree with themselves).
Finished traces lie under OUT and are not read again.
"""

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.rank_correlation import RankCorrelation, rank_correlation
from benchmarks.real_traces import checkpoint
from benchmarks.setting import small_model
from benchmarks.thought_anchors import Anchored, load_anchored
from mechcot.core.measurement import Measurement
from mechcot.core.store import digest
from mechcot.influence.run import run_influence as influence
from mechcot.measures import suppression
from mechcot.measures.inputs import Inputs
from mechcot.model.reasoner import Reasoner
from mechcot.traces.formats import import_traces

TARGETS = ("counterfactual_importance_kl", "resampling_importance_kl")
Values = list[np.ndarray]


def hidden(reader: Reasoner, found: Anchored, *, out: Path) -> Measurement:
    """Attention suppression of one trace, from disk or read now."""
    key = digest(
        reader.weights_hash, list(found.trace.ids), [s.tokens.stop for s in found.trace.steps]
    )
    path = out / "readings" / f"{key}.safetensors"
    if not path.is_file():
        suppression.measure(reader, found.trace, Inputs(seed=0)).save(path)
        print(
            f"suppression of {len(found.trace.chain_steps)} steps in {len(found.trace)} tokens",
            file=sys.stderr,
        )
    return Measurement.load(path)


def ours(reader: Reasoner, every: Sequence[Anchored], *, out: Path) -> dict[str, Values]:
    """Our measures by name: one array a trace, one value a sentence."""
    kl = [hidden(reader, found, out=out).results["kl"].values for found in every]
    influence([reader], [found.trace for found in every], out=out / "influence", seed=0)
    steps = pd.read_parquet(out / "influence" / "steps.parquet")
    received = [steps[steps["trace"] == found.trace.id]["received"].to_numpy() for found in every]
    return {
        "received attention, random model": received,
        "suppression, random model": [later(m) for m in kl],
    }


def later(matrix: np.ndarray) -> np.ndarray:
    """Mean over later steps; NaN for a step that has none."""
    known = np.isfinite(matrix)
    total = np.where(known, matrix, 0.0).sum(1)
    return np.where(known.any(1), total / np.maximum(known.sum(1), 1), np.nan)


def matrices(folder: Path) -> dict[str, dict[int, list[float]]]:
    """Suppression as it was published: id of a trace -> sentence -> scores of later sentences."""
    text = (folder / "step_matrices.jsonl").read_text(encoding="utf-8")
    lines = [json.loads(line) for line in text.splitlines()]
    return {
        line["id"]: {
            each["source"]: [score for target, score in each["targets"] if target > each["source"]]
            for each in line["attention_suppression"]
        }
        for line in lines
    }


def published(folder: Path, every: Sequence[Anchored]) -> Values:
    """Mean over later sentences of the published suppression."""
    known = matrices(folder)
    found = [[known[one.trace.problem.id].get(i) for i in one.sentence] for one in every]
    return [np.array([np.mean(scores) if scores else np.nan for scores in one]) for one in found]


def row(name: str, found: RankCorrelation, partial: RankCorrelation) -> str:
    """One line of the table."""
    told = [
        f"{each.rho.mean:+.2f} [{each.rho.low:+.2f}, {each.rho.high:+.2f}]" if each.rho.n else "-"
        for each in (found, partial)
    ]
    null = f"[{partial.low_null:+.2f}, {partial.high_null:+.2f}]"
    about = f"{partial.rho.n} ({partial.rho.units})"
    return f"| {' | '.join((name, about, str(partial.steps), *told, null, f'{partial.p:.3f}'))} |"


def table(every: Sequence[Anchored], measures: Mapping[str, Values], *, target: str) -> list[str]:
    """Every measure against one importance."""
    theirs = [found.importance[target] for found in every]
    place = [np.arange(float(len(found.trace.chain_steps))) for found in every]
    length = [np.array([len(s.tokens) for s in found.trace.chain_steps], float) for found in every]
    problems = [found.trace.problem.question for found in every]
    other = next(name for name in TARGETS if name != target)
    named = {"place in the chain": place, "length in tokens": length, **measures}
    named[other] = [found.importance[other] for found in every]
    head = "| measure | traces (problems) | steps | rank correlation | given place and length | shuffled, 95 % | p |"
    lines = [f"\n{target}\n", head, f"|{'---|' * 7}"]
    for name, mine in named.items():
        given = {"place in the chain": [length], "length in tokens": [place]}.get(
            name, [place, length]
        )
        plain = rank_correlation(mine, theirs, clusters=problems)
        lines.append(
            row(name, plain, rank_correlation(mine, theirs, given=given, clusters=problems))
        )
    return lines


def main(arguments: Sequence[str]) -> int:
    """Print a table for each importance."""
    folder, out = Path(arguments[0]), Path(arguments[1])
    most = int(arguments[2]) if len(arguments) > 2 else None
    small_model()  # one thread, quiet
    source = folder / "traces.jsonl"
    import_traces(source, out / "imported.jsonl", kind="thought-anchors")
    text = source.read_text(encoding="utf-8")
    reader = Reasoner.load(checkpoint(out / "model", text=text, seed=0), dtype="float32")
    every = load_anchored(out / "imported.jsonl", reader, n=most)
    sizes, missing = sorted(len(f.trace) for f in every), sum(f.missing for f in every)
    print(f"{len(every)} traces of {sizes[0]} to {sizes[-1]} tokens, {missing} sentences not found")
    measures = ours(reader, every, out=out)
    for target in TARGETS:
        print("\n".join(table(every, measures, target=target)))
    known = [
        found
        for found in load_anchored(out / "imported.jsonl", reader)
        if found.trace.problem.id in matrices(folder)
    ]
    print(f"\nThe {len(known)} traces whose suppression was published")
    for target in TARGETS:
        theirs = {"suppression, published": published(folder, known)}
        print("\n".join(table(known, theirs, target=target)))
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
