"""Search for the best output ids: one loop, and strategies that say what one step does."""

from keras_attn.decoding.search import Constraint, SearchBounds, SearchResult, Strategy, search
from keras_attn.decoding.strategies import Beam, Greedy

__all__ = ["Beam", "Constraint", "Greedy", "SearchBounds", "SearchResult", "Strategy", "search"]
