"""Capabilities that measures need of a family, tried once on a model before chains are written."""

from weakref import WeakKeyDictionary

from torch import nn

from mechcot.core.card import Need
from mechcot.core.errors import NotMeasurable, UserError
from mechcot.core.trace import Span
from mechcot.model.attention import group_attention
from mechcot.model.interface import TextReader
from mechcot.model.internals.self_test import backbone_of

_KNOWN: WeakKeyDictionary[nn.Module, dict[Need, str]] = WeakKeyDictionary()


def lacks(reader: TextReader, need: Need) -> str:
    """The reason why a model cannot give something, "" when it can. One forward over four tokens, once a model.

    Args:
        reader: The model.
        need: `hiding`: tokens can be hidden from others; `attention`: attention probabilities can be read.
    """
    known = _KNOWN.setdefault(reader.model, {})
    if need not in known:
        known[need] = _TRIALS[need](reader)
    return known[need]


def _hiding(reader: TextReader) -> str:
    backbone = backbone_of(reader.model)
    if backbone.maskable:
        return ""
    return f"steps cannot be hidden in {_family(reader)}: {backbone.leak}"


def _attention(reader: TextReader) -> str:
    ids = [token % reader.n_vocabulary for token in (1, 2, 3, 4)]
    try:
        group_attention(reader, ids, [Span(0, 2), Span(2, 4)])
    except (UserError, NotMeasurable) as reason:
        return str(reason)
    except (RuntimeError, TypeError, ValueError, KeyError, AttributeError, IndexError) as error:
        first = " ".join(str(error).split())[:120]
        return (
            f"the attention of {_family(reader)} cannot be read ({type(error).__name__}: {first})"
        )
    return ""


def _family(reader: TextReader) -> str:
    return type(reader.model).__name__


_TRIALS = {"hiding": _hiding, "attention": _attention}
