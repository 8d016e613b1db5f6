"""What a model can be asked: the signatures of a SavedModel, as its process tells them."""

import dataclasses

import numpy as np

NUMPY_TYPES = {
    "DT_BOOL": np.bool_,
    "DT_STRING": np.object_,
    "DT_FLOAT": np.float32,
    "DT_DOUBLE": np.float64,
    "DT_INT8": np.int8,
    "DT_INT16": np.int16,
    "DT_INT32": np.int32,
    "DT_INT64": np.int64,
    "DT_UINT8": np.uint8,
    "DT_UINT16": np.uint16,
    "DT_UINT32": np.uint32,
    "DT_UINT64": np.uint64,
}
"""The types that JSON can fill, by their names in TensorFlow's messages."""


@dataclasses.dataclass(frozen=True)
class Tensor:
    """An input or an output.

    Args:
        dtype: Its type, such as "DT_FLOAT".
        shape: Tuple of sizes, -1 where any will do; None if even the number of axes is open.
        graph_name: Its name in the graph.
    """

    dtype: str
    shape: tuple | None
    graph_name: str = ""

    def as_document(self):
        """Writes it as TF Serving's metadata do.

        Returns:
            Dict.
        """
        sizes = [{"size": str(size), "name": ""} for size in self.shape or ()]
        shape = {"dim": sizes, "unknown_rank": self.shape is None}
        return {"dtype": self.dtype, "tensor_shape": shape, "name": self.graph_name}


@dataclasses.dataclass(frozen=True)
class Signature:
    """One function of a model.

    Args:
        name: Its name.
        inputs: Dict of name -> `Tensor`.
        outputs: Dict of name -> `Tensor`.
        method: What it was made for, such as "tensorflow/serving/predict".

    Example:
        >>> from keras_attn.serving.signature import Signature, Tensor
        >>> text = Tensor("DT_STRING", (-1,))
        >>> Signature("serving_default", {"text": text}, {"text": text}).is_batched
        True
    """

    name: str
    inputs: dict
    outputs: dict
    method: str = "tensorflow/serving/predict"

    @property
    def is_batched(self):
        """Whether the first axis of all that goes in and out may be a batch, so that requests can share a run."""
        inputs = all(tensor.shape and tensor.shape[0] == -1 for tensor in self.inputs.values())
        outputs = all(tensor.shape is None or tensor.shape[:1] == (-1,) for tensor in self.outputs.values())
        return bool(self.inputs) and inputs and outputs

    def as_document(self):
        """Writes it as TF Serving's metadata do.

        Returns:
            Dict.
        """
        sides = {
            side: {name: tensor.as_document() for name, tensor in getattr(self, side).items()}
            for side in ("inputs", "outputs")
        }
        return {**sides, "method_name": self.method, "defaults": {}}

    @classmethod
    def from_document(cls, name, document):
        """Reads what `as_document` wrote.

        Args:
            name: The signature's name.
            document: The dict.

        Returns:
            A `Signature`.
        """
        sides = {
            side: {key: _tensor(document[side][key]) for key in sorted(document[side])}
            for side in ("inputs", "outputs")
        }
        return cls(name, **sides, method=document["method_name"])


def _tensor(document):
    shape = document["tensor_shape"]
    sizes = None if shape["unknown_rank"] else tuple(int(size["size"]) for size in shape["dim"])
    return Tensor(document["dtype"], sizes, document["name"])
