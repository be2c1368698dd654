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
# # What if?
# What if this step said 7? If it were not there? If the tuned model read it? The panel answers while one looks at the chain: change a
# step, or the model while it reads, and the answer before and after stand side by side.

# %%
import mechcot as mc

# %% [markdown]
# The only cell to change: the model before, the model after, the problems, and what may be added to the model while it reads.

# %%
pair = mc.load_pair("organism:base", "organism:bypass")
traces = pair.before.write(mc.problems("mod10", n=5, seed=77))
pairs = mc.contrast_pairs("mod10", n=20)
brief = mc.steering.mean_difference(pair.before, pairs, at="resid_post.1")

# %% [markdown]
# Pick a step on the left; on the right edit it, replace it, hide it, or let the model write on. **Try all** makes one change of every
# step in turn. A click in the map patches the counterfactual's state. `1` and `2` switch the model that reads.

# %%
panel = mc.what_if(pair, traces, vectors={"brief": brief})
panel

# %% [markdown]
# What the buttons do can be asked for without them; steps count from 0. Which digit decides the answer of each model?

# %%
for place, _ in enumerate(pair):
    panel.do("read_by", reader=place).do("try_all", change="counterfactual")
    print(panel.state["sweep"]["sentence"])

# %% [markdown]
# Everything that was tried, as a table, and the lines of the public API that give the last number to the last digit:

# %%
panel.do("read_by", reader=0).do("map", source=None)
panel.do("steer", name="brief", nats=0.2).do("pin").do("undo")
panel.do("counterfactual", step=6, value=0).do("pin")
panel.variants.to_frame()

# %%
print(panel.as_code())
