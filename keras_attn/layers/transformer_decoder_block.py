import keras

from keras_attn.layers.rematerialize import rematerialize
from keras_attn.layers.transformer_block import TransformerBlock


@keras.saving.register_keras_serializable("keras_attn")
class TransformerDecoderBlock(TransformerBlock):
    """Causal self-attention, attention to the encoder and a feed-forward network, each with residual and norm.

    Post-norm: `x = norm(x + dropout(f(x)))`; pre-norm (`normalize_first`): `x = x + dropout(f(norm(x)))`, for `f` in
    turn the self-attention, the cross-attention and the feed-forward network.

    Args:
        num_heads: Number of attention heads N; must divide the input's width.
        intermediate_dim: Width F of the feed-forward network.
        dropout: Share of each sublayer's output set to zero in training.
        attention_dropout: Share of the attention probabilities set to zero in training.
        activation: Activation of the feed-forward network.
        normalize_first: Whether to normalize before each sublayer rather than after the residual sum.
        epsilon: Added to the variance, or the mean square, by the normalization.
        seed: Seed of the dropouts.
        use_bias: Whether the projections of the attention and of the feed-forward network have biases.
        gated: Whether the feed-forward network is gated, see `FeedForward`.
        normalization: "layer" or "rms".
        num_kv_heads: Number K of key-value heads, a divisor of `num_heads`; `num_heads` when None.
        position: Layer that tells the self-attention where its queries and keys stand, such as `RotaryPosition()`, or
            None.
        sliding_window: Window of the self-attention, see `MultiHeadAttention`; None for all positions.
        normalize_query_key: Whether the attention normalizes its queries and keys.
        implementation: How the attention is computed, see `MultiHeadAttention`; None chooses. "windowed" is for the
            self-attention alone.
        rematerialize: Whether training computes what the block holds inside a second time for the gradient, rather than
            keep it: less memory, about a third more time.
        **kwargs: Keras's own, such as `name` and `dtype`.

    Call arguments:
        inputs: Float tensor [B, T, D].
        encoder_output: Float tensor [B, S, D']; None when `cross_cache` is given.
        padding_mask: Boolean [B, T] of the inputs, False at padding, or None.
        encoder_padding_mask: Boolean [B, S], False at padding, or None.
        cache: The self-attention's cache, see `empty_cache`; needs `cache_index`.
        cache_index: Position of the first input, an integer scalar.
        cross_cache: The encoder's keys and values, see `filled_cache`.
        return_attention_scores: Whether to return the cross-attention's probabilities too.
        attention_mask: Boolean [B, T, T] for the self-attention, such as `keras_attn.ops.segment_mask` of packed
            sequences, or None.
        cross_attention_mask: Boolean [B, T, S] for the cross-attention, or None.
        training: Whether dropout is on.

    Returns:
        Tensor [B, T, D]; with `return_attention_scores` also [B, N, T, S]; with a `cache` also the updated cache, last.

    Masking:
        True = may attend. Self-attention is causal always.

    Raises:
        ValueError: If an argument is out of range, `num_heads` does not divide D, or a `cache` comes with a
            `padding_mask` or without `cache_index`.

    Example:
        >>> import numpy as np
        >>> from keras_attn.layers import TransformerDecoderBlock
        >>> block = TransformerDecoderBlock(num_heads=2, intermediate_dim=16)
        >>> tuple(block(np.ones((2, 3, 8), "float32"), np.ones((2, 5, 8), "float32")).shape)
        (2, 3, 8)

    Reference:
        Vaswani et al. 2017, section 3.1: their h, d_ff, d_model are our N, F, D; pre-norm: Xiong et al. 2020, figure 1.
    """

    def build(self, inputs_shape, encoder_output_shape=None):
        self.build_sublayers(inputs_shape, encoder_output_shape, cross_attention=True)

    def call(
        self,
        inputs,
        encoder_output=None,
        padding_mask=None,
        encoder_padding_mask=None,
        cache=None,
        cache_index=None,
        cross_cache=None,
        return_attention_scores=False,
        attention_mask=None,
        cross_attention_mask=None,
        training=None,
    ):
        def run(inputs, encoder_output):
            x, new_cache = self.call_self_attention(
                inputs, padding_mask, True, cache, cache_index, training, attention_mask=attention_mask
            )
            y = self.cross_attention(
                self.cross_attention_residual.enter(x),
                encoder_output,
                value_mask=encoder_padding_mask,
                attention_mask=cross_attention_mask,
                cache=cross_cache,
                return_attention_scores=return_attention_scores,
                training=training,
            )
            y, scores = y if return_attention_scores else (y, None)
            x = self.cross_attention_residual.leave(x, y, training)  # [B, T, D]
            outputs = [self.call_feed_forward(x, training)]
            outputs += [scores] if return_attention_scores else []
            outputs += [new_cache] if cache is not None else []
            return outputs[0] if len(outputs) == 1 else tuple(outputs)

        plain = cache is None and cross_cache is None and not return_attention_scores
        if self.rematerialize and training and plain:
            return rematerialize(self, run, inputs, encoder_output)
        return run(inputs, encoder_output)

    def filled_cache(self, encoder_output, as_past=False):
        """Projects the encoder's output into the cross-attention's keys and values, once.

        Args:
            encoder_output: Float tensor [B, S, D'].
            as_past: Whether to give them in the form that is fastest for inputs of one position.

        Returns:
            Dict of two tensors, see `MultiHeadAttention.filled_cache`.
        """
        return self.cross_attention.filled_cache(encoder_output, as_past)
