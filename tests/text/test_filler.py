import pytest

from mechcot.text.filler import fill


def test_filler_has_the_exact_length():
    assert fill((7, 8, 9), count=7) == (7, 8, 9, 7, 8, 9, 7)
    assert fill((), count=0) == ()
    with pytest.raises(ValueError, match="a filler needs at least one token, got none"):
        fill((), count=3)
