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
# # Which steps can go?
# A chain is longer than its answer needs. We keep fewer and fewer of its tokens and ask for the answer each time. Which steps
# stay is chosen in seven ways at equal budgets: by what hiding a step does (`suppression`), by attention, and by five simple rules.

# %%
from pathlib import Path

import mechcot as mc
from mechcot.organisms.unused_steps import write_unused

# %% [markdown]
# The only cell to change: your model and a file of chains (`mechcot import` makes one from chat, Inspect, plain text).
# These chains hold two steps or more that nothing needs, and which ones is known.

# %%
model = mc.load("organism:base")
chains = Path("runs/chains.jsonl")
write_unused(chains, n=24, spares=2, seed=77)
traces = mc.read_traces(chains, model)

# %% [markdown]
# One chain, step by step:

# %%
traces[0]

# %% [markdown]
# What its answer attends to, by layer and head:

# %%
mc.measure("step_attention", model, traces[0]).plot()

# %%
frontier = mc.pruning.frontier(model, traces, shares=[0.1, 0.3, 0.5, 0.7, 0.9])
frontier

# %% [markdown]
# Where the needed steps are known: share of kept steps that are needed, and of needed steps that are kept, with as many tokens kept as
# the needed steps have. Attention and the random order lie close together; on other chains this table is empty.

# %%
frontier.needed.round(2)

# %% [markdown]
# The answer against the budget. A method is worth its cost where its line lies above the dotted ones. Keeping the most recent steps
# does well too, because these chains end by stating the answer.

# %%
frontier.plot()
