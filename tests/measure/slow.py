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
