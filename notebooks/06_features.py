# ---
# jupyter:
#   jupytext:
#     formats: py:percent,ipynb
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # How many features carry a stated value?
# A sparse dictionary, trained on the states of both models, writes each state as a few features out of many. At the tokens where a chain
# states a value we give k features the values of the twin's state (one fact of the question changed) and watch the answer.

# %%
import torch

from mechcot.model.internals.sites import Site
from mechcot.model.reasoner import Reasoner
from mechcot.organisms.problems import problems
from mechcot.sae.evaluation import evaluate
from mechcot.sae.feature_patching import patched
from mechcot.sae.token_states import token_states
from mechcot.sae.training import TrainingSettings, train
from mechcot.tasks import task_of
from mechcot.view.plot import exchanged

# %% [markdown]
# The only cell to change: the model before, the model after, the site, problems for training and fresh ones. Large models
# want more chains, a wider dictionary and a GPU (`mechcot sae train`), or a dictionary of SAE-Lens (`mechcot.sae.dictionary.load`).

# %%
before, after = Reasoner.load("organism:base"), Reasoner.load("organism:bypass")
site, settings = Site("resid_post", 0), TrainingSettings(width=512, k=12, samples=300_000)
training, fresh = problems(160, seed=77, split="train"), problems(16, seed=78)

# %%
texts = before.write(training)
states = torch.cat([token_states(reader, texts, site).states for reader in (before, after)])
dictionary = train(states, site=site, model=before.name, settings=settings)

# %% [markdown]
# How well it stands for the states of each model, on chains that it was not trained on:

# %%
traces = before.write(fresh)
for reader in (before, after):
    print(evaluate(dictionary, reader, traces))

# %% [markdown]
# Zero features exchanged must move nothing. A few that reach the dotted line carry the value; a dotted line at zero says that this model's answer
# does not hang on it.

# %%
maker = task_of(traces[0].problem).counterfactuals
exchanged([patched(dictionary, reader, traces, maker=maker) for reader in (before, after)])
