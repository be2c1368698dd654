from .dose_response import DoseResponse as DoseResponse, dose_response as dose_response
from .mean_difference import mean_difference as mean_difference
from .vectors import SteeringVector as SteeringVector
