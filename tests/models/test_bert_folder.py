"""BERTs of random weights, made and saved by transformers, give here what they give in PyTorch."""

import keras
import numpy as np
import pytest

from keras_attn import models
from tests.bert_files import write_folder
from tests.layer_checks import numbers

SIZES = {
    "vocab_size": 60,
    "hidden_size": 24,
    "num_hidden_layers": 3,
    "num_attention_heads": 3,
    "intermediate_size": 40,
    "max_position_embeddings": 32,
    "type_vocab_size": 2,
}


@pytest.fixture(scope="module")
def transformers():
    pytest.importorskip("torch", reason="needs PyTorch: pip install 'keras_attn[bench]'")
    return pytest.importorskip("transformers", reason="needs transformers: pip install 'keras_attn[bench]'")


def saved(transformers, folder, class_name="BertModel", **changes):
    """A model of random weights, in a folder; the deviations are such that a wrong place of a weight shows."""
    import torch

    torch.manual_seed(1)
    config = transformers.BertConfig(**{**SIZES, **changes}, initializer_range=0.3, pad_token_id=0)
    model = getattr(transformers, class_name)(config).eval()
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if "LayerNorm" in name or name.endswith("bias"):
                weight.add_(0.2 * torch.randn_like(weight))
    model.save_pretrained(folder)
    return model


def pytorch_outputs(model, ids, segments, mask):
    import torch

    with torch.no_grad():
        outputs = model(
            input_ids=torch.tensor(ids, dtype=torch.long),
            token_type_ids=torch.tensor(segments, dtype=torch.long),
            attention_mask=torch.tensor(mask, dtype=torch.long),
        )
    return outputs.last_hidden_state.numpy(), None if outputs.pooler_output is None else outputs.pooler_output.numpy()


def rows(lengths, seed=0):
    generator, width = np.random.default_rng(seed), max(lengths)
    mask = np.arange(width) < np.array(lengths)[:, None]
    ids = np.where(mask, generator.integers(1, SIZES["vocab_size"], mask.shape), 0).astype("int32")
    return ids, generator.integers(0, 2, mask.shape).astype("int32"), mask


@pytest.fixture(scope="module")
def pair(transformers, tmp_path_factory):
    folder = tmp_path_factory.mktemp("bert")
    theirs = saved(transformers, folder)
    return theirs, models.read_bert(folder)


@pytest.mark.parametrize("lengths", [[1], [32], [5, 5], [9, 3, 1, 17]])
def test_hidden_states_equal_pytorch(pair, lengths):
    theirs, ours = pair
    ids, segments, mask = rows(lengths)
    outputs = ours({"ids": ids, "segment_ids": segments, "padding_mask": mask})
    sequence, pooled = pytorch_outputs(theirs, ids, segments, mask)
    assert np.abs(sequence).max() > 1
    np.testing.assert_allclose(numbers(outputs["sequence"])[mask], sequence[mask], atol=1e-4)
    np.testing.assert_allclose(numbers(outputs["pooled"]), pooled, atol=1e-4)


def test_holes_in_the_mask(pair):
    theirs, ours = pair
    ids, segments, _ = rows([12, 12])
    mask = np.random.default_rng(3).random((2, 12)) < 0.7
    mask[:, 0] = True
    outputs = ours({"ids": ids, "segment_ids": segments, "padding_mask": mask})
    np.testing.assert_allclose(
        numbers(outputs["sequence"])[mask], pytorch_outputs(theirs, ids, segments, mask)[0][mask], atol=1e-4
    )


@pytest.mark.parametrize(
    ("class_name", "activation"), [("BertForSequenceClassification", "relu"), ("BertForMaskedLM", "gelu")]
)
def test_models_with_heads(transformers, tmp_path, class_name, activation):
    theirs = saved(transformers, tmp_path, class_name, hidden_act=activation, num_hidden_layers=1)
    ours = models.read_bert(tmp_path)
    assert ("pooled" in ours.output) == (class_name == "BertForSequenceClassification")
    ids, segments, mask = rows([8, 5])
    sequence, _ = pytorch_outputs(theirs.bert, ids, segments, mask)
    outputs = ours({"ids": ids, "segment_ids": segments, "padding_mask": mask})
    np.testing.assert_allclose(numbers(outputs["sequence"])[mask], sequence[mask], atol=1e-4)


def test_each_array_finds_its_place(tmp_path):
    arrays = write_folder(tmp_path)
    model = models.read_bert(tmp_path, dropout=0.4)
    block = model.get_layer("encoder_block_0")
    assert block.dropout == model.get_layer("embedding_dropout").rate == 0.4 and block.attention_dropout == 0.0
    query = numbers(block.self_attention.query_dense.kernel)  # [D, N, H]
    stored = arrays["encoder.layer.0.attention.self.query.weight"]  # [N * H, D]
    for d, n, h in np.ndindex(query.shape):
        assert query[d, n, h] == stored[n * 4 + h, d]
    assert sum(array.size for array in arrays.values()) == model.count_params()


def test_names_of_the_first_years(tmp_path):
    def old(name):
        return "bert." + name.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta")

    models_read = []
    for name, rename in (("new", None), ("old", old)):
        write_folder(tmp_path / name, rename=rename)
        models_read.append(models.read_bert(tmp_path / name))
    for one, other in zip(*(model.get_weights() for model in models_read), strict=True):
        assert np.array_equal(one, other)


def test_half_precision_files(tmp_path):
    half = np.random.default_rng(1).normal(size=(60, 8)).astype("float16")
    write_folder(tmp_path, change={"embeddings.word_embeddings.weight": half})
    embedding = models.read_bert(tmp_path).get_layer("embedding")
    assert np.array_equal(embedding.get_weights()[0], half.astype("float32"))


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"model_type": "roberta"}, r"with model_type='bert'\. Received: model_type='roberta'$"),
        ({"position_embedding_type": "relative_key"}, r"Received: position_embedding_type='relative_key'$"),
        ({"is_decoder": True}, r"Received: is_decoder=True$"),
        ({"hidden_act": "gelu_new"}, r"one of gelu, relu, silu, swish\. Received: hidden_act='gelu_new'$"),
        ({"hidden_size": 10}, r"the weight embeddings\.\S+ must have the shape \(60, 10\).*Received: shape=\(60, 8\)$"),
        ({"num_hidden_layers": 2}, r"the weight encoder\.layer\.1\.\S+ is missing.*Received: \d+ weights, such as"),
    ],
)
def test_a_model_that_does_not_fit(tmp_path, config, message):
    write_folder(tmp_path, config)
    with pytest.raises(ValueError, match=message) as caught:
        models.read_bert(tmp_path)
    assert str(caught.value).startswith(str(tmp_path))


def test_a_weight_that_is_missing_or_of_another_shape(tmp_path):
    name = "encoder.layer.0.output.dense.bias"
    write_folder(tmp_path, drop=name)
    with pytest.raises(ValueError, match=rf"model\.safetensors: the weight {name} is missing"):
        models.read_bert(tmp_path)
    write_folder(tmp_path, change={name: np.zeros(9, "float32")})
    with pytest.raises(ValueError, match=rf"{name} must have the shape \(8,\).*Received: shape=\(9,\)"):
        models.read_bert(tmp_path)


def test_files_that_are_missing_or_damaged(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"config\.json: no such file.*Received: folder="):
        models.read_bert(tmp_path / "absent")
    write_folder(tmp_path)
    content = (tmp_path / "model.safetensors").read_bytes()
    (tmp_path / "model.safetensors").write_bytes(content[: len(content) // 2])
    with pytest.raises(ValueError, match=r"model\.safetensors: damaged"):
        models.read_bert(tmp_path)
    (tmp_path / "model.safetensors").unlink()
    with pytest.raises(FileNotFoundError, match=r"model\.safetensors: no such file.*save_pretrained"):
        models.read_bert(tmp_path)
    (tmp_path / "config.json").write_text('{"model_type": "bert",\n', "utf-8")
    with pytest.raises(ValueError, match=r"config\.json:2: not valid JSON"):
        models.read_bert(tmp_path)
    (tmp_path / "config.json").write_text('{"model_type": "bert"}', "utf-8")
    with pytest.raises(ValueError, match=r"lacks vocab_size, num_hidden_layers.*Received: keys=\['model_type'\]"):
        models.read_bert(tmp_path)


def test_without_safetensors(tmp_path, monkeypatch):
    write_folder(tmp_path)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ImportError, match=r"pip install 'keras_attn\[bert\]'"):
        models.read_bert(tmp_path)


def test_half_precision_compute(tmp_path):
    write_folder(tmp_path)
    model = models.read_bert(tmp_path, dtype="mixed_bfloat16")
    assert keras.backend.standardize_dtype(model.output["sequence"].dtype) == "bfloat16"
