"""Sparse dictionaries on reasoning steps: train, fit, score, falsify, patch, plant and find.

load(folder)                          a dictionary, from `mechcot sae train` or SAE-Lens
load(folder).top(reader, traces, kind=)   the features that fire most on one kind of step
train_on(readers, traces, at=)        a dictionary of one's own
evaluate(dictionary, reader, traces)  how well it stands for a model's states
exchange(dictionary, readers, traces) how many of its features carry a stated value
feature_vector(dictionary, reader, traces, feature)  a feature as a steering vector, to add or to clamp
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
