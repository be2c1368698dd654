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
# # Where in the network does a stated value act?
# A counterfactual of each chain has one fact of the question changed and everything after it computed anew. Where the chain states a
# value we write the counterfactual's state, one layer at a time, keep all later text, and see whether the answer follows.

# %%
import mechcot as mc

# %% [markdown]
# The only cell to change: the model before, the model after, the problems. Any chain with arithmetic has a counterfactual.

# %%
pair = mc.load_pair("organism:base", "organism:bypass")
traces = pair.before.write(mc.problems("mod10", n=12, seed=77))

# %% [markdown]
# One counterfactual: the values that change, and the answer that each predicts (none where later text still states the old value).

# %%
trace = traces[0]
other = mc.task_of(trace.problem).counterfactuals(trace, retoken=pair.before.retoken, seed=0)
for stated in other.stated:
    texts = [each.steps[stated.step].text.strip() for each in (trace, other.trace)]
    print(f"step {stated.step + 1}: {texts[0]} -> {texts[1]}; predicted: {stated.answer_kept}")

# %% [markdown]
# How far the answer moves as predicted on this chain, by layer and step:

# %%
one = mc.measure("step_patching", pair.before, trace)
one

# %%
one["answer"].plot()

# %% [markdown]
# The mean of all chains, before and after. Where the map is dark, the state at the stated value decides what follows; above
# the last dark layer, later tokens have read it already.

# %%
maps = mc.patch_map(pair, traces)
maps

# %%
maps.plot()
