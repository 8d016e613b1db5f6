"""The layers of a model, from the bottom up."""

from keras_attn import models

SIZES = {"num_layers": 2, "hidden_dim": 8, "num_heads": 2, "intermediate_dim": 11}
BLOCKS = [["encoder_block_0"], ["encoder_block_1"]]


def test_a_classifier():
    model = models.text_classifier(models.text_encoder(20, normalize_first=True, **SIZES), [3, 2])
    top = ["encoder_norm", "pooling", "head_0", "head_1"]
    assert models.layer_groups(model) == [["embedding"], *BLOCKS, top]


def test_a_language_model_has_its_embedding_once():
    model = models.masked_language_model(models.text_encoder(20, **SIZES))
    assert models.layer_groups(model) == [["embedding"], *BLOCKS, ["output_transform", "output_norm"]]


def test_a_bert_as_a_whole_and_as_a_part():
    model = models.bert(20, **SIZES)
    below = {"embedding", "position", "segment_embedding", "embedding_norm"}
    for whole, top in ((model, [["pooler"]]), (models.bert_text_encoder(model), [])):
        first, *others = models.layer_groups(whole)
        assert set(first) == below and others == [*BLOCKS, *top]


def test_more_than_ten_blocks_stand_in_their_order():
    groups = models.layer_groups(models.text_encoder(20, **{**SIZES, "num_layers": 11}))
    assert groups[1:] == [[f"encoder_block_{i}"] for i in range(11)]


def test_every_weight_is_in_one_group():
    model = models.text_classifier(models.text_encoder(20, **SIZES), [3])
    names = [name for group in models.layer_groups(model) for name in group]
    assert len(names) == len(set(names))
    layers = {layer.name: layer for layer in model._flatten_layers()}
    assert sum(layers[name].count_params() for name in names) == model.count_params()
