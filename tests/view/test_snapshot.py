"""Pictures by a headless browser: the ink that was asked for is in them; mistakes are named."""

import json
import re
import shutil
import struct

import plotly.graph_objects as go
import pytest

from mechcot.core.errors import UserError
from mechcot.view import screenshot


def figure(title="x &lt; y"):
    return go.Figure(go.Bar(x=[1, 2], y=[3, 4], marker_color="#0072b2")).update_layout(
        title=title, height=200
    )


needs_browser = pytest.mark.skipif(
    not any(map(shutil.which, screenshot.BROWSERS)), reason="needs chromium on the PATH"
)


@pytest.mark.browser
@needs_browser
def test_a_figure_becomes_svg_and_png(tmp_path):
    screenshot.save_figure(figure(), tmp_path / "f.svg", width=300)
    text = (tmp_path / "f.svg").read_text()
    assert text.startswith("<svg") and text.rstrip().endswith("</svg>")
    assert 'width="300"' in text and "rgb(0, 114, 178)" in text and "x &#60; y" in text
    png = screenshot.figure_picture(figure("</script><script>document.body.textContent=1</script>"))
    assert png.startswith(b"\x89PNG")
    assert struct.unpack(">II", png[16:24]) == (1800, 400)


@pytest.mark.browser
@needs_browser
def test_a_page_is_pictured_as_it_opens(tmp_path):
    page = tmp_path / "p.html"
    page.write_text("<body style='background:#fff'>hello")
    png = screenshot.page_picture(page, width=320, height=200)
    assert struct.unpack(">II", png[16:24]) == (320, 200)


@pytest.mark.browser
@needs_browser
@pytest.mark.parametrize(("width", "height"), [(300, 200), (900, 640), (640, 320)])
def test_a_figure_is_printed_on_one_sheet_of_its_size(width, height):
    pdf = screenshot.figure_picture(figure(), kind="pdf", width=width, height=height)
    assert pdf.startswith(b"%PDF")
    boxes = re.findall(rb"/MediaBox \[0 0 ([\d.]+) ([\d.]+)\]", pdf)
    assert len(boxes) == 1, "one page"
    assert [float(side) for side in boxes[0]] == pytest.approx([0.75 * width, 0.75 * height], abs=1)
    assert b"/Subtype /Image" not in pdf, "lines and letters, no picture of them"


def paper(*figures):
    """A page as the commands write it, with these figures."""
    light = {"light": {"template": {"layout": {"font": {"size": 11}}}}}
    scripts = [f'<script type="application/json" id="papers">{json.dumps(light)}</script>']
    scripts += [
        f'<script type="application/json" id="data-figure-{n}">{one.to_json()}</script>'
        for n, one in enumerate(figures, start=1)
    ]
    return "<!doctype html>" + "\n".join(scripts)


@pytest.mark.parametrize("name", screenshot.PAGES)
def test_the_figures_of_a_page_are_read_from_it(tmp_path, name):
    (tmp_path / name).write_text(paper(figure("one"), figure("two"), figure("x &lt; y")))
    for path in (tmp_path, tmp_path / name):
        found = screenshot.page_figures(path)
        assert [drawn.layout.title.text for drawn in found.values()] == ["one", "two", "x &lt; y"]
        assert list(found) == [1, 2, 3]
        assert found[1].layout.template.layout.font.size == 11


@pytest.mark.browser
@needs_browser
@pytest.mark.parametrize(
    ("kind", "begin"), [("pdf", b"%PDF"), ("svg", b"<svg"), ("png", b"\x89PNG")]
)
def test_every_figure_of_a_page_becomes_a_file(tmp_path, kind, begin):
    (tmp_path / "index.html").write_text(paper(figure("one"), figure("two")))
    files = screenshot.save_figures(tmp_path, tmp_path / "figures", kind=kind)
    assert [file.name for file in files] == [f"figure-1.{kind}", f"figure-2.{kind}"]
    assert all(file.read_bytes().startswith(begin) for file in files)


def test_a_page_without_figures_is_named(tmp_path):
    with pytest.raises(UserError, match=r"report.html: expected a page that a command wrote"):
        screenshot.page_figures(tmp_path)
    (tmp_path / "report.html").write_text("<p>hello")
    with pytest.raises(UserError, match="expected a page with figures, found none"):
        screenshot.page_figures(tmp_path)


def test_mistakes_are_named(tmp_path, monkeypatch):
    with pytest.raises(UserError, match="expected an HTML file, got none"):
        screenshot.page_picture(tmp_path / "none.html")
    with pytest.raises(UserError, match="expected a picture as png, svg or pdf, got 'gif'"):
        screenshot.save_figure(figure(), tmp_path / "f.gif")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UserError, match="install chromium"):
        screenshot.figure_picture(figure())
    (tmp_path / "index.html").write_text(paper(figure()))
    with pytest.raises(UserError, match="install chromium"):
        screenshot.save_figures(tmp_path, tmp_path / "out", kind="pdf")
    assert not (tmp_path / "out").exists()
