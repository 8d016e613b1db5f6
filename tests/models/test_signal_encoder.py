import keras
import numpy as np
import pytest

from keras_attn import layers, models
from tests.layer_checks import normal, numbers, reloaded, shuffle_weights

SMALL = {"hidden_dim": 8, "num_heads": 2, "intermediate_dim": 12, "kernel_size": 3, "stem_kernel_size": 3}


def inputs_of(*lengths, channels=3, width=None, seed=0):
    width = width or max(lengths)
    mask = np.arange(width)[None] < np.array(lengths)[:, None]
    return {"signals": normal(len(lengths), width, channels, seed=seed), "mask": mask}


@pytest.mark.parametrize("architecture", ["conformer", "transformer"])
@pytest.mark.parametrize("position", ["relative", "sinusoidal"])
def test_padding_has_no_influence(architecture, position):
    model = models.signal_encoder(3, architecture, position=position, strides=[2, 1], **SMALL)
    shuffle_weights(model)
    inputs = inputs_of(5, 8)
    together = model(inputs)
    longer = {name: np.pad(array, [(0, 0), (0, 6), (0, 0)][: array.ndim]) for name, array in inputs.items()}
    longer["signals"][:, 8:] = 7.0
    longer["signals"][0, 5:] = -9.0
    wider = model(longer)
    assert numbers(together["mask"]).sum(axis=1).tolist() == [3, 4] == numbers(wider["mask"]).sum(axis=1).tolist()
    for row, steps in ((0, 3), (1, 4)):
        alone = {name: array[row : row + 1, : (5, 8)[row]] for name, array in inputs.items()}
        for found in (together, wider):
            np.testing.assert_allclose(
                numbers(found["steps"])[row, :steps], numbers(model(alone)["steps"])[0], atol=1e-4
            )


def test_signals_are_normalized():
    plain = models.signal_encoder(2, **SMALL)
    scaled = models.signal_encoder(2, mean=[1.0, -2.0], variance=[4.0, 0.25], **SMALL)
    scaled.set_weights(plain.get_weights())
    inputs = inputs_of(6, channels=2)
    moved = {**inputs, "signals": inputs["signals"] * np.float32([2.0, 0.5]) + np.float32([1.0, -2.0])}
    np.testing.assert_allclose(numbers(scaled(moved)["steps"]), numbers(plain(inputs)["steps"]), atol=1e-5)


@pytest.mark.parametrize("architecture", ["conformer", "transformer"])
def test_causal_encoders_do_not_see_ahead(architecture):
    model = models.signal_encoder(3, architecture, use_causal_mask=True, **SMALL)
    shuffle_weights(model)
    first, second = inputs_of(9), inputs_of(9, seed=1)
    second["signals"][:, :5] = first["signals"][:, :5]
    before, after = numbers(model(first)["steps"]), numbers(model(second)["steps"])
    np.testing.assert_allclose(before[:, :5], after[:, :5], atol=1e-5)
    assert not np.allclose(before[:, 5:], after[:, 5:])


def test_it_changes_signals_in_training_alone_and_reloads(tmp_path):
    model = models.signal_encoder(3, augmentation=layers.SignalAugmentation(jitter=0.5), dropout=0.0, **SMALL)
    inputs = inputs_of(6)
    plain = numbers(model(inputs)["steps"])
    np.testing.assert_array_equal(plain, numbers(model(inputs)["steps"]))
    assert not np.allclose(plain, numbers(model(inputs, training=True)["steps"]))
    again = reloaded(model, tmp_path)
    np.testing.assert_array_equal(plain, numbers(again(inputs)["steps"]))
    assert again.get_layer("augmentation").jitter == 0.5 and isinstance(again, keras.Model)


def test_errors():
    with pytest.raises(ValueError, match=r"`architecture` must be one of 'conformer', 'transformer'\. Received"):
        models.signal_encoder(1, "rnn")
    with pytest.raises(ValueError, match=r"`position` must be one of 'relative', 'sinusoidal'\. Received: position=1"):
        models.signal_encoder(1, position=1)
