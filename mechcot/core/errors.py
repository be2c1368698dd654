"""Errors meant for people: what was expected, what came, and what to do."""


class UserError(Exception):
    """A mistake of the user's (an input, an option, a file); the command line prints it and exits with 2.

    Example:
        >>> import mechcot as mc
        >>> mc.problems("mod10", n=0)
        Traceback (most recent call last):
            ...
        mechcot.core.errors.UserError: expected at least 1 problem, got n = 0
    """


class NotMeasurable(Exception):  # noqa: N818 - names a state of an item, not a fault of the program
    """One item cannot be measured; the study counts it as a row "not judged" with this reason.

    Example:
        >>> import mechcot as mc
        >>> issubclass(mc.NotMeasurable, Exception)  # `mc.measure` gives NaN and its text as `reason`
        True
    """


class DoesNotFit(NotMeasurable):
    """One item needs more memory than there is here; with more memory it can be measured."""


class Unanswered(UserError):  # noqa: N818 - names a state, like `NotMeasurable`
    """A server did not answer: the run stops, nothing is kept of it, and the same command goes on."""


class EditDidNotFire(RuntimeError):  # noqa: N818
    """An intervention was passed to a run but its site was never visited or its positions were empty."""
