"""Pictures by a headless browser: the ink that was asked for is in them; mistakes are named."""

import shutil
import struct

import plotly.graph_objects as go
import pytest

from mechcot.core.errors import UserError
from mechcot.view import snapshot


def figure(title="x &lt; y"):
    return go.Figure(go.Bar(x=[1, 2], y=[3, 4], marker_color="#0072b2")).update_layout(
        title=title, height=200
    )


needs_browser = pytest.mark.skipif(
    not any(map(shutil.which, snapshot.BROWSERS)), reason="needs chromium on the PATH"
)


@pytest.mark.browser
@needs_browser
def test_a_figure_becomes_svg_and_png(tmp_path):
    snapshot.save_figure(figure(), tmp_path / "f.svg", width=300)
    text = (tmp_path / "f.svg").read_text()
    assert text.startswith("<svg") and text.rstrip().endswith("</svg>")
    assert 'width="300"' in text and "rgb(0, 114, 178)" in text and "x &#60; y" in text
    png = snapshot.figure_picture(figure("</script><script>document.body.textContent=1</script>"))
    assert png.startswith(b"\x89PNG")
    assert struct.unpack(">II", png[16:24]) == (1800, 400)


@pytest.mark.browser
@needs_browser
def test_a_page_is_pictured_as_it_opens(tmp_path):
    page = tmp_path / "p.html"
    page.write_text("<body style='background:#fff'>hello")
    png = snapshot.page_picture(page, width=320, height=200)
    assert struct.unpack(">II", png[16:24]) == (320, 200)


def test_mistakes_are_named(tmp_path, monkeypatch):
    with pytest.raises(UserError, match="expected an HTML file, got none"):
        snapshot.page_picture(tmp_path / "none.html")
    with pytest.raises(UserError, match="expected a picture as png or svg, got 'pdf'"):
        snapshot.save_figure(figure(), tmp_path / "f.pdf")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UserError, match="install chromium"):
        snapshot.figure_picture(figure())
