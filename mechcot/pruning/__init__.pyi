from .frontier import Frontier as Frontier, frontier as frontier
