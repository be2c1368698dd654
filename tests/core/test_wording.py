"""Counts in words, and the sentence for data that pydantic refused."""

from typing import Annotated, Any

import pytest
from pydantic import AfterValidator, BaseModel, ConfigDict, TypeAdapter, ValidationError
from typing_extensions import TypedDict

from mechcot.core.faults import fault_of
from mechcot.core.wording import count_of


def test_one_is_singular():
    assert [count_of(n, "chain") for n in (0, 1, 2)] == ["0 chains", "1 chain", "2 chains"]
    assert count_of(2, "prefix", "prefixes") == "2 prefixes"


def even(number: int) -> int:
    if number % 2:
        raise ValueError("expected an even number")
    return number


class Row(TypedDict):
    name: str
    ends: tuple[int, int]
    even: Annotated[int, AfterValidator(even)]


RIGHT = {"name": "a", "ends": (1, 2), "even": 2}


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"name": 3}, "[0].name: expected a text, got 3"),
        ({"name": None}, "[0].name: expected a text, got None"),
        ({"ends": (1,)}, "[0].ends: expected a list of 2, got (1,)"),
        ({"ends": (1, 2, 3)}, "[0].ends: expected a list of 2, got (1, 2, 3)"),
        ({"ends": (1, "x")}, "[0].ends[1]: expected a whole number, got 'x'"),
        ({"even": 3}, "[0].even: expected an even number"),
        ({"name": ["x" * 99]}, f"[0].name: expected a text, got ['{'x' * 78}..."),
    ],
)
def test_a_value_is_named_with_what_was_expected_and_what_came(row, said):
    with pytest.raises(ValidationError) as error:
        TypeAdapter(list[Row]).validate_python([RIGHT | row], strict=True)
    assert fault_of(error.value) == said


def test_keys_come_first_and_are_listed():
    with pytest.raises(ValidationError) as error:
        TypeAdapter(list[Row]).validate_python([{"ends": 3}])
    said = "[0]: missing ['name', 'even']"
    assert fault_of(error.value) == said
    known: Any = lambda place: [f"{place}"]  # noqa: E731
    assert fault_of(error.value, known=known) == f"{said}; known are (0,)"


class Whole(BaseModel):
    model_config = ConfigDict(extra="forbid")
    x: int


def test_the_whole_has_no_place():
    with pytest.raises(ValidationError) as error:
        Whole.model_validate(3)
    assert fault_of(error.value) == "expected an object, got 3"
