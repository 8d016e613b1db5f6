import keras
from keras import ops

from keras_attn.layers.layer import Layer, check_positive

_FACTOR = 8191
_MOST_BUCKETS = 2**18  # times the factor, the largest that 32 bits hold


@keras.saving.register_keras_serializable("keras_attn")
class NgramEmbedding(Layer):
    """Embeds the n-grams that end in each token, so that neighbours and their order count.

    `y_t = sum_(n=2..N) table[h_n(t)]` with `h_1(t) = id_t` and
    `h_n(t) = (8191 h_(n-1)(t) + id_(t-n+1) + n) mod M`; before the first token stand zeros. The table begins with
    zeros: an n-gram that was never learnt says nothing.

    Args:
        num_buckets: Rows M of the table, that n-grams share by their hash; a prime number spreads them best.
        output_dim: Width D of the vectors.
        max_order: Longest n-grams N.
        **kwargs: Keras's own, such as `name` and `dtype`.

    Call arguments:
        inputs: Integer ids [B, T].

    Returns:
        Tensor [B, T, D].

    Masking:
        None is made; what comes out at padded places means nothing.

    Raises:
        ValueError: If a size is not positive, `max_order` is below 2 or `num_buckets` above 262144.

    Example:
        >>> import numpy as np
        >>> from keras_attn.layers import NgramEmbedding
        >>> NgramEmbedding(num_buckets=101, output_dim=4)(np.array([[3, 5, 0]])).shape
        TensorShape([1, 3, 4])

    Reference:
        Joulin et al. 2017, "Bag of Tricks for Efficient Text Classification", section 2.1 (hashed n-grams); Li et al.
        2017, "Neural Bag-of-Ngrams", section 3.1.
    """

    def __init__(self, num_buckets, output_dim, max_order=2, **kwargs):
        super().__init__(**kwargs)
        check_positive(num_buckets=num_buckets, output_dim=output_dim, max_order=max_order)
        if max_order < 2 or num_buckets > _MOST_BUCKETS:
            raise ValueError(
                f"`max_order` must be at least 2 and `num_buckets` at most {_MOST_BUCKETS}. "
                f"Received: max_order={max_order}, num_buckets={num_buckets}"
            )
        self.num_buckets = num_buckets
        self.output_dim = output_dim
        self.max_order = max_order

    def build(self, input_shape):
        self.table = self.add_weight((self.num_buckets, self.output_dim), "zeros", name="table")

    def call(self, inputs):
        vectors = [ops.take(self.table, rows, axis=0) for rows in self.buckets(inputs)]  # [B, T, D] each
        return ops.cast(sum(vectors), self.compute_dtype)

    def buckets(self, inputs):
        """Finds the rows of the n-grams.

        Args:
            inputs: Integer ids [B, T].

        Returns:
            List of integer tensors [B, T], one an order from 2 on: the row of the n-gram that ends in each token.
        """
        before, hashed, found = ops.cast(inputs, "int32"), None, []
        for n in range(2, self.max_order + 1):
            hashed = ops.mod(before if hashed is None else hashed, self.num_buckets)
            before = ops.pad(before[:, :-1], [[0, 0], [1, 0]])  # id_(t-n+1)
            hashed = ops.mod(_FACTOR * hashed + before + n, self.num_buckets)
            found.append(hashed)
        return found

    def compute_output_shape(self, input_shape):
        return (*input_shape, self.output_dim)
