"""mechcot: does a reasoning model still use its chain of thought, before and after fine-tuning?

    import mechcot as mc

    pair   = mc.load_pair("organism:base", "organism:bypass")
    traces = pair.before.write(mc.problems("mod10", n=24))
    one    = mc.measure("suppression", pair.before, traces[0])
    one["kl"].plot()
    print(mc.contrast("suppression", pair, traces))
    mc.explore(pair, traces)

Names are loaded when they are first used (`__init__.pyi` lists them); every result has `plot()`, `to_frame()` and a face in a
notebook cell. `mc.steering`, `mc.pruning` and `mc.sae` hold what is done to a model or a chain.
"""

import lazy_loader

__version__ = "0.1.0"

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
