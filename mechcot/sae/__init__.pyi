from .dictionary import Dictionary as Dictionary, load as load
from .evaluation import Evaluation as Evaluation, evaluate as evaluate
from .feature_patching import FeatureExchange as FeatureExchange, exchange as exchange
from .feature_vectors import feature_vector as feature_vector
from .top_features import FeatureTable as FeatureTable
from .training import TrainingSettings as TrainingSettings, train_on as train_on
