from .causal_check import CausalCheck as CausalCheck, causal_check as causal_check
from .crosscoder import Crosscoder as Crosscoder, load_crosscoder as load_crosscoder
from .crosscoder_training import crosscode as crosscode
from .dictionary import Dictionary as Dictionary, load as load
from .evaluation import Evaluation as Evaluation, evaluate as evaluate
from .feature_patching import FeatureExchange as FeatureExchange, exchange as exchange
from .feature_vectors import feature_vector as feature_vector
from .latent_changes import LatentChanges as LatentChanges, compare_latents as compare_latents
from .top_features import FeatureTable as FeatureTable
from .training import TrainingSettings as TrainingSettings, train_on as train_on
