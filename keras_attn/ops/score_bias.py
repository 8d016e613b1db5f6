"""Biases of attention scores that are functions of the distance, so that no [T, S] array need exist."""

from collections.abc import Callable
from typing import NamedTuple


class ScoreBias(NamedTuple):
    """A function of query and distance, and the weights it learns.

    Attention calls it with all positions at once or block by block.

    Attributes:
        function: `function(query, distance, *weights)` gives a float tensor that broadcasts to [B, N, T, S]. `query`
            [B, N, T, H] is multiplied by the scale already; `distance`, int32 [T, S], is the key's position minus the
            query's. As a bias of the output (`value_bias`) it gets the probabilities [B, N, T, S] instead of the query,
            gives [B, N, T, V] and must be linear in them.
        weights: Tensors or variables that the function is differentiated by.
    """

    function: Callable
    weights: tuple = ()
