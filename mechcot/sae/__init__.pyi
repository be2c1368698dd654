from .dictionary import Dictionary as Dictionary, load as load
from .feature_table import FeatureTable as FeatureTable
