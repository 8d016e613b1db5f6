"""Small trainings that many devices and one are to end alike, run in processes of their own."""

import keras
import numpy as np

from keras_attn.data import TextBatches, TokenBatches
from keras_attn.training import AdamW, MaskedAccuracy, MaskedCrossentropy
from keras_attn.training.distribution import find_workers

V = 11


def sentences(count=41, seed=1):
    generator = np.random.default_rng(seed)
    return [[generator.integers(3, V, generator.integers(1, 14)) for _ in range(count)] for _ in range(2)]


def translator(optimizer, dtype="float32", **compiled):
    """The last word and the sum of the source's, padding left out, give the next one; the embedding is tied."""
    source, target = (keras.Input((None,), dtype="int32", name=name) for name in ("source", "target"))
    embedding = keras.layers.ReversibleEmbedding(V, 6, dtype=dtype, name="embedding")
    is_token = keras.ops.cast(keras.ops.not_equal(source, 0), "float32")[..., None]
    context = keras.ops.sum(keras.ops.cast(embedding(source), "float32") * is_token, axis=1, keepdims=True)
    hidden = keras.layers.Dense(6, activation="tanh", dtype=dtype)(embedding(target) + context)
    model = keras.Model({"source": source, "target": target}, embedding(hidden, reverse=True))
    model.compile(optimizer, MaskedCrossentropy(0.1), metrics=[MaskedAccuracy()], **compiled)
    return model


def classifier(optimizer, dtype="float32", **compiled):
    """The mean of a text's embeddings gives its class."""
    ids = keras.Input((None,), dtype="int32")
    hidden = keras.layers.GlobalAveragePooling1D()(keras.layers.Embedding(V, 6, dtype=dtype)(ids))
    model = keras.Model(ids, {"label": keras.layers.Dense(3, dtype=dtype)(hidden)})
    loss = {"label": keras.losses.CategoricalCrossentropy(from_logits=True)}
    model.compile(optimizer, loss, **compiled)
    return model


def token_batches(accumulate=1):
    return TokenBatches(*sentences(), batch_tokens=60, max_length=20, num_buckets=3, accumulate=accumulate)


def text_batches(accumulate=1):
    """The last batch has 41 - 5 * 7 = 6 rows, which three devices share evenly and two do too; the others 7."""
    sources, _ = sentences()
    labels = np.eye(3)[[row[0] % 3 for row in sources]]
    weights = {"label": np.linspace(0.5, 1.5, len(sources))}
    return TextBatches(sources, {"label": labels}, weights, batch_size=7, max_length=20)


CASES = {"tokens": (translator, token_batches), "rows": (classifier, text_batches)}


class Log(keras.callbacks.Callback):
    """Keeps the loss of each step."""

    def __init__(self, batches):
        super().__init__()
        self.batches, self.losses = batches, []

    def on_epoch_begin(self, epoch, logs=None):
        self.batches.epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        self.losses.append(float(logs["loss"]))


def train(case, strategy, dtype="float32", accumulate=1, epochs=1, used=False, **compiled):
    """Trains on one device or many; tells losses, weights, and with `used` what evaluation and prediction give."""
    build, make_batches = CASES[case]
    workers = strategy if hasattr(strategy, "scope") else find_workers(strategy)
    keras.utils.set_random_seed(5)
    batches = make_batches(accumulate)
    with workers.scope():
        optimizer = AdamW(
            0.2,
            epsilon=0.1,
            weight_decay=0.1,
            no_decay=("bias",),
            global_clipnorm=0.3,
            use_ema=True,
            ema_momentum=0.9,
            gradient_accumulation_steps=accumulate if accumulate > 1 else None,
        )
        model = build(optimizer, dtype, **{"jit_compile": False, **compiled})
        optimizer.build(model.trainable_variables)
    workers.prepare(model)
    before = [workers.value(variable) for variable in model.variables]
    log = Log(batches)
    dataset, validation = (workers.distribute(workers.dataset(x)) for x in (batches, make_batches()))
    model.fit(
        dataset,
        epochs=epochs,
        validation_data=validation if used else None,
        shuffle=False,
        verbose=0,
        callbacks=[log],
    )
    told = {"steps": log.losses, "history": model.history.history}
    told["weights"] = [workers.value(variable) for variable in model.variables]
    told["optimizer"] = [workers.value(variable) for variable in optimizer.variables]
    changes = (np.abs(one - other).max() for one, other in zip(told["weights"], before, strict=True))
    told["change"] = float(max(changes))
    if used:
        inputs = make_batches()[0][0]
        rows = len(keras.tree.flatten(inputs)[0])
        told["evaluation"] = model.evaluate(validation, verbose=0, return_dict=True)
        told["answers"] = keras.tree.flatten(model.predict(inputs, batch_size=rows, verbose=0))
    return told


def train_all(cases, strategy, replicas):
    """Several trainings one after the other: {name: what `train` tells}."""
    workers = find_workers(strategy)
    assert replicas == (1 if strategy == "single" else workers.strategy.num_replicas_in_sync)
    return {name: train(strategy=workers, **arguments) for name, arguments in cases.items()}


def conversation():
    """What two processes know of each other."""
    workers = find_workers("auto")
    told = {"place": (workers.index, workers.count), "shared": workers.share(lambda: {"of": workers.index})}
    try:
        workers.share(lambda: {}["missing"])
    except (KeyError, RuntimeError) as error:
        told["error"] = f"{type(error).__name__}: {error}"
    told["any"] = [workers.agree_at_once(wish) for wish in (False, workers.index == 1)]
    with workers.scope():
        keras.utils.set_random_seed(workers.index)
        model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2), keras.layers.Dropout(0.5)])
        model.compile("sgd", "mse", jit_compile=False)
        model.optimizer.build(model.trainable_variables)
    for variable in model.variables:
        workers.set_value(variable, workers.value(variable) + workers.index)
    workers.share_weights(model)
    told["weights"], told["seed"] = model.get_weights()[0], workers.value(model.variables[-1])
    return told


def try_all(cases, strategy):
    """As `train_all`, with the error in the place of what a refused training would tell."""
    workers, told = find_workers(strategy), {}
    for name, arguments in cases.items():
        try:
            told[name] = train(strategy=workers, **arguments)["steps"]
        except ValueError as error:
            told[name] = str(error)
    return told
