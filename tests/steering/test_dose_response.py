"""One vector tried: the arms, the dose as measured, the first arm as the model writes by itself."""

import numpy as np
import pytest

from mechcot.core.errors import UserError
from mechcot.core.trace import Phase
from mechcot.model.generation.steering_hooks import PositionSelector
from mechcot.model.internals.sites import Site
from mechcot.steering.contrast_vectors import pair_vectors
from mechcot.steering.dose_response import dose_response
from mechcot.steering.text_readout import correct

SITE = Site("resid_post", 1)


def test_arms_their_doses_and_what_they_wrote(base, control, pairs, asked, chains):
    vector = pair_vectors(base, pairs, sites=[SITE], read="prompt")[SITE]
    where = PositionSelector(phases=(Phase.QUESTION,))
    tried = dose_response(base, vector, asked[:2], nats=(0.1,), where=where, max_tokens=220)
    table = tried.to_frame()
    assert list(table["arm"]) == ["nothing", "vector", "random"]
    clean = table.iloc[0]
    assert clean["tokens"] == np.mean([len(t.phase(Phase.CHAIN)) for t in chains[:2]])
    assert clean["accuracy"] == np.mean([correct(t) for t in chains[:2]])
    assert clean["kl"] == clean["factor"] == 0
    assert table["n"].eq(2).all()
    real, chance = table.iloc[1], table.iloc[2]
    assert real["kl"] == pytest.approx(0.1, rel=0.06)
    assert chance["kl"] < 0.05  # on the question no random direction reaches it
    assert table["same_dose"].tolist() == [False, True, False]
    assert real["tokens"] < clean["tokens"]
    with pytest.raises(UserError, match="weights"):
        dose_response(control, vector, asked[:2], nats=(0.1,), where=where)
