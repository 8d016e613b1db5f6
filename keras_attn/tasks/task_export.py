"""How a trained task becomes a version for TF Serving: written, loaded again, compared with the task, described."""

import contextlib

import tensorflow as tf

from keras_attn.export import export_saved_model, write_model_card, write_serving_files


def export_task(module, functions, folder, requests, compare, title, facts, loading=contextlib.nullcontext):
    """Writes the next version of a model's folder, which appears only if it answers as the task does.

    Args:
        module: `tf.Module` that holds what the functions use.
        functions: Dict of signature -> concrete function.
        folder: The model's folder.
        requests: List of (signature, dict of inputs), which warm a server up; the last one of each is compared.
        compare: Called with a dict of signature -> outputs of its last request; returns a sentence for the model card,
            or raises an `ExportError`.
        title: Title of the model card.
        facts: Dict of its sections beside those on signatures and the comparison.
        loading: Called for a context in which the version is loaded and asked.

    Returns:
        The folder of the new version.

    Raises:
        ExportError: If it cannot be written, or does not answer as the task does.
    """

    def finish(temporary):
        with loading():
            loaded = tf.saved_model.load(str(temporary)).signatures
            answers = {
                name: loaded[name](**{key: tf.constant(value) for key, value in inputs.items()})
                for name, inputs in requests
            }
        found = compare(answers)
        write_serving_files(temporary, requests)
        uses = {f"`{name}`": describe(function) for name, function in functions.items()}
        write_model_card(temporary, title, {"Signatures": uses, "Compared with the task": found, **facts})

    return export_saved_model(module, functions, folder, finish)


def describe(function):
    """Says what a signature takes and gives.

    Args:
        function: A concrete function.

    Returns:
        A line of Markdown.
    """

    def line(specs):
        return ", ".join(f"`{name}` {spec.dtype.name} [{_sizes(spec.shape)}]" for name, spec in specs)

    inputs = [(spec.name, spec) for spec in function.structured_input_signature[0]]
    return f"{line(inputs)} -> {line(sorted(function.structured_outputs.items()))}"


def _sizes(shape):
    return ", ".join(["B", *("-" if size is None else str(size) for size in shape[1:])])
