"""Our Transformer as two ONNX graphs, encoder and decoder, for ONNX Runtime."""

import math
from pathlib import Path

import numpy as np

from keras_attn.export.transformer_parts import as_array, as_matrix, transformer_parts
from keras_attn.export.versions import ExportError

_OPSET, _IR_VERSION = 17, 8  # the first with LayerNormalization; engines of several years read it


def write_onnx(model, folder):
    """Writes `encoder.onnx` and `decoder.onnx`.

    The encoder takes `source`, int32 [B, S], ids that end in the end id, padded with 0, and gives `memory`, float32
    [B, S, D]. The decoder takes `source`, `memory` and `target`, int32 [B, T], ids that begin with the start id, and
    gives `logits`, float32 [B, V], of what follows. A search calls it with one more id each time.

    The graphs are built node by node from the weights.

    Args:
        model: A model made by `models.transformer` that `transformer_parts` takes.
        folder: Folder to write into.

    Raises:
        ExportError: If the model is of another kind, or the package `onnx` is missing.
    """
    try:
        import onnx
    except ImportError as error:
        raise ExportError(
            "ONNX is not installed: pip install 'keras_attn[onnx]'. Received: no module 'onnx'"
        ) from error
    layers, sides = transformer_parts(model, "ONNX")
    embedding = as_array(layers["embedding"].embeddings)
    size, dim = embedding.shape

    graph = _Graph(onnx, embedding)
    x = graph.embed("source")
    mask = graph.padding("source")
    for block in sides["encoder"]:
        x = graph.block(block, x, [("self_attention", None, mask)])
    graph.norm(x, layers.get("encoder_norm"), output="memory")
    graph.save(Path(folder, "encoder.onnx"), {"source": "BS"}, {"memory": ("B", "S", dim)})

    graph = _Graph(onnx, embedding)
    x = graph.embed("target")
    causal, mask = graph.causal("target"), graph.padding("source")
    for block in sides["decoder"]:
        x = graph.block(block, x, [("self_attention", None, causal), ("cross_attention", "memory", mask)])
    last = graph.op("Gather", graph.norm(x, layers.get("decoder_norm")), graph.constant(np.int64(-1)), axis=1)
    graph.op("MatMul", last, graph.constant(np.ascontiguousarray(embedding.T)), output="logits")
    inputs = {"source": "BS", "memory": ("B", "S", dim), "target": "BT"}
    graph.save(Path(folder, "decoder.onnx"), inputs, {"logits": ("B", size)})


def onnx_logits(folder, pairs):
    """Runs what `write_onnx` wrote, in ONNX Runtime.

    Args:
        folder: The folder of both files.
        pairs: List of pairs of `source` [B, S] and `target` [B, T], int32.

    Returns:
        List of the logits [V] after the last token of each pair's first target.

    Raises:
        ExportError: If the package `onnxruntime` is missing.
    """
    try:
        import onnxruntime
    except ImportError as error:
        raise ExportError(
            "The export is compared in ONNX Runtime: pip install 'keras_attn[onnx]'. Received: no module 'onnxruntime'"
        ) from error
    encoder, decoder = (onnxruntime.InferenceSession(Path(folder, f"{side}.onnx")) for side in ("encoder", "decoder"))
    found = []
    for source, target in pairs:
        (memory,) = encoder.run(None, {"source": source})
        found.append(decoder.run(None, {"source": source, "memory": memory, "target": target})[0][0])
    return found


class _Graph:
    """Collects nodes; each method adds some and gives the name of their result."""

    def __init__(self, onnx, embedding):
        self.onnx, self.nodes, self.constants = onnx, [], []
        self.embedding = self.constant(embedding)
        self.dim = embedding.shape[1]

    def op(self, kind, *inputs, output=None, **attributes):
        output = output or f"{kind}_{len(self.nodes)}"
        self.nodes.append(self.onnx.helper.make_node(kind, inputs, [output], **attributes))
        return output

    def constant(self, value):
        name = f"constant_{len(self.constants)}"
        self.constants.append(self.onnx.numpy_helper.from_array(np.asarray(value), name))
        return name

    def embed(self, ids):
        x = self.op("Mul", self.op("Gather", self.embedding, ids), self.constant(np.float32(math.sqrt(self.dim))))
        rate = np.exp(np.arange(0, self.dim, 2, dtype="float32") * (-math.log(10000.0) / self.dim))
        position = self.op("Cast", self.positions(ids), to=self.onnx.TensorProto.FLOAT)
        angle = self.op("Mul", self.op("Unsqueeze", position, self.constant(np.array([1]))), self.constant(rate))
        pairs = [self.op("Unsqueeze", self.op(kind, angle), self.constant(np.array([2]))) for kind in ("Sin", "Cos")]
        pairs = self.op("Concat", *pairs, axis=2)  # [T, D/2, 2]
        return self.op("Add", x, self.op("Reshape", pairs, self.constant(np.array([-1, self.dim]))))

    def positions(self, ids):
        length = self.op("Gather", self.op("Shape", ids), self.constant(np.int64(1)), axis=0)
        return self.op("Range", self.constant(np.int64(0)), length, self.constant(np.int64(1)))

    def padding(self, ids):
        """What to add to the scores [B, N, T, S], so that nobody attends to padding."""
        is_padding = self.op("Equal", ids, self.constant(np.int32(0)))
        return self.op("Unsqueeze", self.forbid(is_padding), self.constant(np.array([1, 2])))

    def causal(self, ids):
        position = self.positions(ids)
        query = self.op("Unsqueeze", position, self.constant(np.array([1])))
        return self.forbid(self.op("Less", query, position))  # [T, T]

    def forbid(self, condition):
        return self.op("Where", condition, self.constant(np.float32(-1e9)), self.constant(np.float32(0)))

    def block(self, block, x, attentions):
        for name, memory, bias in attentions:
            residual, attention = getattr(block, f"{name}_residual"), getattr(block, name)
            x = self.residual(x, residual, lambda y, a=attention, m=memory, b=bias: self.attention(a, y, m or y, b))
        return self.residual(x, block.feed_forward_residual, lambda y: self.feed_forward(block.feed_forward, y))

    def residual(self, x, residual, sublayer):
        if residual.normalize_first:
            return self.op("Add", x, sublayer(self.norm(x, residual.norm)))
        return self.norm(self.op("Add", x, sublayer(x)), residual.norm)

    def attention(self, attention, x, memory, bias):
        query = self.heads(x, attention, attention.query_dense, [0, 2, 1, 3])
        key = self.heads(memory, attention, attention.key_dense, [0, 2, 3, 1])
        value = self.heads(memory, attention, attention.value_dense, [0, 2, 1, 3])
        query = self.op("Mul", query, self.constant(np.float32(attention.key_dim**-0.5)))
        scores = self.op("Softmax", self.op("Add", self.op("MatMul", query, key), bias), axis=-1)  # [B, N, T, S]
        x = self.op("Transpose", self.op("MatMul", scores, value), perm=[0, 2, 1, 3])
        return self.dense(self.op("Reshape", x, self.constant(np.array([0, 0, -1]))), attention.output_dense)

    def heads(self, x, attention, dense, axes):
        shape = self.constant(np.array([0, 0, attention.num_heads, attention.key_dim]))
        return self.op("Transpose", self.op("Reshape", self.dense(x, dense), shape), perm=axes)

    def feed_forward(self, layer, x):
        return self.dense(self.op("Relu", self.dense(x, layer.hidden_dense)), layer.output_dense)

    def dense(self, x, dense):
        matrix, bias = as_matrix([dense])
        return self.op("Add", self.op("MatMul", x, self.constant(matrix)), self.constant(bias))

    def norm(self, x, norm, output=None):
        if norm is None:
            return self.op("Identity", x, output=output)
        weights = [self.constant(as_array(weight)) for weight in (norm.gamma, norm.beta)]
        return self.op("LayerNormalization", x, *weights, epsilon=norm.epsilon, axis=-1, output=output)

    def save(self, path, inputs, outputs):
        def infos(shapes):
            kinds = {str: self.onnx.TensorProto.INT32, tuple: self.onnx.TensorProto.FLOAT}
            return [self.onnx.helper.make_tensor_value_info(n, kinds[type(s)], list(s)) for n, s in shapes.items()]

        graph = self.onnx.helper.make_graph(self.nodes, path.stem, infos(inputs), infos(outputs), self.constants)
        opsets = [self.onnx.helper.make_opsetid("", _OPSET)]
        model = self.onnx.helper.make_model(graph, opset_imports=opsets, ir_version=_IR_VERSION)
        self.onnx.checker.check_model(model)
        self.onnx.save(model, path)
