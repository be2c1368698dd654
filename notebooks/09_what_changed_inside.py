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
# # What changed inside?
# The chain no longer carries the answer: a new mechanism, a lost one, or an old one that is called at another moment? Four views of one pair,
# each with what was predicted before it was run.

# %%
import mechcot as mc

# %% [markdown]
# The only cell to change: the model before, the model after, the problems. `bypass` was tuned to take its answer from the note in the question, which no
# model before it reads; here the note is right.

# %%
pair = mc.load_pair("organism:order/base", "organism:order/bypass")
problems = mc.problems("order", n=240, seed=5)
site = "resid_post.0"
traces = pair.before.write(problems)

# %% [markdown]
# ## The circuit of a step
# Predicted: before, a head fetches what the last needed step states when the answer is asked for; after, nothing does.

# %%
circuit = mc.circuit(pair, traces[:24])
circuit

# %%
circuit.plot()

# %% [markdown]
# That came: what the step states turns the answer of `base` around whole (1.01 of the swing), one head of the first layer fetches it, and in `bypass` 0.00 of it is left.

# %% [markdown]
# ## New directions
# Predicted: latents of `bypass` alone on the question, where the note stands, and these carry the change.

# %%
small = mc.sae.TrainingSettings(width=512, k=16, samples=150_000)
crosscoder = mc.sae.crosscode(pair, traces[:-40], at=site, settings=small)
latents = mc.sae.compare_latents(crosscoder, pair, traces[-40:])
print(latents)
latents.plot()

# %% [markdown]
# That did not come: no latent is of one model alone, and 299 of 500 have changed. This tuning moved most directions a little instead of adding a few.

# %% [markdown]
# Lengths of directions are claims. The check is causal: `bypass` goes on from the states of `base`, and gets back what some latents have changed.

# %%
carried = mc.sae.causal_check(crosscoder, pair, traces[-40:])
carried

# %%
carried.plot()

# %% [markdown]
# The changed latents close 61 % of the way to `bypass`, where random directions of the same lengths lead away from it; all latents close less, since
# the errors of the two reconstructions differ. So the change is in these directions, and it is not a few of them.

# %% [markdown]
# ## What, or when?
# `base` writes, and is given the token of `bypass`, or a vector, where the two disagree. Predicted: its tokens recover the gap and vectors do not, since
# `base` cannot read the note, whenever it is told to.

# %%
helped = mc.hybrid(pair, problems, n=48, max_tokens=60)
helped

# %%
helped.plot()

# %% [markdown]
# That came: the tokens recover all of the gap, with vectors the base is no better than alone. A mechanism, not its trigger.

# %% [markdown]
# ## Whose vector moves whom?
# The vector of the hybrid, the latent that changed most, and the one that changed least; each as either model has it, added to both, beside
# random vectors of the same dose. Predicted: the one that changed least is old, the others are mechanisms of `bypass`.

# %%
frequent = latents.to_frame().query("frequency > 0.02").sort_values("difference")
most_and_least = frequent["latent"].iloc[[-1, 0]].tolist()
crossed = mc.cross(
    pair,
    problems,
    hybrid=helped,
    crosscoder=crosscoder,
    latents=most_and_least,
    n=32,
    max_tokens=60,
)
crossed

# %%
crossed.plot()

# %% [markdown]
# That did not come. The vectors of the hybrid do harm wherever they are added, to either model, and move nobody to a right answer; the two latents move lengths by a few
# tokens, hardly further than random vectors, and are not shown. With 32 problems this view says nothing here, and it says so: the three above carry the answer, a mechanism of `bypass`
# and the loss of the chain's.
