"""The answer's log-probability after each of 32 steps: packed suffixes against one truncated forward per step."""

import numpy as np
import torch

from benchmarks.setting import Row, faster, in_turn, show, small_model, tokens
from mechcot.model.prefix.prefix import Prefix

LENGTH, STEPS, SUFFIX = 1024, 32, 8


def run() -> list[Row]:
    """One row."""
    reasoner = small_model()
    ids = tokens(LENGTH)
    suffix = tokens(SUFFIX, seed=1)
    cuts = [LENGTH * (step + 1) // STEPS for step in range(STEPS)]
    answer = 77

    @torch.no_grad()
    def truncated() -> np.ndarray:
        scores = []
        for cut in cuts:
            batch = torch.tensor([[*ids[:cut], *suffix]])
            logits = reasoner.model(input_ids=batch, logits_to_keep=1).logits[0, -1]
            scores.append(torch.log_softmax(logits.float(), dim=-1)[answer].item())
        return np.array(scores)

    def packed() -> np.ndarray:
        branches = Prefix.of(reasoner, ids).branches(cuts, [suffix] * STEPS)
        return branches.score([[answer]] * STEPS)

    difference = float(np.abs(truncated() - packed()).max())
    if difference > 1e-4:
        msg = f"the two ways differ by {difference} nats"
        raise RuntimeError(msg)
    times = in_turn({"truncated": truncated, "packed": packed})
    return [
        faster(
            f"early answering, {LENGTH} tokens, {STEPS} steps, suffix {SUFFIX}: truncated runs / packed",
            times["truncated"],
            times["packed"],
            least=9.0,
            difference=difference,
        )
    ]


if __name__ == "__main__":
    show(run())
