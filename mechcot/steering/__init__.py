"""Steering: vectors with their origin, doses in nats, decoding under them, experiments as files.

mean_difference(reader, pairs, at=)                 a vector from pairs of texts
dose_response(reader, vector, problems, nats=)      what it does to length and accuracy, beside controls of the same dose
SteeringVector                                      `save`, `load`, `+`, `-`, `times`, `cosine`
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
