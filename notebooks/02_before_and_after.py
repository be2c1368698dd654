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
from mechcot.explorer.live import look
from mechcot.model.reasoner import Reasoner
from mechcot.organisms.problems import problems

# %% [markdown]
# The only cell to change: the model before, the model after, the problems.

# %%
before, after = Reasoner.load("organism:base"), Reasoner.load("organism:bypass")
questions = problems(3, seed=5)

# %%
found = look([before, after], questions)

# %% [markdown]
# What each model answers with the chain and without it:

# %%
for item in found.data.items:
    print(item.trace, {name: dict(answers) for name, answers in item.answers.items()})

# %%
for item in found.data.items:
    for name, sentence in item.sentences.items():
        print(f"{name:8} {sentence}")

# %% [markdown]
# Three traces show, they do not prove: `mechcot compare` gives intervals, nulls and gates on many.
# Press `1`, `2`, `3` for before, after and the difference.

# %%
found
