"""Sparse dictionaries on reasoning steps: train, fit, score, falsify, patch, plant and find.

load(folder)                          a dictionary, from `mechcot sae train` or SAE-Lens
load(folder).top(reader, traces, kind=)   the features that fire most on one kind of step
train_on(readers, traces, at=)        a dictionary of one's own
evaluate(dictionary, reader, traces)  how well it stands for a model's states
exchange(dictionary, readers, traces) how many of its features carry a stated value
load_crosscoder(folder)                a crosscoder, from `mechcot sae crosscode`
crosscode(pair, traces, at=)          a crosscoder: one code of both models, with one decoder each
compare_latents(crosscoder, pair, traces)  which latents are one model's own, and on which steps they work
causal_check(crosscoder, pair, traces)  which of them carry the change, by causal replacement
feature_vector(dictionary, reader, traces, feature)  a feature as a steering vector, to add or to clamp
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
