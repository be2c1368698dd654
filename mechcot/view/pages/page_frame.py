"""Frame of every page: escaped templates, scripts allowed by their hash, JSON that closes no tag.

A page makes no request. Its Content-Security-Policy allows exactly the scripts that are set in it, by
their hash, and no connection at all. Text of models and users reaches it through jinja2's escaping or
as JSON in which no tag can open or close.
"""

import base64
import hashlib
import json
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup


@cache
def environment() -> Environment:
    """Templates of the view, compiled once; every value is escaped, a missing one raises."""
    return Environment(
        loader=PackageLoader("mechcot.view", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


@cache
def asset(name: str) -> str:
    """The text of a file of the templates' folder."""
    return (files("mechcot.view") / "templates" / name).read_text(encoding="utf-8")


def script(text: str) -> str:
    """A script as a browser will hash it: one kind of line end, no closing tag inside."""
    clean = text.replace("\r\n", "\n").replace("\r", "\n")
    return clean.replace("</script", "<\\/script").replace("<!--", "<\\!--")


def policy(*scripts: str) -> str:
    """The Content-Security-Policy that allows these scripts and no connection."""
    hashes = " ".join(
        f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"
        for script in scripts
    )
    return (
        f"default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; img-src data: blob:; "
        "base-uri 'none'; form-action 'none'"
    )


def inert_json(value: Any) -> Markup:
    """JSON that may stand inside a script element: no tag can open or close in it."""
    text = json.dumps(value, sort_keys=True)
    for sign, code in (("<", "\\u003c"), (">", "\\u003e"), ("&", "\\u0026")):
        text = text.replace(sign, code)
    return Markup(text)
