"""How long an action of `mc.what_if` takes, from the message to the state that the page draws.

python -m benchmarks.panel_actions [--model organism:base] [--task mod10] [--n 5] [--pairs 20]

CPU seconds of one thread, on `n` chains: each action on each step, undone again. `first` is the first action on a chain just opened: it reads the chain as
it was written. Writing, sampling, the patch map and trying every step are work in slices of a tenth of a second, between which the page stays usable; they are not timed here.
"""

import argparse
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

import mechcot as mc
from mechcot.steering.mean_difference import mean_difference

ON_STEPS = ("hide", "hide_answer", "delete", "filler", "paraphrase", "counterfactual", "patch")


def took(panel: Any, action: str, **fields: Any) -> float:
    """Milliseconds of an action that can be done here; NaN where it cannot."""
    started = time.process_time()
    try:
        panel.do(action, **fields)
    except mc.UserError:
        return float("nan")
    return 1000 * (time.process_time() - started)


def rows(panel: Any, traces: list[Any]) -> Iterator[tuple[str, float]]:
    """Every action with its milliseconds."""
    for number, trace in enumerate(traces):
        panel.do("open", number=number)
        yield "first", took(panel, "hide", step=0)
        panel.do("undo")
        for step in range(len(trace.chain_steps)):
            text = trace.chain_steps[step].text
            asked = {name: {"step": step} for name in ON_STEPS}
            asked["counterfactual"] |= {"value": 0}
            asked["patch"] |= {"layer": 1, "source": None}
            asked["edit"] = {"step": step, "text": text.replace("=", "= ", 1) + " ."}
            for action, fields in asked.items():
                spent = took(panel, action, **fields)
                if np.isfinite(spent):
                    yield action, spent
                    panel.do("undo")
        for nats in (0.1, 0.2):
            yield (
                "steer, first dose" if nats == 0.1 else "steer, another dose",
                took(panel, "steer", name="brief", nats=nats),
            )
            panel.do("undo")
        yield "read by the other model", took(panel, "read_by", reader=1)
        panel.do("read_by", reader=0)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="organism:base")
    parser.add_argument("--other", default="organism:bypass")
    parser.add_argument("--task", default="mod10")
    parser.add_argument("--n", type=int, default=5)
    parser.add_argument("--pairs", type=int, default=20)
    args = parser.parse_args()
    torch.set_num_threads(1)
    pair = mc.load_pair(args.model, args.other)
    traces = pair.before.write(mc.problems(args.task, n=args.n, seed=3))
    brief = mean_difference(
        pair.before, mc.contrast_pairs("mod10", n=args.pairs), at="resid_post.1"
    )
    spent: dict[str, list[float]] = {}
    for action, milliseconds in rows(mc.what_if(pair, traces, vectors={"brief": brief}), traces):
        spent.setdefault(action, []).append(milliseconds)
    print("| action | times | median, ms | longest, ms |")
    print("| --- | --- | --- | --- |")
    for action, each in spent.items():
        print(f"| {action} | {len(each)} | {np.median(each):.0f} | {max(each):.0f} |")


if __name__ == "__main__":
    main()
