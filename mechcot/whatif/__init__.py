"""What if? A chain is changed, or the model while it reads it, and what follows is shown beside what was.

variant      a changed chain and what acts on the model, as inert data
readout      a variant read by a model: the answer's distribution, its probability over the steps, the steps' own probabilities
actions      what can be done to a step, and why it cannot
long_work    work that takes time, piece by piece: writing on, the map
session      one trace and its variants: undo, redo, pin
code         the lines of the public API that give a variant's number
known_trace  a trace and what its task knows of it
every_step   one change of every step in turn
pushes       vectors at a dose, features at a level
messages     what a page may ask for
shown        what a page shows
panel        `mc.what_if`
"""
