"""Can a cheap estimate name the step that matters most, so that only a few steps must be hidden exactly?

python -m benchmarks.screening [--n 24] [--seed 1] [organism ...]

The truth is `suppression`: how far the answer moves when a step is hidden from all later tokens, a partial run for each step. Estimates, with w_j the
weight (1: as it is, 0: hidden) of step j's keys in the attention of later tokens, and L = log p(the answer's first token):

    gradient       |dL / dw_j| at w = 1: one backward
    path           |mean of dL / dw_j over w = 1, .8, .6, .4, .2, of all steps at a time|: five
    values         |sum over layers and the step's tokens of v . dL/dv|: one
    attention      mean attention of the question for the answer to the step, over layers and heads: one run with its patterns
    later first    the later a step, the better: nothing
    blocks         a twelfth of the chain's steps hidden exactly at a time; a step has its block's effect

A chain of 150 steps costs 77 traces exactly. What a quarter of that leaves behind an estimate buys k exact steps; a shorter chain gets the same share of
its steps. Recall: chains whose truly first step (moving the answer by the smallest effect or more) is among the k best. Wilson's 95 % intervals.
"""

import argparse
import math
from collections.abc import Callable, Iterator, Mapping

import numpy as np
import torch
from scipy.stats import spearmanr
from statsmodels.stats.proportion import proportion_confint
from torch import Tensor, nn

from mechcot.core.trace import Span, Trace
from mechcot.measures.inputs import Inputs
from mechcot.measures.step_attention import measure as attend
from mechcot.measures.suppression import CARD, measure as suppress
from mechcot.model.distances import tv
from mechcot.model.interventions import AttentionKnockout
from mechcot.model.reasoner import Reasoner
from mechcot.organisms import problems as mod10
from mechcot.organisms.registry import ORGANISM_FAMILIES, family_of
from mechcot.tasks import shifted_draw

STEPS, EXACT = 150, 77.0
"""A long chain, and what it costs exactly, in traces."""
PATH = (1.0, 0.8, 0.6, 0.4, 0.2)
BLOCKS = 12


class Screened:
    """A chain with the question for its answer, whose steps' weights in later attention can be turned."""

    def __init__(self, reader: Reasoner, trace: Trace) -> None:
        chain = trace.ids[: trace.cuts()[-1]]
        self.reader, self.trace = reader, trace
        self.ids = (*chain, *reader.cue_after(chain))
        self.spans = [step.tokens for step in trace.chain_steps]
        seen = torch.ones(len(self.ids), len(self.ids), dtype=torch.bool).tril()
        self.causal = torch.zeros(seen.shape).masked_fill_(~seen, torch.finfo().min)
        self.later = torch.zeros(len(self.spans), *seen.shape)
        for j, span in enumerate(self.spans):
            self.later[j, span.stop :, span.start : span.stop] = 1.0

    def answer_of(self, weights: Tensor) -> Tensor:
        """Log-probabilities of the answer's first token under weights of the steps."""
        mask = self.causal + torch.einsum("j,jqk->qk", weights.log(), self.later)
        ids = torch.tensor([self.ids])
        logits = self.reader.model(input_ids=ids, attention_mask=mask[None, None]).logits
        return torch.log_softmax(logits[0, -1].float(), dim=-1)

    def slope(self, weight: float) -> Tensor:
        """The derivative of L by each step's weight where all have one weight."""
        weights = torch.full((len(self.spans),), weight, requires_grad=True)
        self.answer_of(weights).max().backward()
        assert weights.grad is not None
        return weights.grad


def gradient(chain: Screened) -> np.ndarray:
    """See the module's words."""
    return chain.slope(1.0).abs().numpy()


def path(chain: Screened) -> np.ndarray:
    """See the module's words."""
    return torch.stack([chain.slope(weight) for weight in PATH]).mean(0).abs().numpy()


def values(chain: Screened) -> np.ndarray:
    """See the module's words."""
    kept: list[Tensor] = []

    def keep(_module: nn.Module, _inputs: object, output: Tensor) -> Tensor:
        kept.append(output.requires_grad_())
        output.retain_grad()
        return output

    names = ("v_proj", "query_key_value", "c_attn", "qkv_proj")
    modules = dict(chain.reader.model.named_modules())
    hooks = [m.register_forward_hook(keep) for n, m in modules.items() if n.endswith(names)]
    try:
        chain.answer_of(torch.ones(len(chain.spans))).max().backward()
    finally:
        for hook in hooks:
            hook.remove()
    by_token = sum((v * v.grad).detach().sum(-1)[0] for v in kept if v.grad is not None)
    assert isinstance(by_token, Tensor)
    return np.array([abs(float(by_token[s.start : s.stop].sum())) for s in chain.spans])


def attention(chain: Screened) -> np.ndarray:
    """See the module's words."""
    received = attend(chain.reader, chain.trace, Inputs()).results["received"]
    return np.asarray(received.values)


def later_first(chain: Screened) -> np.ndarray:
    """See the module's words."""
    return np.arange(len(chain.spans), dtype=float)


def blocks(chain: Screened) -> np.ndarray:
    """See the module's words."""
    prefix, size = chain.reader.prefix(chain.ids), math.ceil(len(chain.spans) / BLOCKS)
    scores = np.zeros(len(chain.spans))
    for start in range(0, len(scores), size):
        spans = chain.spans[start : start + size]
        hidden = [AttentionKnockout(s, Span(s.stop, len(chain.ids))) for s in spans]
        moved = prefix.rerun_from(spans[0].stop, under=hidden)[0]
        scores[start : start + size] = float(
            tv(prefix.hidden[-1:], moved[-1:], prefix.unembed, unembed_q=prefix.unembed)[0]
        )
    return scores


ESTIMATES: Mapping[str, tuple[Callable[[Screened], np.ndarray], float]] = {
    "gradient": (gradient, 3.0),
    "path": (path, 15.0),
    "values": (values, 3.0),
    "attention": (attention, 2.0),
    "later first": (later_first, 0.0),
    "blocks": (blocks, BLOCKS / 2),
}
"""Each estimate, and its price in traces."""


def affordable(price: float, steps: int) -> int:
    """How many of a chain's steps can be hidden exactly behind an estimate of that price."""
    return max(1, round(steps * (EXACT / 4 - price) / 0.5 / STEPS))


def chains(name: str, n: int, seed: int) -> Iterator[Screened]:
    """Chains that a model writes on questions of its family that are longer than those it was trained on."""
    reader, family = Reasoner.load(f"organism:{name}"), family_of(name)
    if name in ("base", "bypass"):
        asked = mod10.problems(n, seed=seed, style="careful", hops=(6, 8))
    else:
        asked = shifted_draw(family.name, "longer").draw(n, seed=seed)
    for trace in reader.write(asked, max_tokens=320):
        if trace.finished and len(trace.chain_steps) > 2:
            yield Screened(reader, trace)


def rows(name: str, n: int, seed: int) -> Iterator[str]:
    """The table's rows of one model."""
    held = list(chains(name, n, seed))
    truth = [
        np.asarray(suppress(c.reader, c.trace, Inputs()).results["answer"].values) for c in held
    ]
    steps = np.mean([len(chain.spans) for chain in held])
    for title, (estimate, price) in ESTIMATES.items():
        first, among, agreement = [], [], []
        for chain, exact in zip(held, truth, strict=True):
            scores = estimate(chain)
            agreement.append(spearmanr(scores, exact).statistic)
            if exact.max() >= CARD.smallest_effect:
                rank = int((scores > scores[exact.argmax()]).sum())
                first.append(rank == 0)
                among.append(rank < affordable(price, len(exact)))
        low, high = proportion_confint(sum(among), len(among), method="wilson")
        cells = (
            *(name, f"{steps:.0f}", title, str(len(first)), f"{np.mean(first):.2f}"),
            *(
                str(affordable(price, round(steps))),
                f"{np.mean(among):.2f} ({low:.2f} to {high:.2f})",
            ),
            f"{np.nanmean(agreement):.2f}",
        )
        yield f"| {' | '.join(cells)} |"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--n", type=int, default=24)
    parser.add_argument("--seed", type=int, default=1)
    known = [
        "base",
        *(f"{name}/base" for name in ORGANISM_FAMILIES if name not in ("mod10", "gaps", "english")),
    ]
    parser.add_argument("organisms", nargs="*", default=known)
    args = parser.parse_args()
    torch.set_num_threads(1)
    print("| organism | steps | estimate | chains | first | k | among the k best | Spearman |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    for name in args.organisms:
        for row in rows(name, args.n, args.seed):
            print(row, flush=True)


if __name__ == "__main__":
    main()
