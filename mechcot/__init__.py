"""mechcot: does a reasoning model still use its chain of thought, before and after fine-tuning?"""

__version__ = "0.1.0"
