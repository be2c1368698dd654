"""Kinds of damage: every place of a JSON value gets every wrong value, or goes; bytes are cut and changed."""

import copy
import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from mechcot.core.errors import UserError

WRONG: tuple[Any, ...] = (
    None, [], {}, "x", "", -1, 0, 1e300, True, [1], {"a": 1}, [[None]], "<b>",
)  # fmt: skip
GONE = "gone"
Place = tuple[int | str, ...]


def places(value: Any, at: Place = ()) -> Iterator[Place]:
    """Every place of a value; of a list its first two."""
    yield at
    parts = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value[:2])
        if isinstance(value, list)
        else ()
    )
    for key, part in parts:
        yield from places(part, (*at, key))


def damaged(value: Any, *, most: int | None = None, seed: int = 0) -> Iterator[tuple[str, Any]]:
    """Values with one place damaged, and which; one place of every kind.

    Args:
        value: A JSON value.
        most: Most of them, drawn; None: all.
        seed: Of the draw.
    """
    kinds = {
        tuple(type(key) if isinstance(key, int) else key for key in at): at for at in places(value)
    }
    cases = [(at, wrong) for at in kinds.values() for wrong in (*WRONG, *((GONE,) if at else ()))]
    for at, wrong in random.Random(seed).sample(cases, min(len(cases), most or len(cases))):
        yield f"{'.'.join(map(str, at)) or 'all'} = {wrong!r:.30}", _put(value, at, wrong)


def _put(value: Any, at: Place, wrong: Any) -> Any:
    if not at:
        return wrong
    whole = copy.deepcopy(value)
    inner = whole
    for key in at[:-1]:
        inner = inner[key]
    if wrong is GONE:
        del inner[at[-1]]
    else:
        inner[at[-1]] = wrong
    return whole


def torn(data: bytes, *, flips: int = 12, seed: int = 0) -> Iterator[tuple[str, bytes]]:
    """Files that are cut, and files with a changed byte."""
    for length in (0, 1, 4, 8, 9, len(data) // 2, len(data) - 1):
        yield f"cut at {length}", data[:length]
    draw = random.Random(seed)
    for _ in range(flips):
        place = draw.randrange(min(len(data), 4000))
        yield f"byte {place}", data[:place] + bytes([draw.randrange(256)]) + data[place + 1 :]


def faults(path: Path, cases: Iterator[tuple[str, Any]], run: Callable[[], Any]) -> list[str]:
    """What goes wrong where a file is damaged: anything but a run that ends, or one sentence that names the file.

    Args:
        path: The file; it is as it was afterwards.
        cases: Names of damages, with the file's bytes or a JSON value.
        run: Reads the file.
    """
    before, wrong = path.read_bytes(), []
    for name, content in cases:
        path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
        try:
            run()
        except UserError as error:
            sentence = str(error)
            if "\n" in sentence or len(sentence) > 700 or ";" not in sentence:
                wrong.append(f"{name}: no sentence with what to do: {sentence}")
        except SystemExit as end:
            wrong.append(f"{name}: exit {end.code}")
        except Exception as error:  # noqa: BLE001 - any is a fault
            wrong.append(f"{name}: {type(error).__name__}: {error}")
    path.write_bytes(before)
    return wrong
