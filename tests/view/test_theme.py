import json

import pytest

from mechcot.view.theme import DARK, LIGHT, PALETTE, looks, papers, plain, template, wrapped


def luminance(colour):
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one, other):
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("paper", [LIGHT, DARK])
def test_text_is_readable_on_its_paper(paper):
    assert contrast(paper.ink, paper.background) > 7
    assert contrast(paper.muted, paper.background) > 4.5


@pytest.mark.parametrize("paper", [LIGHT, DARK])
def test_colour_scales_run_one_way(paper):
    steps = [luminance(colour) for colour in paper.sequential]
    assert steps == sorted(steps) or steps == sorted(steps, reverse=True)
    middle = len(paper.diverging) // 2
    assert paper.diverging[middle] == paper.sequential[0]
    for arm in (paper.diverging[middle:], paper.diverging[middle::-1]):
        far = [abs(luminance(c) - luminance(paper.diverging[middle])) for c in arm]
        assert far == sorted(far)


def test_models_differ_in_colour_and_symbol():
    made = looks(["a", "b", "c", "b"])
    assert list(made) == ["a", "b", "c"]
    assert (
        len({look.colour for look in made.values()})
        == len({look.symbol for look in made.values()})
        == 3
    )
    assert made["a"].colour == PALETTE[0]


def test_many_models_still_differ():
    made = looks([str(place) for place in range(12)])
    assert len({(look.colour, look.dash) for look in made.values()}) == 12


def test_plain_disarms_markup_links_and_mathematics():
    text = plain('<a href="https://example.com">x</a> & $x$\n next')
    assert "<" not in text and "$" not in text and "\n" not in text
    assert text.startswith("&lt;a href=")


def test_plain_shortens_and_survives_broken_text():
    assert plain("a" * 100, limit=10) == "aaaaaaaaa…"
    assert plain("\ud800") == "?"


def test_wrapped_breaks_but_never_inside_an_entity():
    assert wrapped("one two three", width=7) == "one two<br>three"
    assert wrapped("<<<<", width=2).replace("<br>", "") == "&lt;" * 4
    assert wrapped("word " * 50, width=10).count("<br>") == 2


def test_papers_are_json():
    made = json.loads(json.dumps(papers()))
    assert set(made) == {"light", "dark"}
    assert made["dark"]["template"]["layout"]["font"]["color"] == DARK.ink
    assert template(LIGHT).layout.font.color == LIGHT.ink
