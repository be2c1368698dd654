"""What the page of `mechcot prune` says where there is nothing to lose, nothing read, nowhere to stop."""

import pytest

from mechcot.pruning.rankings import METHODS
from mechcot.view.pages.pruning import pruning_page, pruning_sentences


def result(*, accuracy=1.0, unread=0.0, never=0, n=4):
    row = {
        "low": 0.0,
        "high": 1.0,
        "kept": 0.3,
        "same": 1.0,
        "n": n,
        "lead": 0.0,
        "lead_low": 0.0,
        "lead_high": 0.0,
    }
    rows = [
        row
        | {
            "executor": executor,
            "method": method,
            "share": share,
            "accuracy": accuracy,
            "unread": unread,
        }
        for executor in ("repack", "mask")
        for method in METHODS
        for share in (0.3, 1.0)
    ]
    about = {"model": "m", "by": "suppression", "keep": 0.3, "n": n, "left_out": [], "truth": []}
    return about | {"frontier": rows, "never_right": never}  # fmt: skip


@pytest.mark.parametrize(
    ("about", "told", "untold"),
    [
        ({}, "accuracy is", ("nothing to lose", "could not be read", "No step was found")),
        ({"accuracy": 0.0}, "accuracy has nothing to lose", ("could not be read",)),
        ({"unread": 0.5}, "50 % of the answers could not be read", ("nothing to lose",)),
        ({"never": 4}, "states the right answer in any trace: there early exit", ("of 4 traces",)),
        ({"never": 1}, "states the right answer in 1 of 4 traces", ("any trace",)),
    ],
)
def test_a_summary_says_what_is_missing(about, told, untold):
    text = " ".join(pruning_sentences(result(**about)))
    assert told in text
    assert not any(each in text for each in untold)
    assert told in pruning_page(result(**about))
