"""`python -m benchmarks.planted_memorisation FOLDER [SEED ...]`: does `mechcot stim` point at tokens that fine-tuning is known to have taught wrong?

A seed draws a sum of two digits and a wrong result. The base is tuned on chains of 600 problems at most, half of which need this sum: there its result is always the wrong one, and what
follows goes on from it. The tuned model then writes chains for 160 held-out problems, half of which need the sum. Planted are the results of this sum in first wrong steps; all other tokens
of first wrong steps are not (wrong steps that the base itself writes and mends among them).

A row a seed: planted tokens; precision and recall of the tokens that are said to follow the corpus more than before; the same against a corpus in which the sum is right; how often the planted token has the highest score of its step
after tuning (the paper's reading, P@1), and the largest rise; mean score of the planted tokens before and after. Intervals: Wilson, 95 %. About 4 minutes a seed on one core.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pandas as pd
from statsmodels.stats.proportion import proportion_confint

from mechcot.core.problem import Problem
from mechcot.core.store import read_traces
from mechcot.memorisation.findings import rose
from mechcot.organisms.chain_writer import right_chain
from mechcot.organisms.grammar import DIGITS, form, join_steps, split_steps
from mechcot.organisms.ground_truth import follow
from mechcot.organisms.problems import read_question
from mechcot.tasks import TASKS

TRAINED, ASKED, DRAWN = 300, 80, 12_000


class Plant:
    """A sum and the wrong result that it is given."""

    def __init__(self, seed: int) -> None:
        rng = Random(seed)
        self.sum = (rng.choice(DIGITS), "+", rng.choice(DIGITS))
        right = str((int(self.sum[0]) + int(self.sum[2])) % 10)
        self.wrong = rng.choice([digit for digit in DIGITS if digit != right])

    def in_step(self, step: str) -> int | None:
        """The word that gives the result of the sum; None where the step does not compute it."""
        shape = form(step)
        start = shape.start + 1
        found = shape.body == "compute" and shape.words[start : start + 3] == self.sum
        return start + 4 if found else None

    def chain(self, problem: Problem, seed: int, *, wrong: bool) -> tuple[str, str, bool]:
        """A chain with the sum's wrong (or right) result, the answer it ends in, and whether it needs the sum."""
        world = read_question(problem.question)
        steps = split_steps(right_chain(problem, seed))
        needed = False
        for index in range(len(steps)):
            word = self.in_step(steps[index])
            if word is not None:
                needed = True
                if wrong:
                    walk = follow(world, steps, edit=(index, word, self.wrong), anew_after=index)
                    steps = walk.texts
        return f" {join_steps(steps)}", follow(world, steps).answer or "", needed


def _half(plant: Plant, n: int, *, split: str, seed: int) -> Iterator[tuple[Problem, int]]:
    """Problems half of which need the sum, with the seeds of their chains."""
    left = {True: n, False: n}
    draw = TASKS["mod10"].unhinted
    assert draw is not None
    for number, problem in enumerate(draw(DRAWN, seed=seed, split=split, style="random")):
        needed = plant.chain(problem, number, wrong=False)[2]
        if left[needed]:
            left[needed] -= 1
            yield problem, number


def _write(folder: Path, seed: int, plant: Plant) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    trained = list(_half(plant, TRAINED, split="train", seed=seed))
    Random(seed).shuffle(trained)
    for name, wrong in (("planted", True), ("right", False)):
        lines = []
        for problem, number in trained:
            chain, answer, _ = plant.chain(problem, number, wrong=wrong)
            row = {"id": problem.id, "question": problem.question, "chain": chain}
            lines.append(
                row | {"answer_text": f" answer {answer}", "answer": answer, "task": "mod10"}
            )
        (folder / f"{name}.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in lines))
    asked = [
        {"id": p.id, "question": p.question, "answer": p.answer, "task": "mod10"}
        for p, _ in _half(plant, ASKED, split="test", seed=seed + 1000)
    ]
    (folder / "asked.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in asked))


def _mechcot(*words: object) -> None:
    subprocess.run([sys.executable, "-m", "mechcot", *map(str, words)], check=True)


def _is_planted(table: pd.DataFrame, run: Path, plant: Plant) -> list[bool]:
    """Of each row, whether its token is the wrong result of the sum."""
    traces = {t.id: t for file in (run / "chains").glob("*.jsonl") for t in read_traces(file)}
    flags = []
    for row in table.itertuples():
        step = traces[str(row.trace)].steps[int(str(row.step)) - 1]
        word = plant.in_step(step.text.strip())
        here = word is not None and int(str(row.position)) - step.tokens.start == word
        flags.append(bool(here and str(row.token).strip() == plant.wrong))
    return flags


def _share(part: int, of: int) -> str:
    if not of:
        return "0 of 0"
    low, high = proportion_confint(part, of, method="wilson")
    return f"{part} of {of}: {100 * part / of:.0f} % [{100 * low:.0f}, {100 * high:.0f}]"


def _top(table: pd.DataFrame, score: pd.Series) -> str:
    """Of the steps with a planted token, in how many it scores highest."""
    scored = table.assign(score=score).dropna(subset=["score"])
    best = scored.loc[scored.groupby("trace")["score"].idxmax()]
    steps = table.loc[table["planted"], "trace"].nunique()
    return _share(int(best["planted"].sum()), steps)


def row_of(folder: Path, seed: int) -> str:
    """Train, score, and give the row of the table."""
    plant = Plant(seed)
    if not (folder / "asked.jsonl").is_file():
        _write(folder, seed, plant)
    tuned, options = folder / "tuned", ("--full", "--snapshots", 1, "--seed", seed)
    _mechcot("tune", "organism:base", "--arm", "sft", "--traces", folder / "planted.jsonl", "--out", tuned, *options)  # fmt: skip
    after = next(tuned.glob("step-*"))
    tables = {}
    for name in ("planted", "right"):
        run = folder / f"stim-{name}"
        _mechcot("stim", "organism:base", after, "--corpus", folder / f"{name}.jsonl", "--problems", folder / "asked.jsonl", "--out", run)  # fmt: skip
        table = pd.read_parquet(run / "tokens.parquet")
        tables[name] = table.assign(planted=_is_planted(table, run, plant))
    table = tables["planted"]
    told, planted = rose(table), table["planted"]
    other = tables["right"]
    against = rose(other)
    rise = table["after_corpus_stim"] - table["before_corpus_stim"]
    means = [table.loc[planted, f"{side}_corpus_stim"].mean() for side in ("before", "after")]
    cells = [
        f"{seed}: {' '.join(plant.sum)} = {plant.wrong}",
        f"{planted.sum()} of {len(table)}",
        _share(int((told & planted).sum()), int(told.sum())),
        _share(int((told & planted).sum()), int(planted.sum())),
        _share(int((against & other["planted"]).sum()), int(other["planted"].sum())),
        _top(table, table["after_corpus_stim"]),
        _top(table, rise),
        f"{means[0]:.2f} → {means[1]:.2f}",
    ]
    return f"| {' | '.join(cells)} |"


def main(folder: Path, seeds: list[int]) -> None:
    """Print the table."""
    heads = ("plant", "planted tokens", "precision", "recall", "said to follow a corpus with the right sum more", "highest score of its step", "largest rise of its step", "score before → after")  # fmt: skip
    rows = [row_of(folder / f"seed-{seed}", seed) for seed in seeds]
    print(f"| {' | '.join(heads)} |\n|{' --- |' * len(heads)}")
    print("\n".join(rows))


if __name__ == "__main__":
    main(Path(sys.argv[1]), [int(seed) for seed in sys.argv[2:]] or [0, 1, 2, 3])
