import pytest
import torch

from mechcot.core.errors import UserError
from mechcot.model.activations.capture import capture
from mechcot.model.internals.self_test import backbone_of
from mechcot.model.internals.sites import STREAMS, Site
from tests.model.families import EVERY, make, tokens


def test_names_are_those_of_transformer_lens_and_parse_back():
    for stream in STREAMS:
        site = Site(stream, 3)
        assert site.name == f"blocks.3.hook_{stream}"
        assert Site.parse(site.name) == Site.parse(f"{stream}.3") == site


def test_a_misspelt_stream_names_its_neighbour():
    with pytest.raises(UserError, match=r"got 'resid_pots'; did you mean 'resid_post'\?"):
        Site("resid_pots", 0)
    with pytest.raises(UserError, match=r"such as 'resid_post.3' .* got 'layer 3'"):
        Site.parse("layer 3")
    with pytest.raises(UserError, match="layers count from 0, got -1"):
        Site("resid_pre", -1)


def test_a_layer_or_stream_that_the_model_lacks_is_refused():
    backbone = backbone_of(make("neox").model)
    with pytest.raises(UserError, match="the model has layers 0 to 2, got 3"):
        backbone.place(Site("resid_pre", 3))
    with pytest.raises(
        UserError, match=r"GPTNeoXForCausalLM\) has no resid_mid; choose out of resid_pre"
    ):
        backbone.place(Site("resid_mid", 0))


@pytest.mark.parametrize("family", EVERY)
def test_hidden_states_of_hugging_face_are_the_residual_stream(family):
    reasoner, ids = make(family), tokens(20)
    batch = torch.tensor([ids])
    with torch.no_grad():
        output = reasoner.model(
            input_ids=batch, attention_mask=torch.ones_like(batch), output_hidden_states=True
        )
    theirs = output.hidden_states
    last = backbone_of(reasoner.model).n_layers - 1
    sites = [Site(s, layer) for layer in range(last + 1) for s in ("resid_pre", "resid_post")]
    ours = capture(reasoner, ids, sites)
    for layer in range(last + 1):
        assert torch.equal(ours[Site("resid_pre", layer)], theirs[layer][0])
    for layer in range(last):
        assert torch.equal(ours[Site("resid_post", layer)], theirs[layer + 1][0])
    normed = backbone_of(reasoner.model).final_norm(ours[Site("resid_post", last)])
    assert torch.equal(normed, theirs[-1][0])
    assert not torch.equal(ours[Site("resid_post", last)], theirs[-1][0])


@pytest.mark.parametrize("family", EVERY)
def test_streams_add_up(family):
    reasoner, ids = make(family), tokens(15)
    backbone = backbone_of(reasoner.model)
    for layer in range(backbone.n_layers):
        got = capture(reasoner, ids, [Site(s, layer) for s in backbone.streams])
        part = {site.stream: states for site, states in got.items()}
        torch.testing.assert_close(
            part["resid_pre"] + part["attn_out"] + part["mlp_out"],
            part["resid_post"],
            atol=1e-4,
            rtol=1e-4,
        )
        if "resid_mid" in part:
            torch.testing.assert_close(part["resid_pre"] + part["attn_out"], part["resid_mid"])
    parallel = family in {"neox", "phi"}
    assert ("resid_mid" in backbone.streams) is not parallel


@pytest.mark.parametrize("family", ["granite", "bloom"])
def test_streams_that_do_not_add_up_are_not_offered(family):
    # Granite multiplies what attention and MLP add; Bloom's modules add the residual themselves
    assert backbone_of(make(family).model).streams == ("resid_pre", "resid_post")


def test_a_model_with_broken_weights_is_refused():
    from copy import deepcopy

    model = deepcopy(make("llama").model)
    model.model.norm.weight.data[0] = torch.nan
    with pytest.raises(UserError, match="not finite"):
        backbone_of(model)


def test_a_model_without_blocks_is_refused():
    import transformers as tf

    model = tf.T5ForConditionalGeneration(
        tf.T5Config(vocab_size=32, d_model=16, d_kv=4, d_ff=16, num_layers=1, num_heads=2)
    )
    with pytest.raises(UserError, match=r"decoder-only model .* got T5ForConditionalGeneration"):
        backbone_of(model)
