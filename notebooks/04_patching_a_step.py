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
# A twin of each chain has one fact of the question changed and everything after it computed anew. Where the chain states a value we
# write the twin's state, one layer at a time, keep all later text, and see whether the answer follows.

# %%
import pandas as pd

from mechcot.explorer.live import look, place_maps
from mechcot.model.reasoner import Reasoner
from mechcot.organisms.problems import problems
from mechcot.tasks import task_of
from mechcot.view.figures.place_map import place_map

# %% [markdown]
# The only cell to change: the model before, the model after, the problems. Any chain with arithmetic has a twin.

# %%
before, after = Reasoner.load("organism:base"), Reasoner.load("organism:bypass")
questions = problems(12, seed=77)

# %% [markdown]
# One twin: the values that change, and the answer that each predicts (none where later text still states the old value).

# %%
trace = before.write(questions[:1])[0]
twin = task_of(trace.problem).counterfactuals(trace, retoken=before.retoken, seed=0)
for stated in twin.stated:
    texts = [each.steps[stated.step].text.strip() for each in (trace, twin.trace)]
    print(f"step {stated.step + 1}: {texts[0]} -> {texts[1]}; predicted: {stated.answer_kept}")

# %%
found = look([before, after], questions, measures=("step_patching",))

# %% [markdown]
# How far the answer moves as predicted, at the input of the first block:

# %%
rows = {i.trace: {name: facts[0][1] for name, facts in i.facts.items()} for i in found.data.items}
pd.DataFrame(rows).T.round(2)

# %% [markdown]
# The same by layer and place, before and after. Where the map is dark, the state at the stated value decides what follows; above
# the last dark layer, later tokens have read it already.

# %%
place_map(*place_maps(found), before=before.name, after=after.name)
