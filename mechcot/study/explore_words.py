"""What the explorer shows per step and per picture, and how it is called."""

STEP_VALUES = (
    (
        "suppression",
        "answer",
        "hidden from attention",
        "total variation between the answer's distributions when the step is hidden from all later tokens",
    ),
    (
        "step_patching",
        "answer",
        "state changed (answer)",
        "gain of the predicted answer when the state at the stated value is the twin's, first block's input, later text kept; "
        "read only on steps that feed the answer by the problem's law",
    ),
    (
        "adding_mistakes",
        "kept",
        "wrong value stated",
        "loss of the own answer's probability when the step states a wrong value, later text kept",
    ),
    (
        "step_patching",
        "next",
        "state changed (next steps)",
        "gain of the predicted next statements when the state at the stated value is the twin's, first block's input",
    ),
    (
        "step_patching",
        "regenerated",
        "state changed, text written anew",
        "1 when the text written anew under the patch ends in the predicted answer",
    ),
    (
        "early_answering",
        "soft",
        "gained when given",
        "rise of the final answer's probability when this step is given after the ones before it",
    ),
    (
        "info_gain",
        "gain",
        "information gained",
        "rise of the right answer's log probability with this step, per token",
    ),
    (
        "step_attention",
        "received",
        "attention from the answer",
        "attention mass that the answer puts on the step, mean over layers and heads",
    ),
)
"""(measure, array, title, meaning), the ones that name the carrying step first."""

CARRY = (("adding_mistakes", "kept"), ("suppression", "answer"), ("step_patching", "answer"))
"""Interventions on one step that name the step which carries the answer; in which order, see `mechcot.study.carrier`.

Step patching stands last: it is only read on steps whose value feeds the answer by the problem's
own law, so what it names is among those by construction.
"""

STRONGEST = (
    (("suppression/answer", "adding_mistakes/kept"), "hidden or misstated, the larger"),
    (("suppression/answer", "step_patching/answer"), "hidden or changed, the larger"),
)
"""Two interventions whose larger effect is shown first, the first pair that was read: one on every step, one where a value is stated."""

GRIDS = (
    ("suppression", "kl", "Hidden from attention: change of each later step"),
    ("step_attention", "mass", "Attention mass on each earlier step"),
    ("step_attention", "mean", "Attention per token on each earlier step"),
    ("step_patching", "answer", "State changed: the answer"),
    ("step_patching", "next", "State changed: the next statements"),
    ("step_patching", "regenerated", "State changed, text written anew"),
    ("step_attention", "answer", "Attention from the answer, by head"),
    ("answer_lens", "logprob", "Answer lens: log probability of the answer"),
    ("receiver_heads", "received", "Attention received from later steps, by head"),
)
"""(measure, array, title) of every picture."""
