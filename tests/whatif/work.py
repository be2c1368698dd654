"""What a page does with work that takes several slices: it asks until nothing is left."""

from mechcot.whatif.session import PanelSession
from mechcot.whatif.variant import Variant


def work_off(session: PanelSession) -> None:
    """Work until nothing is left to do."""
    while not session.advance():
        pass


def steered(session: PanelSession, name: str, nats: float) -> Variant:
    """What is shown with a vector at a dose."""
    session.steer(name, nats)
    work_off(session)
    return session.variant
