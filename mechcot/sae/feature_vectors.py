"""A feature as a steering vector: f_max d_i, for the doses, controls and experiment files of `mechcot steer`.

d_i is what one unit of the feature writes and f_max its largest activation on the model's own chains, so gamma = 1 adds
the feature as strongly as the model ever has it. The vector's gate reads how much of the feature a state already holds, so that
it can be clamped too. Expect damage as often as gain.
"""

from collections.abc import Sequence

import torch

from mechcot.core.errors import UserError
from mechcot.core.trace import Trace
from mechcot.model.reasoner import Reasoner
from mechcot.sae.dictionary import Dictionary
from mechcot.sae.feature_activations import read_features
from mechcot.sae.token_states import token_states
from mechcot.steering.vectors import FeatureGate, Origin, SteeringVector


def feature_vector(
    dictionary: Dictionary, reader: Reasoner, traces: Sequence[Trace], feature: int
) -> SteeringVector:
    """The vector of one feature, sized by the chains of one model. Cost: one forward a trace.

    Args:
        dictionary: The dictionary.
        reader: Whose states; the vector belongs to its weights.
        traces: Chains.
        feature: Its number, from 0.

    Raises:
        UserError: There is no such feature, it never fires on these chains, or the dictionary does not fit.

    Example:
        >>> import mechcot as mc
        >>> base = mc.load("organism:base")
        >>> traces = base.write(mc.problems("mod10", n=2))
        >>> small = mc.sae.TrainingSettings(width=16, k=4, samples=2_000, batch=256)
        >>> dictionary = mc.sae.train_on([base], traces, at="resid_post.2", settings=small)
        >>> firing = dictionary.encode(base.states(traces[0].ids, [dictionary.site])[dictionary.site]).amax(0).argmax()
        >>> mc.sae.feature_vector(dictionary, base, traces, int(firing)).site.short
        'resid_post.2'
    """
    dictionary.check(reader)
    if not 0 <= feature < dictionary.width:
        raise UserError(
            f"expected a feature from 0 to {dictionary.width - 1}, got {feature}; `mechcot sae score` lists them"
        )
    values = read_features(dictionary, reader, traces).values[:, feature]
    largest = float(values.max(initial=0.0))
    if largest == 0.0:
        raise UserError(
            f"feature {feature} of {dictionary.name} fires on none of {len(values)} chain tokens of {reader.name}, so it has "
            "no size; take one that fires (`mechcot sae score`), or give more chains"
        )
    origin = Origin(
        model=reader.name,
        weights_hash=reader.weights_hash,
        method=f"feature {feature} of {dictionary.name}",
        read=f"decoder direction times the largest activation {largest:.4g} on {len(values)} chain tokens",
        items=tuple(trace.problem.id for trace in traces),
    )
    direction = largest * dictionary.decoder[feature].float().cpu()
    return SteeringVector(
        direction, dictionary.site, origin, _gate(dictionary, reader, traces[:4], feature, largest)
    )


def _gate(
    dictionary: Dictionary,
    reader: Reasoner,
    traces: Sequence[Trace],
    feature: int,
    largest: float,
) -> FeatureGate | None:
    """Return what the feature reads, by itself; None where that depends on other features (topk), or on a norm of the states."""
    sae = dictionary.sae
    if not (hasattr(sae, "W_enc") and hasattr(sae, "b_enc")):
        return None
    encoder = sae.W_enc.detach()[:, feature].float().cpu().clone()
    bias = float(sae.b_enc[feature])
    if sae.cfg.apply_b_dec_to_input:
        bias -= float(sae.b_dec.detach().float().cpu() @ encoder)
    threshold = float(sae.threshold[feature]) if hasattr(sae, "threshold") else 0.0
    gate = FeatureGate(encoder, bias, threshold, largest)
    states = token_states(reader, traces, dictionary.site).states
    read = dictionary.encode(states)[:, feature].float().cpu() / largest
    return gate if torch.allclose(gate(states.cpu()), read, atol=1e-3) else None
