"""Every step hidden from all later tokens: cropped cache against one full masked forward per step."""

import torch

from benchmarks.setting import Row, faster, in_turn, show, small_model, tokens
from mechcot.core.trace import Span
from mechcot.model.interventions import AttentionKnockout
from mechcot.model.prefix.prefix import Prefix

LENGTH, STEPS = 1024, 32


def run() -> list[Row]:
    """One row."""
    reasoner = small_model()
    ids = tokens(LENGTH)
    size = LENGTH // STEPS
    steps = [Span(step * size, (step + 1) * size) for step in range(1, STEPS - 1)]
    batch = torch.tensor([ids])
    causal = torch.ones(LENGTH, LENGTH, dtype=torch.bool).tril()

    @torch.no_grad()
    def full() -> list[torch.Tensor]:
        states = []
        for step in steps:
            seen = causal.clone()
            seen[step.stop :, step.start : step.stop] = False
            mask = torch.zeros(1, 1, LENGTH, LENGTH).masked_fill_(~seen, torch.finfo().min)
            output = reasoner.model.base_model(
                input_ids=batch, attention_mask=mask, use_cache=False
            )
            states.append(output.last_hidden_state[0, step.stop :])
        return states

    def cropped() -> list[torch.Tensor]:
        prefix = Prefix.of(reasoner, ids)
        return [prefix.rerun_from(step.stop, hide=[AttentionKnockout(step)])[0] for step in steps]

    pairs = zip(full(), cropped(), strict=True)
    difference = max((left - right).abs().max().item() for left, right in pairs)
    if difference > 1e-4:
        msg = f"the two ways differ by {difference}"
        raise RuntimeError(msg)
    times = in_turn({"full": full, "cropped": cropped})
    return [
        faster(
            f"suppression of each of {len(steps)} steps, {LENGTH} tokens: full masked runs / cropped cache",
            times["full"],
            times["cropped"],
            least=1.7,
            difference=difference,
        )
    ]


if __name__ == "__main__":
    show(run())
