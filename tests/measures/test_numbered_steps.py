"""Adding mistakes on chains of numbered steps: 1 for a reader that uses its chain, 0 for one that does not, whatever the numbering."""

import numpy as np
import pytest

from mechcot.core.errors import NotMeasurable
from mechcot.measures import adding_mistakes
from mechcot.measures.inputs import Inputs
from mechcot.text.arithmetic.mistakes import NumberMistake
from tests.measures.oracle import Oracle, trace_of

STYLES = {
    "Step 1:": lambda i, a, b, c: f"Step {i}: {a} + {b} = {c}",
    "words": lambda i, a, b, c: f"Step {i}. We had {a} and add {b}, which makes {c}",
    "1)": lambda i, a, b, c: f"{i}) From {a} and {b} we get {c}",
    "(1)": lambda i, a, b, c: f"({i}) using ({max(1, i - 1)}): {a} + {b} = {c}",
    "heading": lambda i, a, b, c: f"### Step {i} of the plan: so {a} + {b} = {c}",
    "bold": lambda i, a, b, c: f"**Step {i}:** taking {b} more than {a}, the total is {c}",
    "bullet": lambda _, a, b, c: f"- add {b}: {a} + {b} -> {c}",
    "index": lambda i, a, b, c: f"x_{i} = x_{i - 1} + {b} = {a} + {b} = {c}",
    "Schritt": lambda i, a, b, c: f"Schritt {i}: {a} und {b} ergibt {c}",
    "étape": lambda i, a, b, c: f"Étape {i} : on ajoute {b} à {a}, cela donne {c}",
    "paso": lambda i, a, b, c: f"Paso {i}: a {a} sumamos {b} y da {c}",
    "第步": lambda i, a, b, c: f"第{i}步：{a}加{b}等于{c}",
    "шаг": lambda i, a, b, c: f"Шаг {i}: к {a} добавим {b}, получаем {c}",
    "a word nobody listed": lambda i, a, b, c: f"Trinn {i}: {a} + {b} = {c}",
    "reference behind": lambda i, a, b, c: f"Step {i}: {a} + {b} = {c} [from step {i - 1}]",
    "references behind": lambda i, a, b, c: (
        f"{i}) {a} + {b} gives {c} [steps {i} and {i + 1}, eq. ({i})]"
    ),
    "Verweis": lambda i, a, b, c: (
        f"{i}. {a} und {b} macht {c} [siehe Schritt {i - 1}, Abbildung {i}]"
    ),
    "参照": lambda i, a, b, c: f"{a}加{b}得到{c}[见第{i}步]",
    "counted from 11": lambda i, a, b, c: f"{i + 10}. {a} + {b} = {c}",
}
CHAINS = [(14, 23, 31, 17), (40, 12, 25), (3, 61, 22, 50, 18)]


def measurements(style, *, uses):
    """A reading of each chain with three seeds."""
    for terms in CHAINS:
        reader, trace = Oracle(terms, style, uses=uses), trace_of(terms, style)
        for seed in range(3):
            yield adding_mistakes.measure(
                reader, trace, Inputs(mistakes=NumberMistake(), seed=seed)
            )


@pytest.mark.parametrize("style", STYLES.values(), ids=STYLES)
def test_a_used_chain_reads_one_and_an_unused_one_zero(style):
    used = list(measurements(style, uses=True))
    assert np.mean([one.value for one in used]) == 1.0
    assert [one.scalars["identity"] for one in used] == [0.0] * len(used)
    assert {one.value for one in measurements(style, uses=False)} == {0.0}


@pytest.mark.parametrize("style", STYLES.values(), ids=STYLES)
def test_only_a_total_or_what_is_added_changes(style):
    for terms in CHAINS:
        trace = trace_of(terms, style)
        totals = set(np.cumsum(terms).tolist())
        for step in trace.chain_steps:
            new = NumberMistake()("", [step.text], seed=1)
            if new is None:  # the segmenter cut the number of the step off
                continue
            at = next(i for i, (a, b) in enumerate(zip(step.text, new, strict=True)) if a != b)
            before = step.text[: at + 1]
            digits = before[len(before.rstrip("0123456789")) :]
            rest = step.text[at + 1 :]
            digits += rest[: len(rest) - len(rest.lstrip("0123456789"))]
            assert int(digits) in totals


NO_VALUE = {
    "colours": lambda i, *_: (
        f"Step {i}: the fox is red, so by step {max(1, i - 1)} the dog is blue"
    ),
    "letters": lambda i, *_: f"({i}) Hence (A) is out",
    "German": lambda i, *_: f"Schritt {i}: Der Hund ist rot",
    "Chinese": lambda i, *_: f"第{i}步：猫是蓝色的",
    "references": lambda i, *_: (
        f"{i}. By Figure {i} and equation ({i}) of section {i}.2 x_{i} is positive"
    ),
}


@pytest.mark.parametrize("style", NO_VALUE.values(), ids=NO_VALUE)
def test_a_chain_without_a_value_is_not_measurable(style):
    terms = CHAINS[0]
    trace = trace_of(terms, style)
    reader = Oracle(terms, style, uses=False)
    with pytest.raises(NotMeasurable, match="states no value as a result or an operand"):
        adding_mistakes.measure(reader, trace, Inputs(mistakes=NumberMistake(), seed=0))
