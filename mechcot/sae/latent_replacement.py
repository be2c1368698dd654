"""Which latents carry the change? The base's states, with what some latents have changed, go into the tuned model's upper blocks.

    h_S = h_base + sum_{j in S} f_j (d_j tuned - d_j base)        at every token but the first
    KL(tuned as it is || tuned with h_S at the site)              over the whole vocabulary, mean over the tokens of chain and answer

With no latent these are plain base states, whose own KL is the reference; with all latents, the biases and the errors of both reconstructions it is the
tuned model itself, KL exactly 0 (summed in float64). Beside each set: as many random ones of the other latents that fire, and its own latents with
each difference turned to a random direction of the same length.
Source: arXiv 2504.02922 (causal replacement); random directions of equal length: ours.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from mechcot.core.pair import Pair
from mechcot.core.trace import Trace
from mechcot.model.distances import kl
from mechcot.model.interventions import Intervention, Replace, States
from mechcot.model.reasoner import Reasoner
from mechcot.sae.crosscoder import Crosscoder
from mechcot.sae.token_states import TokenStates
from mechcot.stats.bootstrap import bootstrap_mean, random_stream

NO_LATENT, ALL_LATENTS, EVERYTHING = "no latent", "all latents", "all latents, biases and errors"


@dataclass(frozen=True, eq=False)
class _Change:
    """What some latents write: `f[:, latents] @ rows`.

    Attributes:
        latents: Numbers of latents.
        rows: One direction a latent.
    """

    latents: Sequence[int]
    rows: Float[Tensor, "latent d_model"]

    def of(self, values: Float[Tensor, "token latent"]) -> States:
        """What is written at every token."""
        return values[:, list(self.latents)].double() @ self.rows


def replacement(
    crosscoder: Crosscoder,
    tuned: Reasoner,
    states: Pair[TokenStates],
    traces: Sequence[Trace],
    sets: Mapping[str, Sequence[int]],
    *,
    seed: int = 0,
) -> list[dict[str, Any]]:
    """How near base states come to the tuned model's output with the change of some latents.

    Cost: a forward of the tuned model a trace and row; three rows a set, and four more.

    Args:
        crosscoder: The crosscoder.
        tuned: Its second model.
        states: Both models' states of the traces' tokens, the first of each text left out.
        traces: The texts.
        sets: Sets of latents by name; empty ones are left out.
        seed: Of random latents, directions and intervals.

    Returns:
        One row a set, of which the first has none: `set`, `latents` (how many), `kl` in nats a token with `low` and `high` (bootstrap over traces), `closed`
        (share of the reference that it takes away) and for `random_latents` and `random_directions` their KL; NaN where there is none.
    """
    values = torch.from_numpy(crosscoder.latents_of(states))
    changes = dict(_changes(crosscoder, values, sets, seed=seed))
    moved: dict[tuple[str, str], list[float]] = {key: [] for key in changes}
    at = states.before.trace
    for number, trace in enumerate(traces):
        here = torch.from_numpy(np.flatnonzero(at == number))
        base, own = (side.states[here].double() for side in states)
        clean = tuned.prefix(trace.ids)
        for key, change in changes.items():
            # the errors and biases are what all latents leave of the difference
            rest = own - base - change.of(values[here]) if key[0] == EVERYTHING else 0.0
            written = base + change.of(values[here]) + rest
            act = Intervention(
                crosscoder.site, tuple(range(1, len(trace))), Replace(written.float())
            )
            read = slice(trace.prompt_length - 1, len(trace) - 1)
            patched = tuned.prefix(trace.ids, under=[act]).hidden[read]
            moved[key].append(float(kl(clean.hidden[read], patched, clean.unembed).mean()))
    return [*_rows(changes, moved, seed=seed)]


def _changes(
    crosscoder: Crosscoder,
    values: Float[Tensor, "token latent"],
    sets: Mapping[str, Sequence[int]],
    *,
    seed: int,
) -> Iterator[tuple[tuple[str, str], _Change]]:
    """What every row writes, by set and kind."""
    moves = (crosscoder.decoders.after - crosscoder.decoders.before).double()
    fires = np.flatnonzero((values > 0).any(dim=0).numpy()).tolist()
    yield (NO_LATENT, "kl"), _Change([], moves[:0])
    for name, latents in sets.items():
        if not latents:
            continue
        own = sorted(latents)
        others = sorted(set(fires) - set(own))
        rng = random_stream(seed, f"replacement {name}")
        yield (name, "kl"), _Change(own, moves[own])
        if len(others) >= len(own):
            drawn = sorted(rng.choice(others, size=len(own), replace=False).tolist())
            yield (name, "random_latents"), _Change(drawn, moves[drawn])
        turned = torch.nn.functional.normalize(torch.from_numpy(rng.normal(size=moves[own].shape)))
        lengths = moves[own].norm(dim=-1, keepdim=True)
        yield (name, "random_directions"), _Change(own, turned * lengths)
    yield (ALL_LATENTS, "kl"), _Change(fires, moves[fires])
    yield (EVERYTHING, "kl"), _Change(fires, moves[fires])


def _rows(
    changes: Mapping[tuple[str, str], _Change],
    moved: Mapping[tuple[str, str], Sequence[float]],
    *,
    seed: int,
) -> Iterator[dict[str, Any]]:
    """One row a set."""
    reference = float(np.mean(moved[NO_LATENT, "kl"]))
    for (name, kind), change in changes.items():
        if kind != "kl":
            continue
        interval = bootstrap_mean(np.array(moved[name, kind]), seed=seed, purpose=name)
        nulls = {
            null: float(np.mean(moved.get((name, null), math.nan)))
            for null in ("random_latents", "random_directions")
        }
        yield {
            "set": name,
            "latents": len(change.latents),
            "kl": interval.mean,
            "low": interval.low,
            "high": interval.high,
            "closed": 1 - interval.mean / reference if reference else math.nan,
        } | nulls


def replacement_lines(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """The rows in sentences."""
    lines = ["causal replacement: KL to the tuned model's output, nats a token"]
    for row in rows:
        nulls = [
            f"{name} {row[key]:.4f}"
            for name, key in (
                ("as many random latents", "random_latents"),
                ("random directions", "random_directions"),
            )
            if row[key] is not None
        ]
        closed = "" if row["closed"] is None else f", closes {row['closed']:.0%}"
        lines.append(
            f"  {row['set']} ({row['latents']}): {row['kl']:.4f} [{row['low']:.4f}, {row['high']:.4f}]"
            + "; ".join([closed, *nulls])
        )
    return lines
