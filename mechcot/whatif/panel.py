"""`mc.what_if`: a chain under change in a notebook cell.

The cell holds the widget and, below it, a page of the last state; the live widget hides that page, so that a saved notebook shows what
was seen last. Everything that the page can do, `panel.do("hide", step=3)` can do without a page.
"""

import uuid
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from mechcot.core.argument_kinds import checked
from mechcot.core.errors import UserError
from mechcot.core.pair import Pair
from mechcot.core.store import write_text
from mechcot.core.trace import Trace
from mechcot.model.generation.write_traces import item_seed
from mechcot.model.reasoner import Reasoner
from mechcot.sae.dictionary import Dictionary
from mechcot.steering.vectors import SteeringVector
from mechcot.tasks import with_kinds
from mechcot.view.pages.what_if import what_if_cell, what_if_page
from mechcot.whatif.code import as_code
from mechcot.whatif.messages import field, respond
from mechcot.whatif.pushes import Materials
from mechcot.whatif.session import PanelSession
from mechcot.whatif.shown import state
from mechcot.whatif.variants import Variants


class WhatIf:
    """A panel over traces; see `what_if`."""

    def __init__(
        self,
        readers: Sequence[Reasoner],
        traces: Sequence[Trace],
        materials: Materials,
        *,
        seed: int,
    ) -> None:
        """Open the first trace.

        Args:
            readers: The models, the reference first.
            traces: The traces.
            materials: Vectors and features.
            seed: Of counterfactuals and mistakes.

        Raises:
            UserError: The trace has no chain, or its tokens mean something else to a model.
            NotMeasurable: It does not fit in the context.
        """
        self._readers, self._traces = tuple(readers), tuple(map(with_kinds, traces))
        self._materials, self._seed = materials, seed
        self._sessions: dict[int, PanelSession] = {}
        self._place = 0
        self._name = uuid.uuid4().hex[:12]
        self._saved: Any = None
        self._open(0)

    def __repr__(self) -> str:
        session = self.session
        result = session.comparison()
        said = f"{result.before.said} → {result.after.said}"
        return (
            f"What if? {session.known.trace.id}, read by {session.reader.name}: {session.variant.label}; answer {said}, "
            f"moved {result.moved:.3g}; to_html() gives the page, as_code() the lines"
        )

    @property
    def session(self) -> PanelSession:
        """The open trace."""
        return self._sessions[self._place]

    @property
    def variants(self) -> Variants:
        """What was tried on the open trace; `to_frame()` gives the table."""
        return self.session.variants

    def as_code(self) -> str:
        """Lines of the public API that give the shown variant's numbers to the last digit."""
        return as_code(self.session.lens, self.session.variant)

    def to_html(self) -> str:
        """A self-contained page of what is shown."""
        return what_if_page(self.state)

    def write(self, path: Path | str) -> None:
        """Write that page to a file, whole or not at all."""
        write_text(Path(path), self.to_html())

    @property
    def state(self) -> dict[str, Any]:
        """All that is shown, as JSON."""
        return state(self.session) | {
            "traces": [trace.id for trace in self._traces],
            "place": self._place,
        }

    def respond(self, message: Any) -> dict[str, Any]:
        """Do what a message of the page asks for; see `mechcot.whatif.messages`.

        Args:
            message: Such as `{"do": "edit", "step": 3, "text": "so d = 8 ."}`; steps count from 0.

        Returns:
            `error`, empty where it was done, and what was asked for.
        """
        if isinstance(message, Mapping) and message.get("do") == "open":
            try:
                self._open(field(message, "number"))
            except UserError as reason:
                return {"error": str(reason)}
            return {"error": ""}
        return respond(self.session, message)

    def do(self, action: str, /, **fields: Any) -> "WhatIf":
        """Do what a button does, to its end: `panel.do("hide", step=3)`, `panel.do("try_all", change="counterfactual")`.

        Args:
            action: One of `mechcot.whatif.messages.MESSAGES`, or `open` (a trace by its `number`).
            fields: What it needs; steps count from 0.

        Returns:
            The panel, as it is then.

        Raises:
            UserError: It cannot be done; the reason is said.
        """
        reply = self.respond({"do": action, **fields})
        while self.session.job is not None and not reply["error"]:
            reply = self.respond({"do": "go_on"})
        if reply["error"]:
            raise UserError(reply["error"])
        if "widget" in self.__dict__:
            self.widget.refresh()
        return self

    def _open(self, number: int) -> None:
        if not 0 <= number < len(self._traces):
            raise UserError(f"expected a trace from 0 to {len(self._traces) - 1}, got {number}")
        if number not in self._sessions:
            trace = self._traces[number]
            others = [*self._traces[:number], *self._traces[number + 1 :]]
            seed = item_seed(self._seed, trace.problem.id)
            session = PanelSession.of(
                self._readers, trace, others=others, materials=self._materials, seed=seed
            )
            session.comparison()
            self._sessions[number] = session
        shown = self.session.shown if self._sessions.get(self._place) else 0
        self._place = number
        self.session.shown = shown

    @cached_property
    def widget(self) -> Any:
        """The live widget, for hosts that place it themselves.

        Raises:
            UserError: `anywidget` is not installed.
        """
        try:
            from mechcot.whatif.widget import PanelWidget
        except ModuleNotFoundError as error:
            raise UserError(
                f"the live panel needs {error.name}; pip install 'mechcot[notebook]', or write() keeps a page"
            ) from None
        return PanelWidget(self.respond, lambda: self.state, name=self._name, after=self._save)

    def _repr_html_(self) -> str:
        return what_if_cell(self.state, name=self._name)

    def _ipython_display_(self) -> None:
        from IPython.display import HTML, display

        display(self.widget)
        self._saved = display(HTML(self._repr_html_()), display_id=True)

    def _display_(self) -> Any:
        """What marimo shows."""
        return self.widget

    def _save(self) -> None:
        """Put the last state into the saved notebook."""
        if self._saved is not None:
            from IPython.display import HTML

            self._saved.update(HTML(self._repr_html_()))


@checked
def what_if(
    models: Pair[Reasoner] | Reasoner | Sequence[Reasoner],
    traces: Trace | Sequence[Trace],
    *,
    vectors: Mapping[str, SteeringVector] | None = None,
    dictionary: Dictionary | None = None,
    seed: int = 0,
) -> WhatIf:
    """Change a chain, or a model while it reads it, and see at once what follows. In a notebook cell.

    Steps are edited, hidden, deleted, replaced by what their task knows, or written on; a vector is added at a measured dose, a feature
    clamped, a state patched by a click. The answer before and after stand side by side, with the noise below which nothing is an effect.

    Args:
        models: One model, a pair, or several that share a tokenizer; the panel switches between them.
        traces: One trace or several; chains are exchanged, and states patched, between them.
        vectors: Steering vectors by the names that they are shown under.
        dictionary: A sparse dictionary whose features can be clamped.
        seed: Of counterfactuals and mistakes, as `mc.measure` draws them.

    Returns:
        The panel: `variants.to_frame()` is the table of what was tried, `as_code()` the lines that give the shown number, `write(path)`
        a page of it.

    Raises:
        UserError: No trace, one without a chain, or tokens that mean something else to a model.

    Example:
        >>> import mechcot as mc
        >>> pair = mc.load_pair("organism:base", "organism:bypass")
        >>> panel = mc.what_if(pair, pair.before.write(mc.problems("mod10", n=1)))
        >>> panel.do("hide", step=0).state["variant"]["effect"]
        True
        >>> panel.variants.to_frame()["variant"].tolist()
        ['as written', 'step 1 hidden from all later tokens']
    """
    readers = [models] if isinstance(models, Reasoner) else list(models)
    given = [traces] if isinstance(traces, Trace) else list(traces)
    if not readers or not given:
        raise UserError(
            "expected a model and a trace, got none; reader.write(problems) writes some"
        )
    return WhatIf(readers, given, Materials(dict(vectors or {}), dictionary), seed=seed)
