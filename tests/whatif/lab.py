"""JupyterLab itself, headless: a server of a folder, a notebook that runs, and a hand on the panel in its cell."""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import nbformat

SECONDS = 180


def notebook(folder: Path, *cells: str) -> None:
    made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    made.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}  # fmt: skip
    nbformat.write(made, folder / "panel.ipynb")


@contextmanager
def server(folder: Path):
    """The address of a JupyterLab over a folder; nothing of it outlives the block."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    own = {"JUPYTER_CONFIG_DIR": str(folder / "c"), "JUPYTER_DATA_DIR": str(folder / "d"), "JUPYTER_RUNTIME_DIR": str(folder / "r"),
           "IPYTHONDIR": str(folder / "i"), "JUPYTERLAB_SETTINGS_DIR": str(folder / "s"), "JUPYTERLAB_WORKSPACES_DIR": str(folder / "w")}  # fmt: skip
    options = ["--no-browser", "--allow-root", f"--port={port}", "--ServerApp.port_retries=0", "--IdentityProvider.token=", "--ServerApp.password=",
               f"--ServerApp.root_dir={folder}", "--expose-app-in-browser", "--LabApp.news_url=", "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate"]  # fmt: skip
    with (folder / "lab.log").open("w") as log:
        running = subprocess.Popen([sys.executable, "-m", "jupyterlab", *options], cwd=folder, env=os.environ | own, stdout=log, stderr=log)  # fmt: skip
        try:
            address = f"http://127.0.0.1:{port}"
            until(lambda: _answers(address) or running.poll() is not None)
            assert running.poll() is None, (folder / "lab.log").read_text()
            yield address
        finally:
            running.terminate()
            try:
                running.wait(timeout=20)
            except subprocess.TimeoutExpired:  # it waits for ever on a kernel that is just starting
                running.kill()
                running.wait()


def _answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(f"{address}/api", timeout=5) as reply:
            return reply.status == 200
    except OSError:
        return False


def until(holds, seconds: float = SECONDS):
    """What a condition gives once it holds."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if value := holds():
            return value
        time.sleep(0.1)
    raise AssertionError(f"still not so after {seconds} s: {holds}")


class Hand:
    """What a person does with the panel of the first cell."""

    def __init__(self, browser) -> None:
        self.browser = browser

    def js(self, script: str, *values):
        return self.browser.execute_script(script, *values)

    def open(self, address: str, *, run: bool) -> None:
        self.browser.get(f"{address}/lab/tree/panel.ipynb?reset")
        until(lambda: self.js("return !!(window.jupyterapp && document.querySelector('.jp-Notebook .jp-Cell'))"))  # fmt: skip
        if run:
            until(lambda: self.js("return document.querySelector('.jp-NotebookPanel-toolbar, .jp-Toolbar') && jupyterapp.shell.currentWidget?.sessionContext?.session?.kernel?.status === 'idle'"))  # fmt: skip
            self.js("jupyterapp.commands.execute('notebook:run-all-cells')")
            until(lambda: self.panel("return root.host.dataset.ready"))

    def panel(self, script: str, *values):
        """Run a script that has the panel's shadow root as `root`."""
        head = "const host = document.querySelector('.mechcot-what-if'); if (!host) return null; const root = host.shadowRoot; "
        return self.js(head + script, *values)

    def settled(self) -> None:
        """Wait until no message is on its way and no work is under way."""
        until(lambda: self.panel("return root.getElementById('panel').getAttribute('aria-busy') === 'false' && root.getElementById('job').hidden"))  # fmt: skip

    def click(self, selector: str) -> None:
        self.panel("root.querySelector(arguments[0]).dispatchEvent(new MouseEvent('click', {bubbles: true}))", selector)  # fmt: skip
        self.settled()

    def press(self, key: str) -> None:
        self.panel("root.getElementById('cards').dispatchEvent(new KeyboardEvent('keydown', {key: arguments[0], bubbles: true, composed: true}))", key)  # fmt: skip
        self.settled()

    def type_at(self, selector: str, keys: str) -> None:
        """Click with the mouse and press keys on the keyboard, which JupyterLab hears first."""
        from selenium.webdriver import ActionChains

        node = self.panel("return root.querySelector(arguments[0])", selector)
        ActionChains(self.browser).click(node).perform()
        if keys:
            ActionChains(self.browser).send_keys(keys).perform()
        self.settled()

    def set(self, selector: str, value: str) -> None:
        """Give a field a value, as typing or sliding does."""
        self.panel("const f = root.querySelector(arguments[0]); f.value = arguments[1]; f.dispatchEvent(new Event('input', {bubbles: true})); f.dispatchEvent(new Event('change', {bubbles: true}))", selector, value)  # fmt: skip
        self.settled()

    def text(self, selector: str) -> str:
        return self.panel("return root.querySelector(arguments[0]).textContent", selector)

    def wide(self, width: int) -> bool:
        """Whether the panel fits its place at a width of the window."""
        self.browser.set_window_size(width, 1000)
        time.sleep(0.5)
        return self.panel("const p = root.getElementById('panel'); return p.scrollWidth <= p.clientWidth + 1")  # fmt: skip

    def asked_outside(self, address: str) -> list[str]:
        """Addresses that were asked for besides the server's own."""
        sent = (json.loads(entry["message"])["message"] for entry in self.browser.get_log("performance"))  # fmt: skip
        urls = [m["params"]["request"]["url"] for m in sent if m["method"] == "Network.requestWillBeSent"]  # fmt: skip
        own = (address, address.replace("http", "ws"), "data:", "blob:", "about:", "chrome")
        return [url for url in urls if not url.startswith(own)]
