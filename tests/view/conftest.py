"""Reports made once for all tests of the view."""

import shutil
from dataclasses import replace

import pytest

from mechcot.view.pages.numbered_figures import numbered_figures
from mechcot.view.pages.report import report_page
from tests.view import view_fixtures


@pytest.fixture(scope="session")
def data():
    return view_fixtures.report_data()


@pytest.fixture(scope="session")
def hostile():
    return view_fixtures.hostile_data()


@pytest.fixture(scope="session")
def series_data():
    return view_fixtures.series_data()


@pytest.fixture(scope="session")
def text(data):
    return report_page(data)


@pytest.fixture(scope="session")
def hostile_text(hostile):
    return report_page(hostile)


@pytest.fixture(scope="session")
def made(data):
    return numbered_figures(data)


@pytest.fixture(scope="session")
def every_kind(series_data):
    """A small study in which every kind of figure occurs."""
    return replace(series_data, comparisons=series_data.comparisons[:1])


CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
FLAGS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update",
         "--disable-sync", "--no-first-run", "--disable-default-apps", "--window-size=1440,1000")  # fmt: skip


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    if not CHROMIUM or not DRIVER:
        pytest.skip(
            "needs chromium and chromedriver on the PATH (Debian: chromium, chromium-driver)"
        )
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for flag in (*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('chromium')}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    driver.set_script_timeout(120)
    driver.execute_cdp_cmd("Network.enable", {})
    # A window that lacks the focus leaves JupyterLab without a current notebook.
    driver.execute_cdp_cmd("Emulation.setFocusEmulationEnabled", {"enabled": True})
    yield driver
    driver.quit()
