"""Explorer data made by hand: small with known edges, hostile, and as large as a long trace."""

import numpy as np

from mechcot.view.pages.explorer_data import (
    AnswerCurve,
    ExplorerData,
    FeatureStrip,
    Grid,
    ItemView,
    StepCard,
    StepValues,
)

HOSTILE = (
    "</script><script>window.pwned=1</script><img src=x onerror='window.pwned=1'></noscript>"
    "<a href='javascript:window.pwned=1'>x</a> {{ 7*7 }} <!-- ]]> \u2028 \" ' `${window.pwned=1}` \ud800"
)
READERS = ("one", "two")
KINDS = ("exploration", "progression", "verification", "backtracking", "summary", "conclusion")


def strip_of(n: int, *, tokens_each: int, features: int, text: str | None) -> FeatureStrip:
    """The first feature fires once, on the second token of step 3; the last ones twice a step."""
    values = np.zeros((features, n * tokens_each))
    values[0, 2 * tokens_each + 1] = 3.0
    values[1:, ::2] = 0.5
    return FeatureStrip(
        title=text or "dictionary, resid_post.2",
        unit=text or "activation",
        names=tuple(text or str(7 * (i + 1)) for i in range(features)),
        notes=(text or "most selective for progression, d = 2.0", *[""] * (features - 1)),
        start=40,
        by_reader={"one": values, "two": values / 2},
    )


def item(
    n: int, *, tokens_each: int = 5, text: str | None = None, name: str = "t", features: int = 2
) -> ItemView:
    rng = np.random.default_rng(n)
    matrix = np.abs(rng.normal(size=(n, n))) * 0.01
    matrix[0, n - 1] = 2.5  # step 1 acts on the last step
    matrix[np.tril_indices(n)] = np.nan
    importance = np.zeros(n)
    importance[n - 2] = 0.75
    steps = tuple(
        StepCard(
            text=text or f"step text {i} = {i * i}\n",
            kind=text or KINDS[i % len(KINDS)],
            tokens=(40 + i * tokens_each, 40 + (i + 1) * tokens_each),
            chars=(i * 20, (i + 1) * 20),
        )
        for i in range(n)
    )
    answer = StepCard(
        text=text or "answer 4",
        kind="answer",
        tokens=(steps[-1].tokens[1], steps[-1].tokens[1] + 3),
        chars=(n * 20, n * 20 + 8),
    )
    soft = np.linspace(0.1, 0.9, n + 1)
    named = text or "suppression"
    return ItemView(
        trace=text or name,
        author=text or "one",
        question=text or "What is it?",
        reference=text or "4",
        stated=text or "4",
        prompt_tokens=40,
        tokens=answer.tokens[1],
        steps=(*steps, answer),
        n_chain=n,
        lines={
            "one": AnswerCurve(soft=soft, area=0.4, fixed=2),
            "two": AnswerCurve(soft=np.full(n + 1, 0.9), area=0.0, fixed=0),
        },
        values=(
            StepValues(
                key=f"{named}/answer",
                title=text or "hidden from attention",
                meaning=text or "movement of the answer",
                unit=text or "probability",
                smallest=0.1,
                by_reader={"one": importance, "two": importance * 0.01},
                null={"one": 0.02},
            ),
        ),
        grids=(
            Grid(
                key=f"{named}/kl",
                title=text or "Hidden from attention",
                unit=text or "nats",
                kind="steps",
                columns=tuple(range(n)),
                by_reader={"one": matrix, "two": matrix * 0.5},
            ),
            Grid(
                key="step_patching/answer",
                title="State changed",
                unit="probability",
                kind="layers",
                columns=(0, 2),
                by_reader={"one": np.array([[0.9, 0.1], [0.2, np.nan]]), "two": np.zeros((2, 2))},
            ),
            Grid(
                key="step_attention/answer",
                title="Attention by head",
                unit="attention",
                kind="heads",
                columns=tuple(range(n)),
                by_reader={"one": rng.random((2, 3, n)), "two": rng.random((2, 3, n))},
            ),
        ),
        facts={"one": ((text or "Early answering", 0.4, "probability"),), "two": ()},
        answers={"one": (("with the chain", text or "4"),), "two": ()},
        sentences={"one": text or f"Step {n - 1} carries the answer.", "two": text or "No step."},
        carrier={"one": n - 2, "two": None},
        lead=f"{named}/answer",
        strip=strip_of(n, tokens_each=tokens_each, features=features, text=text),
    )


def data(*items: ItemView) -> ExplorerData:
    return ExplorerData(
        "one → two", "mechcot compare", READERS, items or (item(6), item(8, name="u"))
    )


def hostile() -> ExplorerData:
    return ExplorerData(HOSTILE, HOSTILE, READERS, (item(5, text=HOSTILE),))


def long() -> ExplorerData:
    """600 steps and 16 thousand tokens, three words a token."""
    return data(item(600, tokens_each=27, text=None, features=8))
