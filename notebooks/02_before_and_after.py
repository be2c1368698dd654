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
# # Is the chain used, before and after?
# Two models give the same right answers. Do both still read them off their chain? Both read the *same* chains, token
# for token, so nothing but the weights differs.

# %%
import mechcot as mc

# %% [markdown]
# The only cell to change: the model before, the model after, the problems.

# %%
pair = mc.load_pair("organism:base", "organism:bypass")
traces = pair.before.write(mc.problems("mod10", n=24, seed=5))

# %% [markdown]
# What each model loses without its chain (`filler`) and with only its first steps (`early_answering`): intervals, gates and a verdict.

# %%
change = mc.contrast(["filler", "early_answering"], pair, traces)
print(change)

# %%
change.plot()

# %% [markdown]
# Three of the chains, to walk through. What each model answers, and which step carries it:

# %%
page = mc.explore(pair, traces[:3])
page.to_frame()

# %% [markdown]
# Press `1`, `2`, `3` for before, after and the difference. `mechcot compare` does this for all measures, and keeps what it read.

# %%
page
