"""Plain forwards of the Hugging Face model: the slow side of the oracle tests."""

import numpy as np
import torch


def logprobs(reader, ids, hidden=()):
    """Log-probabilities [token, vocabulary] of the next token; `hidden` holds (queries, keys) spans that are cut."""
    n = len(ids)
    seen = torch.tril(torch.ones(n, n, dtype=torch.bool))
    for queries, keys in hidden:
        seen[queries.start : queries.stop, keys.start : keys.stop] = False
    mask = torch.zeros(1, 1, n, n).masked_fill(~seen, torch.finfo(torch.float32).min)
    with torch.no_grad():
        logits = reader.model(
            input_ids=torch.tensor([list(ids)]),
            attention_mask=mask,
            position_ids=torch.arange(n)[None],
        ).logits
    return torch.log_softmax(logits[0].float(), -1)


def greedy(reader, ids, *, count):
    """Greedy tokens behind `ids`, one plain forward each, up to a stopping token."""
    found = []
    for _ in range(count):
        token = int(logprobs(reader, [*ids, *found])[-1].argmax())
        if token in reader.stop_ids:
            break
        found.append(token)
    return found


def probability(reader, ids, answer):
    """Probability of an answer behind `ids`."""
    scores = logprobs(reader, [*ids, *answer])
    start = len(ids) - 1
    return float(np.exp(sum(float(scores[start + i, token]) for i, token in enumerate(answer))))


def inputs_of_blocks(reader, ids, *, model=None):
    """The states that enter each block, `[token, d_model]` each, from Hugging Face's own hidden states."""
    with torch.no_grad():
        states = (model or reader.model)(
            input_ids=torch.tensor([list(ids)]), output_hidden_states=True
        ).hidden_states
    return [state[0] for state in states[:-1]]


def patched_logprobs(reader, ids, patch=None, *, model=None):
    """Log-probabilities [token, vocabulary] with `(layer, positions, rows)` written at the input of a Llama block."""
    model = model or reader.model

    def write(_module, args, named):
        states = (args[0] if args else named["hidden_states"]).clone()
        states[0, patch[1]] = patch[2].to(states)
        return ((states, *args[1:]), named) if args else (args, named | {"hidden_states": states})

    handle = None
    if patch is not None:
        handle = model.model.layers[patch[0]].register_forward_pre_hook(write, with_kwargs=True)
    try:
        with torch.no_grad():
            logits = model(input_ids=torch.tensor([list(ids)])).logits
    finally:
        if handle is not None:
            handle.remove()
    return torch.log_softmax(reader.logit_scale * logits[0], -1)


def asked_texts(reader, trace, twin):
    """Clean and counterfactual ids, up to and with the question for the answer."""
    stop = trace.cuts()[-1]
    return [[*ids[:stop], *reader.cue_ids] for ids in (trace.ids, twin.trace.ids)]
