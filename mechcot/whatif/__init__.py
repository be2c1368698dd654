"""What if? A chain is changed, or the model while it reads it, and what follows is shown beside what was.

variant      a changed chain and what acts on the model, as inert data
readout      a variant read by a model: the answer's distribution, its probability over the steps, the steps' own probabilities
actions      what can be done to a step, and why it cannot
long_work    work that takes time, piece by piece: writing on, every step in turn, the map
session      one trace and its variants: undo, redo, pin
code         the lines of the public API that give a variant's number
protocol     JSON messages to and from a page
panel        `mc.what_if`
"""
