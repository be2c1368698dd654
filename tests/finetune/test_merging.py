"""An adapter folded into a copy of its base: the same model, and no adapter any more."""

import pytest
import torch

from mechcot.finetune.material import MaterialSource
from mechcot.finetune.merging import merged
from mechcot.model.loading.pairs import load_models
from mechcot.model.reasoner import Reasoner
from tests.finetune.test_tune import last


@pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing.*:FutureWarning")
def test_a_folded_adapter_reads_as_the_adapter(models, train):
    out = train(models[0], MaterialSource("mod10", n=6), arm="sft")
    base, tuned = load_models([models[0], str(last(out))])
    ids = torch.tensor([base.encode("<bos> <user> : c: 2 ; find c ?")])
    wanted = tuned.model(ids).logits
    folded = merged(Reasoner.load(str(last(out)), device="cpu").model)
    assert {name for name, _ in folded.named_parameters()} == {
        name for name, _ in Reasoner.load(models[0], device="cpu").model.named_parameters()
    }
    torch.testing.assert_close(folded(ids).logits, wanted, atol=1e-5, rtol=1e-5)
    assert not hasattr(folded, "peft_config")
    assert not torch.equal(base.model(ids).logits, wanted)
