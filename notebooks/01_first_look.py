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
from mechcot.explorer.live import look
from mechcot.model.reasoner import Reasoner
from mechcot.organisms.problems import problems

# %% [markdown]
# The only cell to change: your model (`Reasoner.load("your/model")`) and your problems
# (`[Problem(id=..., question=..., answer=...)]` from `mechcot.core.problem`).

# %%
model = Reasoner.load("organism:base")
questions = problems(3, seed=5)

# %%
found = look([model], questions)

# %% [markdown]
# In words, one line a trace:

# %%
for item in found.data.items:
    print(f"{item.trace}: {item.sentences[model.name]}")

# %% [markdown]
# The same, to walk through. The line is the probability of the answer while the chain is given step by step;
# the matrix shows what each later step loses when a step is hidden. Press `j` and `k`.

# %%
found
