"""The page in a real browser: drawn, silent, offline, inert."""

import json
import time
from pathlib import Path

import pytest

from mechcot.view.pages.report import report_page

pytestmark = pytest.mark.browser


def load(browser, tmp_path: Path, text: str):
    path = tmp_path / "report.html"
    path.write_text(text, encoding="utf-8")
    browser.get_log("browser"), browser.get_log("performance")
    browser.get(path.as_uri())
    deadline = time.monotonic() + 300
    while not browser.execute_script("return document.documentElement.dataset.ready"):
        assert time.monotonic() < deadline, browser.get_log("browser")
        time.sleep(0.1)


def requests(browser):
    for entry in browser.get_log("performance"):
        message = json.loads(entry["message"])["message"]
        if message["method"] == "Network.requestWillBeSent":
            yield message["params"]["request"]["url"]


def check_silent(browser):
    assert [
        entry for entry in browser.get_log("browser") if entry["level"] in ("SEVERE", "WARNING")
    ] == []
    outside = [
        url
        for url in requests(browser)
        if not url.startswith(("file:", "data:", "blob:", "chrome:"))
    ]
    assert outside == []


def media(browser, **features):
    browser.execute_cdp_cmd(
        "Emulation.setEmulatedMedia",
        {
            "features": [
                {"name": name.replace("_", "-"), "value": value} for name, value in features.items()
            ]
        },
    )


def ink(browser):
    return browser.execute_script(
        "return getComputedStyle(document.querySelector('.plot .gtitle')).fill"
    )


def test_page_opens_offline_and_draws_every_figure(browser, tmp_path, every_kind):
    media(browser, prefers_color_scheme="light")
    load(browser, tmp_path, report_page(every_kind))
    drawn = browser.execute_script(
        "return [...document.querySelectorAll('.plot')].map(p => p.querySelectorAll('svg').length)"
    )
    assert len(drawn) == 7
    assert all(drawn)
    check_silent(browser)

    light = ink(browser)
    media(browser, prefers_color_scheme="dark")
    deadline = time.monotonic() + 120
    while ink(browser) == light:
        assert time.monotonic() < deadline, "figures did not follow the dark scheme"
        time.sleep(0.1)
    media(browser, prefers_color_scheme="light")
    for width in (1440, 900):
        browser.set_window_size(width, 1000)
        time.sleep(0.5)
        assert browser.execute_script(
            "return document.documentElement.scrollWidth <= innerWidth"
        ), width
    check_silent(browser)

    blocked = browser.execute_async_script(
        "const done = arguments[0]; addEventListener('securitypolicyviolation', e => done(e.effectiveDirective));"
        "new Image().src = 'http://127.0.0.1:9/never.png'; setTimeout(() => done('not blocked'), 20000)"
    )
    assert blocked == "img-src"


def test_hostile_text_is_inert(browser, tmp_path, hostile_text):
    load(browser, tmp_path, hostile_text)
    assert browser.execute_script("return typeof window.pwned") == "undefined"
    assert browser.execute_script("return document.images.length") == 0
    links = browser.execute_script(
        "return [...document.querySelectorAll('a')].map(a => a.getAttribute('href') || a.getAttributeNS("
        "'http://www.w3.org/1999/xlink', 'href') || '').filter(h => !h.startsWith('#'))"
    )
    assert [link for link in links if link] == []
    assert "{{ 7*7 }}" in browser.execute_script("return document.body.innerText")
    check_silent(browser)
