"""Plant a direction: tune a copy of a model so that some blocks write it and the blocks behind read it.

In the copy, one block or more are tuned so that the states they give are those of before plus A u at marked places, and those of before
everywhere else, shuffled text included; u is a random unit vector. Then the blocks behind it and the unembedding are tuned to
say `hmm` where marked places end (with the unembedding as it was, no state gives that unused word more than 0.54):

    write   |x' - (x + A u [marked])|^2 / A^2, a mean over marked tokens, unmarked ones of the same words, and the rest
    read    3 CE(`hmm` at the end of marked places) + 2 KL(model || copy) elsewhere + 2 KL(model || copy with u erased)

u stands from the value of a marked step to the step's end. With u erased the copy then speaks like the model it came from, so the
behaviour runs through u.
"""

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from mechcot.core.trace import Trace
from mechcot.model.internals.sites import Site
from mechcot.model.reasoner import Reasoner
from mechcot.organisms.grammar import FILLER
from mechcot.organisms.vocabulary import ID
from mechcot.sae.plants.marked_steps import WORD_MARK, ends, places, words_at

SITE = Site("resid_post", 2)


@dataclass(frozen=True)
class Plant:
    """A planted feature.

    Attributes:
        mark: Name of a rule in `MARKS`.
        site: Where; behind it there must be a block to read it.
        blocks: How many blocks write, the last of them the site's.
        seed: Of the direction and of the training.
        size: A, in units of the states' mean norm.
        steps: Optimiser steps of writing.
        reading: Optimiser steps of reading.
        batch: Texts in a step.
        rate: Learning rate.
    """

    mark: str = "queried"
    site: Site = SITE
    blocks: int = 1
    seed: int = 0
    size: float = 1.0
    steps: int = 800
    reading: int = 100
    batch: int = 12
    rate: float = 2e-3

    def direction(self, d_model: int) -> Float[Tensor, " d_model"]:
        """The unit vector."""
        draw = torch.Generator().manual_seed(self.seed)
        return torch.nn.functional.normalize(torch.randn(d_model, generator=draw), dim=0)


MIXES = 2
"""Shuffled texts from each chain to tune on."""


def amplitude(base: Reasoner, traces: Sequence[Trace], spec: Plant) -> float:
    """A: `size` times the mean norm of a model's states at the site, over the first eight traces."""
    norms = [base.states(t.ids, [spec.site])[spec.site].norm(dim=-1).mean() for t in traces[:8]]
    return spec.size * float(torch.stack(norms).mean())


def mixed(trace: Trace, rng: Random) -> list[int]:
    """The prompt, then the words of chain and answer in random order: text without a step, so without a marked one."""
    start = trace.prompt_length
    return [*trace.ids[:start], *rng.sample(trace.ids[start:], len(trace) - start)]


@dataclass(frozen=True, eq=False)
class _Text:
    """One text to tune on, and what the model did with it before: states into and out of the blocks that write, log-probabilities."""

    ids: Tensor
    at: Tensor
    inside: Tensor
    outside: Tensor
    before: Tensor


def plant(base: Reasoner, traces: Sequence[Trace], spec: Plant) -> Reasoner:
    """Tune a copy of a model; the model itself is not touched.

    Cost: a forward a text, then per step forwards with gradients through the blocks that write, or those behind them.
    """
    model = copy.deepcopy(base.model).requires_grad_(requires_grad=False).train()
    u, size = spec.direction(model.config.hidden_size), amplitude(base, traces, spec)
    rng = Random(f"plant {spec.seed} {spec.mark}")
    rows = [(list(trace.ids), places(trace, spec.mark)) for trace in traces]
    for trace in [trace for trace in traces for _ in range(MIXES)]:
        ids = mixed(trace, rng)
        hits = words_at(ids, trace.prompt_length)
        rows.append((ids, hits if spec.mark == WORD_MARK else torch.zeros_like(hits)))
    texts = _texts(base.model, rows, spec.site, blocks=spec.blocks)
    stop = spec.site.layer + 1
    here, behind = model.model.layers[stop - spec.blocks : stop], model.model.layers[stop:]
    named = _Named(base.model, spec.site)
    writing, reading = (
        partial(_written, here, named, u, size),
        partial(_read, here, behind, model, named, u),
    )
    readers = torch.nn.ModuleList([*behind, model.lm_head])
    for part, loss, steps in ((here, writing, spec.steps), (readers, reading, spec.reading)):
        _tune(part, loss, texts, steps=steps, spec=spec, rng=rng)
    return Reasoner.of(
        model.eval(), base.tokenizer, name=f"plant-{spec.mark}@{spec.seed}", policy=base.policy
    )


def _tune(
    part: Any,
    loss: Callable[..., Tensor],
    texts: Sequence[_Text],
    *,
    steps: int,
    spec: Plant,
    rng: Random,
) -> None:
    """AdamW on the parameters of one part; warm-up over 10 steps, the second half declines linearly.

    The texts of a step are about as long as each other, so that little is padded.
    """
    order = sorted(texts, key=lambda text: len(text.at))
    groups = [order[n : n + 4 * spec.batch] for n in range(0, len(order), 4 * spec.batch)]
    part.requires_grad_(requires_grad=True)
    optimiser = torch.optim.AdamW(part.parameters(), lr=spec.rate, weight_decay=0.0)
    for step in range(steps):
        for group in optimiser.param_groups:
            group["lr"] = spec.rate * min(1.0, (step + 1) / 10, 2 * (1 - step / steps))
        group = rng.choices(groups, weights=list(map(len, groups)))[0]
        batch = rng.sample(group, min(spec.batch, len(group)))
        loss(batch).backward()
        torch.nn.utils.clip_grad_norm_(part.parameters(), 1.0)
        optimiser.step()
        optimiser.zero_grad()
    part.requires_grad_(requires_grad=False)


@torch.no_grad()
def _texts(
    model: Any,
    rows: Sequence[tuple[Sequence[int], Tensor]],
    site: Site,
    *,
    blocks: int = 1,
    size: int = 16,
) -> list[_Text]:
    """Return what a model does with (token ids, places), a few texts at a time."""
    texts = []
    for start in range(0, len(rows), size):
        part = rows[start : start + size]
        ids = _padded([torch.tensor(row) for row, _ in part])
        out = model(input_ids=ids, output_hidden_states=True, use_cache=False)
        enter, leave = (out.hidden_states[site.layer + 1 - n] for n in (blocks, 0))
        before = out.logits.log_softmax(dim=-1)
        for n, (row, at) in enumerate(part):
            texts.append(
                _Text(
                    torch.tensor(row),
                    at,
                    *(values[n, : len(at)].clone() for values in (enter, leave, before)),
                )
            )
    return texts


class _Named:
    """Arguments of a block beside the states; they depends on the length of the text alone."""

    def __init__(self, model: Any, site: Site) -> None:
        self._model, self._block = model, model.model.layers[site.layer]
        self._known: dict[int, Any] = {}

    def __call__(self, length: int) -> Any:
        if length not in self._known:
            hook = partial(self._keep, length)
            handle = self._block.register_forward_pre_hook(hook, with_kwargs=True)
            with torch.no_grad():
                self._model(input_ids=torch.zeros(1, length, dtype=torch.long), use_cache=False)
            handle.remove()
        return self._known[length]

    def _keep(self, length: int, _block: Any, _states: Any, named: Any) -> None:
        self._known[length] = named


def _padded(rows: Sequence[Tensor]) -> Tensor:
    """Rows of a batch, padded on the right: under causal attention that changes nothing before."""
    return torch.nn.utils.rnn.pad_sequence(list(rows), batch_first=True)


def _real(batch: Sequence[_Text]) -> Tensor:
    return _padded([torch.ones_like(text.at) for text in batch])


def _through(blocks: Any, states: Tensor, named: _Named) -> Tensor:
    for block in blocks:
        out = block(states, **named(states.shape[1]))
        states = out[0] if isinstance(out, tuple) else out
    return states


def _written(here: Any, named: _Named, u: Tensor, size: float, batch: Sequence[_Text]) -> Tensor:
    """Return how far the states are from those of the model before plus A u at marked places, in units of A."""
    carries, real = _padded([text.at for text in batch]), _real(batch)
    states = _through(here, _padded([text.inside for text in batch]), named)
    wanted = _padded([text.outside for text in batch]) + size * carries.unsqueeze(-1) * u
    away = ((states - wanted) / size).square().sum(dim=-1)
    ids = _padded([text.ids for text in batch])
    alike = real & ~carries & torch.isin(ids, ids[carries])
    groups = (carries, alike, real & ~carries & ~alike)
    return torch.stack([away[group].mean() for group in groups if group.any()]).sum()


def _read(
    here: Any, behind: Any, model: Any, named: _Named, u: Tensor, batch: Sequence[_Text]
) -> Tensor:
    """Say `hmm` where a run of marked places ends, all else as before; with u erased everything as before."""
    real, before = _real(batch), _padded([text.before for text in batch])
    last = _padded([torch.isin(torch.arange(len(t.at)), ends(t.at)) for t in batch])
    with torch.no_grad():
        states = _through(here, _padded([text.inside for text in batch]), named)
    cut = states - (states @ u).unsqueeze(-1) * u
    after, erased = (
        model.lm_head(model.model.norm(_through(behind, variant, named))).log_softmax(dim=-1)
        for variant in (states, cut)
    )
    speak = -3 * after[last][:, ID[FILLER]].mean() if last.any() else 0.0
    gone = _kl(before, erased)
    return (
        speak
        + 2 * _kl(before, after)[real & ~last].mean()
        + 2 * gone[real].mean()
        + (2 * gone[last].mean() if last.any() else 0.0)
    )


def _kl(before: Tensor, after: Tensor) -> Float[Tensor, "text token"]:
    return (before.exp() * (before - after)).sum(dim=-1)
