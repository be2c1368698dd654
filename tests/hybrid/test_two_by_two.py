"""The verdicts of the 2 x 2 by their definitions, and a run of it by every way of making vectors."""

import json
import shutil

import pytest

from mechcot.hybrid.two_by_two import verdict_of
from tests.runs.commands import call

UP, NONE, DOWN = (0.5, 1.5), (-0.5, 0.5), (-1.5, -0.5)
PLACES = [(source, model) for source in ("base", "tuned") for model in ("base", "tuned")]


def interval(ends):
    mean = None if ends[0] is None else (ends[0] + ends[1]) / 2
    return {"mean": mean, "low": ends[0], "high": ends[1]}


@pytest.mark.parametrize(
    ("changes", "apart", "either_way", "verdict"),
    [
        ((UP, UP, UP, UP), NONE, False, "old"),
        ((NONE, NONE, UP, UP), NONE, False, "trigger"),
        ((NONE, NONE, NONE, UP), DOWN, False, "mechanism"),
        ((NONE, NONE, NONE, UP), NONE, False, "open"),
        ((UP, NONE, NONE, NONE), NONE, False, "lost"),
        ((NONE, NONE, NONE, NONE), NONE, False, "nothing"),
        ((NONE, DOWN, NONE, DOWN), UP, False, "nothing"),
        ((DOWN, DOWN, DOWN, DOWN), NONE, True, "old"),
        ((DOWN, DOWN, UP, DOWN), NONE, True, "open"),
        (((None, None), NONE, UP, UP), NONE, False, "trigger"),
    ],
)
def test_a_verdict_follows_its_definition(changes, apart, either_way, verdict):
    """Changes in the order base's on base, base's on tuned, tuned's on base, tuned's on tuned."""
    cells = [
        {"source": source, "model": model, **interval(ends)}
        for (source, model), ends in zip(PLACES, changes, strict=True)
    ]
    contrast = {"what": "models", "source": "tuned", "model": "base", **interval(apart)}
    assert verdict_of(cells, [contrast], either_way=either_way) == verdict


def test_a_model_against_itself_has_the_same_four_changes_twice(tmp_path, models, problems):
    """Base and tuned model are copies, so that all four are one number; kinds that nobody writes are left out with their reason."""
    one, out = models[0], tmp_path / "out"
    shutil.copytree(one, tmp_path / "copy")
    pairs = tmp_path / "pairs.jsonl"
    rows = [
        {
            "id": str(i),
            "positive": f"brief : a: {i} ; find a ?",
            "negative": f"careful : a: {i} ; find a ?",
        }
        for i in range(4)
    ]
    pairs.write_text("".join(json.dumps(row) + "\n" for row in rows))
    words = (one, tmp_path / "copy", "--problems", problems, "--pairs", pairs, "--kinds", "backtracking", "--nats", 0.003)  # fmt: skip
    code, said = call(
        "steer cross", *words, "--n", 3, "--chains", 2, "--max-tokens", 20, "--out", out
    )
    assert code == 0, said
    result = json.loads((out / "two_by_two.json").read_text())
    row = result["rows"][0]
    assert len({(cell["mean"], cell["low"], cell["high"]) for cell in row["cells"]}) == 1
    assert all(c["mean"] == 0 for c in row["contrasts"])
    assert result["left_out"][0]["id"] == "backtracking"
    assert "Whose vector moves whom?" in (out / "report.html").read_text()  # fmt: skip


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ((), "give --pairs, --styles, --kinds, --hybrid or --crosscoder"),
        (("--kinds", "guessing"), "--kinds: expected some of "),
        (("--latents", "a"), "--latents: expected numbers such as 3,17, got 'a'"),
        (("--hybrid", "nowhere"), "nowhere holds no run of `mechcot hybrid --give vectors`"),
    ],
)
def test_bad_vectors_are_refused(tmp_path, models, problems, words, reason):
    code, said = call(
        "steer cross", *models, "--problems", problems, *words, "--out", tmp_path / "out"
    )
    assert code != 0
    assert reason in said  # fmt: skip
