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
# # A first look at a trace
# Which step of a chain of thought carries the answer? A small model writes three chains; we hide each step,
# change the state where it states a value, and watch the answer.

# %%
import mechcot as mc

# %% [markdown]
# The only cell to change: your model (`mc.load("your/model")`) and your problems (`mc.problems("problems.jsonl")`, or
# `[mc.Problem(id=..., question=..., answer=...)]`).

# %%
model = mc.load("organism:base")
traces = model.write(mc.problems("mod10", n=3, seed=5))

# %% [markdown]
# One chain, cut into steps:

# %%
traces[0]

# %% [markdown]
# One measure of it: how far the answer moves when a step is hidden from attention, and what every later step loses.

# %%
hidden = mc.measure("suppression", model, traces[0])
hidden

# %%
hidden["kl"].plot()

# %% [markdown]
# All of it, to walk through, for the three chains. The line is the probability of the answer while the chain is given step by step;
# the matrix shows what each later step loses when a step is hidden. Press `j` and `k`.

# %%
page = mc.explore(model, traces)
page.to_frame()[["trace", "critical_step", "sentence"]]

# %%
page
