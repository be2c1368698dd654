"""One face for every result: a short text, a table in a notebook cell, a tidy frame, a figure.

The figure is drawn by `mechcot.view.plot`, which knows how each type of result is drawn; it is looked up by name,
because the nouns stand below the views.
"""

import html
from abc import abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

ROWS = 24
"""Rows of the table that a notebook cell shows."""
WIDTH = 90
"""Characters of a cell of that table."""


class Displayed:
    """A value that a notebook shows as its text and its table, and that can be drawn."""

    @abstractmethod
    def to_frame(self) -> "pd.DataFrame":
        """The value as a tidy table: one row per observation."""

    def plot(self) -> "go.Figure":
        """The value as a plotly figure; `write_html`, `write_image` and `update_layout` are plotly's own.

        Raises:
            UserError: There is nothing to draw.
        """
        return import_module("mechcot.view.plot").plot(self)

    def _repr_html_(self) -> str:
        """The text and the first rows of the table; all text is escaped."""
        import pandas as pd

        frame = self.to_frame()
        with pd.option_context("display.max_colwidth", WIDTH):
            table = frame.head(ROWS).to_html(index=False, escape=True, na_rep="–")
        more = f"<p>… {len(frame) - ROWS} more rows</p>" if len(frame) > ROWS else ""
        return f"<pre>{html.escape(str(self))}</pre>{table}{more}"


@dataclass(frozen=True, eq=False, repr=False)
class DisplayedRun(Displayed):
    """What a command writes as JSON, as a value.

    Attributes:
        result: What the command writes.
        lines: Puts it in lines of text.
        figure: Module and name of the function that draws it.
    """

    result: Mapping[str, Any]
    lines: ClassVar[Callable[[Mapping[str, Any]], Iterable[str]]]
    figure: ClassVar[tuple[str, str]]

    def __repr__(self) -> str:
        return "\n".join(type(self).lines(self.result))

    def plot(self) -> "go.Figure":
        """The result as the figure of its page."""
        module, name = self.figure
        return getattr(import_module(f"mechcot.view.figures.{module}"), name)(self.result)
