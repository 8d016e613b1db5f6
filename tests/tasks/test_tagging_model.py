"""The model that the settings describe, and that its two losses are added as they say."""

import keras
import numpy as np
import pytest

from keras_attn.tasks import TaggingSettings
from keras_attn.tasks.tagging_labels import TagSet
from keras_attn.tasks.tagging_model import build_model
from keras_attn.training import ChainCrossentropy

SIZES = {"hidden_dim": 8, "num_heads": 2, "intermediate_dim": 8, "dropout": 0.0, "word_dropout": 0.0}
INPUTS = {"ids": np.array([[5, 6, 7]], "int32"), "word_starts": np.array([[0, 2]], "int32")}


def built(labels, **settings):
    return build_model(TaggingSettings(**{**SIZES, **settings}), 20, TagSet(["x", "y"], labels), total_steps=10)


def test_the_losses_are_weighed():
    model = built(["a", "b", "c"], label_weight=0.25, architecture="bag")
    targets = {"tags": np.array([[1, 0]], "int32"), "label": np.array([2], "int32")}
    found = model.evaluate(INPUTS, targets, verbose=0, return_dict=True)
    outputs = model(INPUTS)
    tags = float(ChainCrossentropy()(targets["tags"], outputs["tags"]))
    label = -float(keras.ops.log_softmax(outputs["label"])[0, 2])
    assert found["loss"] == pytest.approx(tags + 0.25 * label, rel=1e-5)


@pytest.mark.parametrize("architecture", ["rnn", "transformer", "bag"])
def test_every_architecture(architecture):
    model = built(None, architecture=architecture)
    assert list(model.output) == ["tags"] and model.output["tags"].shape[2:] == (5, 5)
    assert model.get_layer("tags").allowed_starts == [True, True, False, True, False]
