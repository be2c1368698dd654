"""One run of `mechcot sae crosscode`: chains, states of both models, training, whose the latents are, and the steps that excite each model's own."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from mechcot.core.pair import Pair
from mechcot.core.store import nan_to_none, write_json
from mechcot.core.trace import Phase, Trace
from mechcot.model.reasoner import Reasoner
from mechcot.sae.crosscoder import Crosscoder, end_to_end, load_crosscoder, paired_states
from mechcot.sae.crosscoder_training import train_crosscoder
from mechcot.sae.feature_activations import FeatureActivations
from mechcot.sae.feature_scores import logit_effects, top_contexts
from mechcot.sae.latent_changes import changes_on
from mechcot.sae.latent_replacement import replacement
from mechcot.sae.latent_sides import changed_latents, latent_sets
from mechcot.sae.run import Training, prepared
from mechcot.sae.token_states import TokenStates, features_of

OWN_SHOWN, CHANGED_SHOWN = 12, 8
"""Most latents that are shown with their steps: those believed to be one model's that fire most, and those that changed most."""


def crosscode_and_compare(job: Training) -> dict[str, Any]:
    """Train, save and compare; a finished crosscoder with the same settings is not trained again.

    Returns:
        What `crosscode.json` holds: `mechcot.sae.latent_changes.LatentChanges.to_json`, `replacement` (see `mechcot.sae.latent_replacement`), and `shown`
        with the steps and the logit effects in both models of the latents that are one model's own or that changed most.

    Raises:
        UserError: As `prepared`; too few tokens; models of two widths; or no latent fires on the held-out chains.
    """
    with prepared(job, "sae crosscode") as ready:
        names = ready.readers.map(lambda reader: reader.name)
        if not ready.made:
            kept = job.out / "states"
            states = paired_states(ready.readers, ready.seen, ready.site, to_disk=kept)
            train_crosscoder(
                states.map(lambda side: side.states),
                site=ready.site,
                models=names,
                settings=job.settings,
            ).save(job.out)
            ready.note(job.out)
        crosscoder = load_crosscoder(job.out)
        unseen = paired_states(ready.readers, ready.held_out, ready.site)
        changes = changes_on(crosscoder, unseen, ready.held_out)
        result = changes.to_json()
        result["replacement"] = replacement(
            crosscoder, ready.readers.after, unseen, ready.held_out, latent_sets(changes.latents)
        )
        reads = _in_chains(crosscoder, unseen, ready.held_out)
        result["shown"] = _shown(crosscoder, ready.readers, reads, changes.latents)
        result = nan_to_none(result)
        write_json(job.out / "crosscode.json", result)
        return result


def _in_chains(
    crosscoder: Crosscoder, states: Pair[TokenStates], traces: Sequence[Trace]
) -> FeatureActivations:
    """The latents of every chain token."""
    at = states.before
    where = zip(at.trace, at.step, strict=True)
    chain = np.array(
        [step >= 0 and traces[trace].steps[step].phase is Phase.CHAIN for trace, step in where]
    )
    values = features_of(
        crosscoder.dictionary,
        end_to_end(states.map(lambda side: side.states[torch.from_numpy(chain)])),
    )
    return FeatureActivations(
        tuple(traces), values, at.trace[chain], at.step[chain], at.position[chain]
    )


def _shown(
    crosscoder: Crosscoder,
    readers: Pair[Reasoner],
    reads: FeatureActivations,
    latents: Sequence[Mapping[str, Any]],
) -> list[dict[str, Any]]:
    """The steps that excite the latents of one model, and those that changed, most, and what their directions do to both models' logits."""
    own = sorted((row for row in latents if row["believed"]), key=lambda row: -row["frequency"])
    moved = sorted(changed_latents(latents), key=lambda row: -row["difference"])
    chosen = own[:OWN_SHOWN] + [row for row in moved if row not in own][:CHANGED_SHOWN]
    return [
        {
            "latent": row["latent"],
            "whose": row["whose"],
            "contexts": top_contexts(reads, readers.after, row["latent"]),
            "logits": [
                logit_effects(decoder[row["latent"]], reader)
                for decoder, reader in zip(crosscoder.decoders, readers, strict=True)
            ],
        }
        for row in chosen
    ]
