"""What the model card of every exported task says, whatever the task."""


def card_facts(task, data, limits, measured="Measured on the validation, best epoch"):
    """Gives the sections of a model card that all tasks have.

    Args:
        task: A trained `Task`.
        data: Dict of what the card calls a thing -> its name in the run's `config.yaml`.
        limits: List of sentences.
        measured: Heading of the run's figures.

    Returns:
        Dict of sections, see `export.write_model_card`.
    """
    config, metrics = (task.run.config(), task.run.best_metrics()) if task.run else ({}, {})
    size = {"weights": f"{task.model.count_params():,}"}
    if task.tokenizer is not None:
        size["vocabulary"] = f"{task.tokenizer.vocabulary_size:,}"
    return {
        "Data": {name: config.get(key, "not known") for name, key in data.items()},
        measured: metrics or "not known: no run folder with its metrics was at hand",
        "Size": size,
        "Limits": limits,
        "Settings": {"preset": task.preset, **task.config()["settings"]},
    }
