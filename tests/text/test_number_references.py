"""Numbers that give an order or a name, values that are stated, and which of these lead to the answer."""

import re

import pytest

from mechcot.core.errors import NotMeasurable
from mechcot.text.arithmetic.contributing_steps import feeding
from mechcot.text.arithmetic.mistakes import stated
from mechcot.text.arithmetic.number_references import exponent, refers
from mechcot.text.arithmetic.similarity import TokenOverlap
from tests.text.test_counterfactual import trace_of, twin_of


@pytest.mark.parametrize(
    ("step", "value"),
    [
        ("Step 2: 31 + 4 = 35", "35"),
        ("Step 2: 35", "35"),
        ("Schritt 2: Also ergibt das 12.", "12"),
        ("Étape 3 : cela donne 14 pommes", "14"),
        ("Paso 2: 3 + 4 = 7.", "7"),
        ("Шаг 2: получаем 7", "7"),
        ("第2步：3+4=7", "7"),
        ("第3步，所以等于12。", "12"),
        ("ステップ2：合計は12", "12"),
        ("### Step 3\n5 * 2 = 10", "10"),
        ("1) x_1 = 5", "5"),
        ("(2) So a2 = 8", "8"),
        ("- Total: 42 apples", "42"),
        ("**Step 4:** The answer is **18**.", "18"),
        ("From step 2 and (3), we get 9.", "9"),
        ("So we have 9, by steps 1 and 2.", "9"),
        ("The price becomes $3.50 (see Figure 7).", "3.50"),
        (r"Using equation (3): $x = 4$", "4"),
        (r"Then \boxed{31}", "31"),
        (r"p = \frac{3}{4}", "3"),
        ("area = 12 m^2", "12"),
        ("2^3 = 8", "8"),
        ("20% of 50 = 10", "10"),
        ("start with 4 and add 3 -> 7", "7"),
        ("٣ + ٤ = ٧", "٧"),
        ("Step 2: we add 3 + 4.", "4"),
        ("7 = 3 + 4", "4"),
        ("1) -3 + 4 = 1", "1"),
        ("<<3+4=7>>7 eggs", "7 7"),
        ("So 3 + 4 = 7, which makes 7.", "7 7"),
    ],
)
def test_the_value_that_a_step_states(step, value):
    assert [token.text for token in stated(step)] == value.split()


@pytest.mark.parametrize(
    "step",
    [
        "Step 2", "Step 2:", "2.", "### Step 3", "Step 3: use the rule.", "1) Look at the table",
        "1 - first we look", "- 3: blue", "**Step 2:** look", "This is step 2.", "Then go to step 4",
        "Figure 3 shows it", "as in (1)", "from equation (3)", "Combining (1) + (2)", "Steps 1 and 2 are done",
        "Schritt 2: Der Hund ist rot.", "Étape 2 : on regarde", "第2步：所以猫是蓝色的", "Шаг 3. Далее",
        "On 3 May 2021 he left.", "the date is 3 May 2021", "Date: 2021-05-03", "It was 8:30.", "at 8:30",
        "Python 3.11", "version is 3.1.2", "The room is no. 12", "Section 2.1 is long", "Choice 3", "pages 3-5",
        "Let x_1 and x_2 be numbers.", "the 3rd option", "is 2x", "m^2", "20% of the people",
        "there are 3 cases", "We have 2 equations.", "Question 4: which colour?",
    ],
)  # fmt: skip
def test_orders_names_and_dates_state_nothing(step):
    assert stated(step) == []


@pytest.mark.parametrize(
    "text", ["3(2) = 6", "4 + (2) = 6", "(3) * (2) = 6", "#### 18", "She has 3."]
)
def test_factors_operands_and_answers_are_values(text):
    places = re.finditer(r"\d+", text)
    assert not any(refers(text, place.start(), place.end()) for place in places)


@pytest.mark.parametrize("text", ["m^2", "10^{-3}", "x**2"])
def test_a_power_is_an_exponent(text):
    assert exponent(text, max(text.find(d) for d in "23"))


@pytest.mark.parametrize(
    "label",
    ["Schritt {}. ", "Étape {} : ", "Paso {}: ", "第{}步：", "Trinn {}: ", "({}) ", "**{})** "],
)
def test_a_twin_keeps_the_numbers_of_the_steps(label):
    question = "Ducks lay 2 eggs and 5 eggs. She sells them for $3 each. How much?"
    chain = (
        f"{label.format(1)}She has 2 + 5 = 7 eggs.\n{label.format(2)}She gets 7 * 3 = 21 dollars.\n"
    )
    for seed in range(6):
        twin = twin_of(trace_of(question, chain, "21"), seed=seed)
        lines = twin.trace.completion.split("\n")
        assert lines[0].startswith(label.format(1))
        assert lines[1].startswith(label.format(2))


def test_an_exponent_that_a_fact_may_explain_stays_or_is_not_measurable():
    question = "A square has 2 corners painted and a side of 30. Add the corners to the area."
    chain = "The area is 30 * 30 = 900 cm^2.\nIn all 900 + 2 = 902.\n"
    for seed in range(8):
        try:
            twin = twin_of(trace_of(question, chain, "902"), seed=seed)
        except NotMeasurable as error:
            assert "two places" in str(error) or "same form" in str(error)
        else:
            assert "cm^2" in twin.trace.completion


@pytest.mark.parametrize(
    ("step", "other"),
    [
        ("2. So the sum is 7.", "3. So the sum is 7."),
        ("Step 2: so the sum is 7.", "So the sum is 7."),
        ("Schritt 4: die Summe ist 7", "Schritt 5: die Summe ist 7"),
    ],
)
def test_another_number_of_the_step_is_no_other_meaning(step, other):
    assert TokenOverlap()("", [], step, other)
    assert not TokenOverlap()("", [], step, other.replace("7", "8"))


CHAIN = [
    "1. She has 16 - 7 = 9 eggs.",
    "2. By the way, 40 + 2 = 42.",
    "3. She sells 9 * 20 = 180.",
    "4. Check: 9 * 20 = 180.",
    "5. So the answer is 180.",
]


@pytest.mark.parametrize(
    ("answer", "steps"),
    [
        ("180", [0, 2]),  # the idle step, the check and the summary lead nowhere
        ("$180", [0, 2]),
        ("42", [1]),
        ("(B)", [0, 2]),  # no number: back from the last statement
    ],
)
def test_what_leads_to_the_answer(answer, steps):
    assert feeding(CHAIN, answer) == steps


def test_a_chain_without_values_leads_nowhere():
    assert feeding(["Step 1: red", "Step 2: blue"], "2") == []
