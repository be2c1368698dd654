"""A vector from pairs of texts, in one call."""

from collections.abc import Sequence

from mechcot.core.argument_kinds import checked
from mechcot.core.errors import UserError
from mechcot.core.task import ContrastPair
from mechcot.model.internals.sites import Site, sites_of
from mechcot.model.reasoner import Reasoner
from mechcot.steering.contrast_vectors import ReadPosition, pair_vectors
from mechcot.steering.vectors import SteeringVector


@checked
def mean_difference(
    reader: Reasoner,
    pairs: Sequence[ContrastPair],
    *,
    at: Site | str,
    read: ReadPosition = "last_prompt",
    seed: int = 0,
) -> SteeringVector:
    """Make the mean difference between the states of the two sides of pairs: v = mean_i (positive_i - negative_i).

    Cost: two forwards a pair.

    Args:
        reader: The model whose states are read; the vector belongs to its weights.
        pairs: What `mc.contrast_pairs` gives, or pairs of `mc.ContrastPair(positive, negative)`.
        at: Where, such as `resid_post.1`.
        read: `last_prompt` token or mean over the `prompt`; `last_chain` or `chain` for pairs of traces.
        seed: Of the halves and the bootstrap that say how stable the vector is.

    Returns:
        The vector; `origin.split_half` (cosine of the vectors of two random halves) and `origin.cone` (degrees around it that hold
        95 % of its bootstrap copies) say how far it can be trusted.

    Raises:
        UserError: No pairs, several sites, a site that the model does not have, or sides that do not differ.

    Example:
        >>> import mechcot as mc
        >>> base = mc.load("organism:base")
        >>> mc.steering.mean_difference(base, mc.contrast_pairs("mod10", n=8), at="resid_post.1").origin.method
        'mean difference'
    """
    sites = sites_of(at)
    if len(sites) != 1:
        raise UserError(f"expected one site, got {len(sites)}; make one vector a site")
    return pair_vectors(reader, pairs, sites=sites, read=read, seed=seed)[sites[0]]
