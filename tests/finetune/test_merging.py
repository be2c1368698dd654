"""An adapter folded into a copy of its base: the same model, and no adapter any more."""

import pytest
import torch

from mechcot.finetune import merging
from mechcot.finetune.material import MaterialSource
from mechcot.finetune.merging import merged, whole_base
from mechcot.model.loading.options import DEFAULTS
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


@pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing.*:FutureWarning")
def test_processes_that_fold_the_same_adapter_do_not_meet(models, train, tmp_path, monkeypatch):
    """While one writes its copy, another puts the same one in its place; what a broken write leaves is no copy."""
    tuned = f"{models[0]}+{last(train(models[0], MaterialSource('mod10', n=6), arm='sft'))}"
    folder, write = tmp_path / "bases", merging.write_checkpoint

    def interrupted(model, reader, copy):
        write(model, reader, copy)
        raise OSError("no space")

    def overtaken(model, reader, copy):
        write(model, reader, copy)
        monkeypatch.setattr(merging, "write_checkpoint", write)
        whole_base(tuned, folder, DEFAULTS)

    monkeypatch.setattr(merging, "write_checkpoint", interrupted)
    with pytest.raises(OSError, match="no space"):
        whole_base(tuned, folder, DEFAULTS)
    assert list(folder.iterdir()) == []
    monkeypatch.setattr(merging, "write_checkpoint", overtaken)
    copy = whole_base(tuned, folder, DEFAULTS)
    assert [str(each) for each in folder.iterdir()] == [copy]
    Reasoner.load(copy, device="cpu")
