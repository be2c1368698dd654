"""Two small organism-shaped models with random weights, and reference chains in a file."""

import gc
import json
import os
from pathlib import Path
from random import Random
from weakref import WeakKeyDictionary

import greenlet
import jaxtyping._storage
import pytest
import torch
from hypothesis import settings

from mechcot.core.garbage import collect_rarely
from mechcot.model.loading.spec import ORGANISM_FILE
from mechcot.organisms import chain_writer, problems as task, vocabulary
from mechcot.organisms.recipes import Shape
from mechcot.organisms.training import fresh

os.environ["MECHCOT_CACHE"] = ""  # nothing is known from another test
settings.register_profile("untimed", deadline=None)  # no test depends on time
settings.load_profile("untimed")
collect_rarely()

_SHAPES: WeakKeyDictionary[greenlet.greenlet, list] = WeakKeyDictionary()


def _keep_shapes_apart(_event, switch) -> None:
    """The checker of shapes keeps what it knows of the running functions by thread; tasks of one thread take turns."""
    left, entered = switch
    storage = jaxtyping._storage._shape_storage
    _SHAPES[left] = getattr(storage, "memo_stack", [])
    storage.memo_stack = _SHAPES.pop(entered, [])


greenlet.settrace(_keep_shapes_apart)


def save_random(folder: Path, *, seed: int, context: int = 512) -> Path:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = fresh(Shape(layers=2, width=32, mlp=32))
    model.config.max_position_embeddings = context
    model.save_pretrained(folder)
    vocabulary.save(folder)
    (folder / ORGANISM_FILE).write_text("{}")
    return folder


@pytest.fixture(scope="session")
def models(tmp_path_factory) -> tuple[str, str]:
    root = tmp_path_factory.mktemp("models")
    return tuple(str(save_random(root / name, seed=i)) for i, name in enumerate(("one", "two")))


@pytest.fixture(scope="session")
def chains(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("chains") / "chains.jsonl"
    rows = []
    for i, problem in enumerate(task.problems(4, seed=3, hops=(2, 2), style="brief")):
        row = {
            "id": problem.id,
            "question": problem.question,
            "chain": " " + chain_writer.write(problem, rng=Random(i)),
            "answer_text": f" answer {problem.answer}",
            "answer": problem.answer,
        }
        rows.append(json.dumps(row | dict(problem.meta)))
    path.write_text("\n".join(rows) + "\n")
    return path


@pytest.fixture(scope="session")
def dictionary_folder(tmp_path_factory) -> Path:
    """What `mechcot sae train organism:base organism:bypass` leaves, small."""
    from mechcot.sae.run import Training, train_and_fit
    from mechcot.sae.training import TrainingSettings

    out = tmp_path_factory.mktemp("sae")
    settings = TrainingSettings(width=32, k=4, samples=20_000, batch=256)
    job = Training(
        "organism:base", "organism:bypass", site="resid_post.2", settings=settings, problems=None,
        n=8, max_tokens=200, out=out,
    )  # fmt: skip
    train_and_fit(job)
    return out


SHARED = Path(__file__).resolve().parents[1].parent / "shared" / "data"


@pytest.fixture(scope="session")
def problems(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("problems") / "problems.jsonl"
    rows = [
        json.dumps({"id": p.id, "question": p.question, "answer": p.answer} | dict(p.meta))
        for p in task.problems(5, seed=4, hops=(2, 2), style="brief")
    ]
    path.write_text("\n".join(rows) + "\n")
    return path


LONG = (
    "test_shipped",
    "test_run",
    "test_study",
    "test_experiment",
    "test_hand",
    "test_recovery",
    "test_view_explorer_run",
)
"""Files that take longest start first, so that no worker is left alone with one at the end."""


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """`-m slow` imports no file without the word."""
    if config.option.markexpr != "slow" or collection_path.suffix != ".py":
        return None
    return "slow" not in collection_path.read_text(encoding="utf-8") or None


def pytest_collection_finish() -> None:
    """What was imported stays: no collection of garbage looks at it again."""
    gc.collect()
    gc.freeze()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Longest files first; everything else keeps its place."""
    items.sort(key=lambda item: LONG.index(item.path.stem) if item.path.stem in LONG else len(LONG))


@pytest.fixture(scope="session")
def shared():
    if not SHARED.is_dir():
        pytest.skip(f"no shared data at {SHARED}")
    return SHARED
