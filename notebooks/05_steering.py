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
# # Can a vector shorten the chain and keep the answer?
# The direction from "careful" to "brief" questions is added to questions that say neither word. The dose is measured in nats
# (mean KL of the written tokens), so that a random vector can be given the same.

# %%
from mechcot.core.trace import Phase
from mechcot.model.generation.steering_hooks import PositionSelector
from mechcot.model.internals.sites import Site
from mechcot.model.reasoner import Reasoner
from mechcot.steering.dose_response import dose_response
from mechcot.steering.extract import pair_vectors
from mechcot.tasks import MOD10, contrast_pairs

# %% [markdown]
# The only cell to change: your model, the site, pairs of texts that differ in what you want
# (`Contrast(Problem(...), Problem(...))` with one id, from `mechcot.steering.extract`), and other questions to try the vector on.

# %%
model, site = Reasoner.load("organism:base"), Site("resid_post", 1)
pairs = contrast_pairs("mod10", 40)
asked = MOD10.unhinted(20, seed=77, depth=(5, 6))

# %%
vector = pair_vectors(model, pairs, sites=[site], read="prompt")[site]
about = vector.origin
print(
    f"length {vector.norm:.2f}, split-half cosine {about.split_half:.3f}, cone {about.cone:.1f} degrees"
)

# %%
found = dose_response(
    model, vector, asked, nats=(0.05, 0.1, 0.2), where=PositionSelector(phases=(Phase.QUESTION,))
)

# %% [markdown]
# `kl` is the dose that was measured. Where no factor brings the random vector to the vector's dose, `same_dose` is false (an open mark below): do not compare the two.

# %%
found.to_frame().round(3)

# %%
found.plot()
