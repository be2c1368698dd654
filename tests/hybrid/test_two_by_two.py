"""The verdicts of the 2 x 2 by their definitions, and a run of it by every way of making vectors."""

import json
import shutil

import numpy as np
import pytest

from mechcot.hybrid.crossed_rows import without_source
from mechcot.hybrid.crossed_verdicts import Judged, judge_crossed
from tests.runs.commands import call

UP, WIDE, DOWN, SMALL = (0.5, 1.5), (-0.5, 0.5), (-1.5, -0.5), (-0.05, 0.05)
PLACES = [(source, model) for source in ("base", "tuned") for model in ("base", "tuned")]
CHANCE = (-0.1, 0.1, -0.05, 0.05, 0.02, -0.02, 0.08, -0.08)


def interval(ends):
    mean = None if ends[0] is None else (ends[0] + ends[1]) / 2
    return {"mean": mean, "low": ends[0], "high": ends[1]}


def judged(changes, apart, *, chance=CHANCE, n=30, cut=0.0, **settings):
    """Changes in the order base's on base, base's on tuned, tuned's on base, tuned's on tuned; every contrast is `apart`."""
    common = {"n": n, "smallest": 0.1, "chance": chance, "cut": cut}
    cells = [
        {"source": source, "model": model, **common, **interval(ends)}
        for (source, model), ends in zip(PLACES, changes, strict=True)
    ]
    places = (("models", "base", "base"), ("models", "tuned", "base"), ("sources", "base", "base"))
    contrasts = [
        {"what": what, "source": source, "model": model, **interval(apart)}
        for what, source, model in places
    ]
    return judge_crossed(cells, contrasts, **settings)


def without(absent, *, up, apart, **settings):
    """Judged where one model has no vector: two cells, and contrasts that follow."""
    common = {"n": 30, "smallest": 0.1, "chance": CHANCE, "cut": 0.0}
    cells = [
        {"source": source, "model": model} | common | interval(ends)
        for (source, model), ends in zip(PLACES, (*up, *up), strict=True)
    ]
    contrasts = [
        {"what": what, "source": source, "model": model} | interval(ends)
        for what, source, model, ends in (
            ("models", "base", "base", apart),
            ("models", "tuned", "base", apart),
            ("sources", "base", "base", (0.0, 0.0)),
            ("sources", "base", "tuned", (0.0, 0.0)),
            ("interaction", "base", "base", (0.0, 0.0)),
        )
    ]
    kept, differences = without_source(cells, contrasts, absent)
    return kept, differences, judge_crossed(kept, differences, **settings).verdict


@pytest.mark.parametrize(
    ("absent", "up", "apart", "verdict"),
    [
        ("base", (UP, UP), WIDE, "trigger"),
        ("base", (WIDE, UP), DOWN, "mechanism"),
        ("base", (WIDE, UP), WIDE, "open"),
        ("base", (SMALL, SMALL), WIDE, "nothing"),
        ("base", (SMALL, WIDE), WIDE, "not shown"),
        ("tuned", (UP, SMALL), UP, "lost"),
        ("tuned", (UP, UP), WIDE, "open"),
    ],
)
def test_a_model_without_the_vector_is_one_to_which_nothing_is_added(absent, up, apart, verdict):
    """What the other's vector changes is the whole difference of sources, with its sign, and nothing is crossed."""
    kept, differences, said = without(absent, up=up, apart=apart)
    assert said == verdict
    assert [cell["source"] for cell in kept] == [{"base": "tuned", "tuned": "base"}[absent]] * 2
    sources = [c for c in differences if c["what"] == "sources"]
    sign = -1 if absent == "base" else 1
    assert [c["mean"] for c in sources] == [sign * cell["mean"] for cell in kept]
    assert all(c["low"] <= c["mean"] <= c["high"] for c in sources)
    assert sorted(c["what"] for c in differences) == ["models", "sources", "sources"]


def test_more_problems_are_not_said_to_decide_what_random_vectors_do_as_well():
    as_much = (1.2, -0.9, 0.4, 1.5, -1.1, 0.7, -0.3, 0.9)
    said = judged((UP, WIDE, WIDE, WIDE), WIDE, chance=as_much)
    assert said.needed and "more random vectors than 8 (--chance)" in said.why
    assert judged((UP, WIDE, WIDE, WIDE), WIDE, chance=CHANCE).verdict == "open"


def mirrored(ends):
    return -ends[1], -ends[0]


@pytest.mark.parametrize(
    ("changes", "apart", "either_way", "verdict"),
    [
        ((UP, UP, UP, UP), WIDE, False, "old"),
        ((WIDE, WIDE, UP, UP), DOWN, False, "trigger"),
        ((WIDE, WIDE, UP, UP), WIDE, False, "open"),
        ((WIDE, WIDE, WIDE, UP), DOWN, False, "mechanism"),
        ((WIDE, WIDE, WIDE, UP), WIDE, False, "open"),
        ((UP, WIDE, WIDE, WIDE), UP, False, "lost"),
        ((UP, WIDE, WIDE, WIDE), WIDE, False, "open"),
        ((SMALL, SMALL, SMALL, SMALL), WIDE, False, "nothing"),
        ((SMALL, SMALL, WIDE, SMALL), WIDE, False, "not shown"),
        ((SMALL, DOWN, SMALL, DOWN), UP, False, "nothing"),
        ((SMALL, (None, None), SMALL, SMALL), UP, False, "not shown"),
        ((DOWN, DOWN, DOWN, DOWN), WIDE, True, "old"),
        ((DOWN, DOWN, UP, DOWN), WIDE, True, "open"),
        ((WIDE, WIDE, UP, DOWN), DOWN, True, "open"),
    ],
)
def test_a_verdict_follows_its_definition(changes, apart, either_way, verdict):
    """Mirroring what may go either way says the same."""
    assert judged(changes, apart, either_way=either_way).verdict == verdict
    if either_way:
        other = judged(map(mirrored, changes), mirrored(apart), either_way=True)
        assert other.verdict == verdict


def test_what_random_vectors_do_as_well_is_no_verdict_and_what_is_needed_is_said():
    as_much = (1.2, -0.9, 0.4, 1.5, -1.1, 0.7, -0.3, 0.9)
    assert judged((UP, UP, UP, UP), WIDE, chance=as_much).verdict == "not shown"
    assert judged((UP, UP, UP, UP), WIDE, chance=(0.0,)).verdict == "not shown"
    assert judged((SMALL, SMALL, WIDE, SMALL), WIDE) == Judged("not shown", 30 * 25)


@pytest.mark.parametrize("same", [0.0, 0.05])
def test_differences_that_are_all_one_exclude_nothing(same):
    """No spread was seen, so that no interval bounds what other problems would give."""
    said = judged([(same, same)] * 4, WIDE)
    assert said.verdict == "not shown"
    assert "the same on every problem" in said.why


@pytest.mark.parametrize(("n", "verdict"), [(7, "not shown"), (8, "old")])
def test_one_shift_on_every_problem_moves_a_model_where_a_sign_test_says_so(n, verdict):
    """2 x .5 ** 8 is the first below .05 / 4 cells."""
    assert judged([(1.0, 1.0)] * 4, WIDE, n=n).verdict == verdict


def test_few_problems_show_no_absence():
    assert judged([SMALL] * 4, WIDE, n=4) == Judged("not shown", 20)
    assert judged([SMALL] * 4, WIDE, n=20).verdict == "nothing"


@pytest.mark.parametrize(
    ("changes", "apart", "verdict"),
    [
        ([SMALL] * 4, WIDE, "not judged"),
        ((WIDE, WIDE, UP, UP), DOWN, "not judged"),
        ((WIDE, WIDE, WIDE, UP), DOWN, "not judged"),
        ((UP, WIDE, WIDE, WIDE), UP, "not judged"),
        ([WIDE] * 4, WIDE, "not judged"),
        ([UP] * 4, WIDE, "old"),
    ],
)
def test_texts_that_are_cut_say_of_no_model_that_it_is_not_moved(changes, apart, verdict):
    said = judged(changes, apart, cut=0.25)
    assert said.verdict == verdict
    assert verdict == "old" or "25 %" in said.why.replace("\xa0", " ") or "25%" in said.why
    assert judged(changes, apart, cut=0.1).verdict != "not judged"


@pytest.mark.parametrize("behaviours", [1, 3])
def test_random_vectors_alone_hardly_ever_move_a_model(behaviours):
    """Vectors that differ, problems that differ, and clean texts that all changes of a model share; a planted push is found."""
    stream, wrong, found = np.random.default_rng(0), 0, 0
    for _ in range(400):
        changes = stream.normal(0, 1, (2, 11, 1)) + stream.normal(0, 4, (2, 11, 30))
        changes += stream.normal(0, 4, (2, 1, 30))
        chance = [side.mean(axis=1).tolist() for side in changes[:, 2:]]
        for push in (0, 20):
            cells, rows = [], {}
            for source, side in ((0, 0), (0, 1), (1, 0), (1, 1)):
                rows[source, side] = changes[side, source] + push * (source == 1)
                its = {"source": ("base", "tuned")[source], "model": ("base", "tuned")[side]}
                cells.append(
                    its
                    | {"n": 30, "cut": 0.0, "smallest": 2.0, "chance": chance[side]}
                    | told(rows[source, side])
                )
            contrasts = [
                {"what": "models", "source": name, "model": "base"} | told(rows[i, 0] - rows[i, 1])
                for i, name in enumerate(("base", "tuned"))
            ]
            contrasts.append(
                {"what": "sources", "source": "base", "model": "base"}
                | told(rows[0, 0] - rows[1, 0])
            )
            said = judge_crossed(cells, contrasts, behaviours=behaviours, either_way=True).verdict
            wrong += push == 0 and said not in ("nothing", "not shown", "open")
            found += push > 0 and said == "trigger"
    assert wrong <= 0.05 * 400 / behaviours
    assert found >= 0.95 * 400


def told(values):
    mean, half = float(values.mean()), 2.045 * float(values.std(ddof=1)) / len(values) ** 0.5
    return {"mean": mean, "low": mean - half, "high": mean + half}


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
        "steer cross",
        *words,
        "--n",
        3,
        "--chains",
        2,
        "--chance",
        1,
        "--max-tokens",
        20,
        "--out",
        out,
    )
    assert code == 0, said
    result = json.loads((out / "two_by_two.json").read_text())
    row = result["rows"][0]
    assert len({(cell["mean"], cell["low"], cell["high"]) for cell in row["cells"]}) == 1
    assert all(c["mean"] == 0 for c in row["contrasts"])
    assert result["left_out"][0]["id"] == "backtracking"
    assert row["verdict"] == "not judged"  # every text is cut
    assert "raise --max-tokens" in said
    assert "raise --max-tokens" in (out / "report.html").read_text()
    assert "Whose vector moves whom?" in (out / "report.html").read_text()  # fmt: skip


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ((), "give --pairs, --styles, --kinds, --hybrid or --crosscoder"),
        (("--kinds", "guessing"), "--kinds: expected some of "),
        (
            ("--latents", "a", "--crosscoder", "c"),
            "--latents: expected numbers such as 3,17, got 'a'",
        ),
        (
            ("--latents", "all"),
            "--latents all: expected the crosscoder that they are of as well (--crosscoder DIR",
        ),
        (("--crosscoder", "c", "--latents", "all"), "c: no folder with a crosscoder"),
        (("--hybrid", "nowhere"), "nowhere holds no finished run of `mechcot hybrid`"),
    ],
)
def test_bad_vectors_are_refused(tmp_path, models, problems, words, reason):
    code, said = call(
        "steer cross", *models, "--problems", problems, *words, "--out", tmp_path / "out"
    )
    assert code != 0
    assert reason in said  # fmt: skip
