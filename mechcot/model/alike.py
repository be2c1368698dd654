"""Check that two checkpoints can be compared state by state."""

from mechcot.core.errors import NotMeasurable
from mechcot.model.internals.self_test import backbone_of
from mechcot.model.reasoner import Reasoner


def check_alike(before: Reasoner, after: Reasoner) -> None:
    """See that two models have as many blocks, the same width and the same vocabulary.

    Raises:
        NotMeasurable: They do not; states and tokens of one mean nothing to the other.
    """
    shapes = [
        (backbone.n_layers, backbone.d_model, model.n_vocabulary)
        for model in (before, after)
        for backbone in [backbone_of(model.model)]
    ]
    if shapes[0] != shapes[1]:
        raise NotMeasurable(
            "not two checkpoints of one architecture: (blocks, width, vocabulary) are "
            f"{shapes[0]} for {before.name} and {shapes[1]} for {after.name}"
        )
