"""The time that `mechcot compare` announces, against what its measurements took, on runs of different shape.

python -m benchmarks.announced_cost [--times 3] [shape ...]

CPU seconds of one thread on both sides: what others do on the machine does not count.
"""

import argparse
import io
import json
import re
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from rich.console import Console

from benchmarks.measures import chain, reader_of
from mechcot.compare.chains import collect, problems_of
from mechcot.compare.cost import announce
from mechcot.compare.measurements import jobs, measure_trace
from mechcot.compare.models import Models
from mechcot.compare.settings import Study, cells
from mechcot.model.reasoner import Reasoner
from mechcot.organisms import problems

UNITS = {"s": 1.0, "min": 60.0, "h": 3600.0}


def short_chains(folder: Path) -> Study:
    """Many short chains, two random models of 3 layers, the standard measures."""
    reader = reader_of(context=1024, layers=3, width=64)
    return _sums(folder, reader, count=16, tokens=170, steps=5)


def adapter(folder: Path) -> Study:
    """A shipped model and a LoRA adapter on it, chains that they write on problems of a file, each model's own chains, too."""
    from peft import LoraConfig, get_peft_model

    model = Reasoner.load("organism:base").model
    lora = LoraConfig(r=4, target_modules=["q_proj", "v_proj"], init_lora_weights=False)
    get_peft_model(model, lora).save_pretrained(folder / "lora")
    problems.write_problems(folder / "p.jsonl", problems.problems(12, seed=9, style="brief"))
    models = ("organism:base", f"organism:base+{folder / 'lora'}")
    return Study(
        models=models, out=folder / "out", problems=str(folder / "p.jsonl"), max_tokens=160
    )


def many_models(folder: Path) -> Study:
    """Four models, adding mistakes and the mediation index beside patching and hiding, few chains."""
    problems.write_problems(folder / "p.jsonl", problems.problems(4, seed=5, style="brief"))
    models = tuple(f"organism:{name}" for name in ("base", "bypass", "control", "relay"))
    names = ("step_patching", "suppression", "adding_mistakes", "mediation_index", "filler")
    return Study(
        models=models, out=folder / "out", problems=str(folder / "p.jsonl"), measures=names,
        max_tokens=160,
    )  # fmt: skip


def long_chains(folder: Path) -> Study:
    """Two long chains, a random model of 6 layers of width 256."""
    reader = reader_of(context=4096, layers=6, width=256)
    names = ("early_answering", "suppression", "step_attention", "information_flow")
    return _sums(folder, reader, count=2, tokens=1_200, steps=20, measures=names)


def _sums(
    folder: Path,
    reader: Reasoner,
    *,
    count: int,
    tokens: int,
    steps: int,
    measures: tuple[str, ...] | None = None,
) -> Study:
    """A model and a copy of it, and running sums in a file."""
    reader.model.save_pretrained(folder / "model")
    reader.tokenizer.save_pretrained(folder / "model")
    starts = range(200, 200 + 7 * count, 7)
    traces = [chain(reader, tokens=tokens, steps=steps, start=start) for start in starts]
    rows = [
        {
            "id": trace.problem.id,
            "question": trace.problem.question,
            "answer": trace.problem.answer,
            "chain": "".join(step.text for step in trace.chain_steps),
            "answer_text": f"The answer is {trace.problem.answer}.",
        }
        for trace in traces
    ]
    (folder / "chains.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    models = (str(folder / "model"), str(folder / "model"))
    return Study(
        models=models, out=folder / "out", traces=folder / "chains.jsonl", chains="all",
        measures=measures,
    )  # fmt: skip


SHAPES: Mapping[str, Callable[[Path], Study]] = {
    "short_chains": short_chains,
    "many_models": many_models,
    "adapter": adapter,
    "long_chains": long_chains,
}


def line(name: str, folder: Path) -> str:
    """The table's line of one shape."""
    study = SHAPES[name](folder)
    models = Models.of(study)
    chains = collect(study, models, problems_of(study) if study.problems else [])
    todo = jobs(study, models, cells(study, author=chains.author), chains.by_author)
    said = io.StringIO()
    announce(study, models, todo, console=Console(file=said, width=300), clock=time.process_time)
    match = re.search(r"readings?, about ([\d.]+) (s|min|h),", said.getvalue())
    if match is None:
        raise SystemExit(said.getvalue())
    announced = float(match[1]) * UNITS[match[2]]
    for model in models.names:
        models.get(model)
    started = time.process_time()
    list(measure_trace(study, models, todo, chains.by_author, bar="hidden"))
    took = time.process_time() - started
    lengths = sorted(len(job.trace) for job in todo)
    steps = sorted(len(job.trace.chain_steps) for job in todo)
    middle = len(todo) // 2
    cells_ = [name, len(models.names), len(study.measure_names), lengths[middle], steps[middle]]
    times = [f"{announced:.0f} s", f"{took:.0f} s", f"{took / announced:.2f}"]
    return f"| {' | '.join([*map(str, cells_), str(len(todo)), *times])} |"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=1)
    parser.add_argument("shapes", nargs="*", default=list(SHAPES))
    heads = "shape, models, measures, tokens, steps, measurements, announced, took, ratio"
    print(f"| {heads.replace(', ', ' | ')} |\n|{'---|' * 9}", flush=True)
    args = parser.parse_args()
    for name in args.shapes:
        for _ in range(args.times):
            with tempfile.TemporaryDirectory() as folder:
                print(line(name, Path(folder)), flush=True)


if __name__ == "__main__":
    main()
