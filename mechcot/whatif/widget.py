"""The panel in a notebook: an `anywidget` that passes messages on and shows the state. Needs the extra `notebook`."""

from collections.abc import Callable, Mapping
from typing import Any

import anywidget
import traitlets

from mechcot.view.pages.what_if import widget_module


class PanelWidget(anywidget.AnyWidget):
    """Messages in, state out."""

    _esm = widget_module()
    state = traitlets.Dict().tag(sync=True)
    live = traitlets.Bool(default_value=True).tag(sync=True)
    name = traitlets.Unicode().tag(sync=True)

    def __init__(
        self,
        respond: Callable[[Any], dict[str, Any]],
        shown: Callable[[], dict[str, Any]],
        *,
        name: str,
        after: Callable[[], None],
    ) -> None:
        """Show a state.

        Args:
            respond: Does what a message asks for.
            shown: Gives the state.
            name: Of the panel.
            after: Called when a message is answered and no work is under way.
        """
        super().__init__(state=shown(), name=name)
        self._respond, self._shown, self._after = respond, shown, after
        self.on_msg(self._heard)

    def _heard(self, _widget: Any, message: Any, _buffers: Any) -> None:
        number = message.get("id") if isinstance(message, Mapping) else None
        reply = {"error": "this failed; the log of the kernel says why"}
        try:
            reply = self._respond(message)
            if isinstance(message, Mapping) and message.get("do") not in ("check", "code"):
                self.state = self._shown()
        finally:
            self.send({"id": number, **reply})
        if self.state["job"] is None:
            self._after()

    def refresh(self) -> None:
        """Show what is so by now."""
        self.state = self._shown()
        self._after()
