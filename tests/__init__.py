"""The tests; the package is imported with the checker of `typecheck.py`."""

import jaxtyping

from tests.typecheck import checked

jaxtyping.jaxtyped = checked
