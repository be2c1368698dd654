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
import mechcot as mc

# %% [markdown]
# The only cell to change: your model, the site, pairs of texts that differ in what you want (`mc.contrast_pairs("pairs.jsonl")`, or
# `mc.ContrastPair(mc.Problem(...), mc.Problem(...))` with one id), and other questions to try the vector on.

# %%
model = mc.load("organism:base")
pairs = mc.contrast_pairs("mod10", n=40)
asked = mc.task_of(pairs[0].positive).unhinted(20, seed=77, depth=(5, 6))

# %%
vector = mc.steering.mean_difference(model, pairs, at="resid_post.1", read="prompt")
print(vector)

# %%
vector.plot()

# %%
question = mc.PositionSelector(phases=(mc.Phase.QUESTION,))
doses = mc.steering.dose_response(model, vector, asked, nats=[0.05, 0.1, 0.2], where=question)

# %% [markdown]
# `kl` is the dose that was measured. Where no factor brings the random vector to the vector's dose, `same_dose` is false (an open mark below): do not compare the two.

# %%
doses.to_frame().round(3)

# %%
doses.plot()
