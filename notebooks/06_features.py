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
# # How many features carry a stated value?
# A sparse dictionary, trained on the states of both models, writes each state as a few features out of many. At the tokens where a chain
# states a value we give k features the values of the counterfactual's state (one fact of the question changed) and watch the answer.

# %%
import mechcot as mc

# %% [markdown]
# The only cell to change: the model before, the model after, the site, chains for training and fresh ones. Large models
# want more chains, a wider dictionary and a GPU (`mechcot sae train`), or a dictionary of SAE-Lens (`mc.sae.load`).

# %%
pair = mc.load_pair("organism:base", "organism:bypass")
problems = mc.problems("mod10", n=176, seed=77)
settings = mc.sae.TrainingSettings(width=512, k=12, samples=300_000)

# %%
traces = pair.before.write(problems)
texts, fresh = traces[:160], traces[160:]
dictionary = mc.sae.train_on(pair, texts, at="resid_post.0", settings=settings)

# %% [markdown]
# How well it stands for the states of each model, on chains that it was not trained on:

# %%
for reader in pair:
    print(mc.sae.evaluate(dictionary, reader, fresh))

# %% [markdown]
# The features that fire most on the steps that check, against all other steps. This is a ranking; `mechcot sae falsify` says which survive a test.

# %%
features = dictionary.top(pair.before, fresh, kind="verification")
features.plot()

# %% [markdown]
# Zero features exchanged must move nothing. A few that reach the dotted line carry the value; a dotted line at zero says that this model's answer
# does not hang on it.

# %%
exchanged = mc.sae.exchange(dictionary, pair, fresh)
exchanged.plot()
