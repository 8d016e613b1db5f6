"""Pages: what happened in a run, and what an evaluation found."""

from pathlib import Path

import yaml

from keras_attn.training.run_folder import replace_text


def write_report(folder, title, command, monitor, best, sections=(), loss_unit="nats a token"):
    """Writes `report.md` and its picture `learning_curve.png` into a run folder.

    Args:
        folder: The `RunFolder`.
        title: Title of the page.
        command: The exact command or call that made the run.
        monitor: The metric that chose the best epoch.
        best: The line of `metrics.jsonl` of the best epoch; empty if no epoch was finished.
        sections: What the task has to say: texts in Markdown, before the figures of the training.
        loss_unit: What the loss counts.
    """
    lines = folder.metrics()
    parts = [f"# {title}"]
    if best:
        parts.append(
            f"{len(lines)} epochs, {lines[-1]['step']} steps, {lines[-1]['minutes']} minutes; "
            f"epoch {best['epoch']} was best by `{monitor}` and is what `load` gives."
        )
    parts.append(f"    {command}")
    parts += sections
    events = folder.events()
    if events:
        rows = [
            f"- Step {event['step']} (epoch {event['epoch']}), learning rate {event['learning_rate']}: "
            f"{event['problem']}; {event['action']}."
            for event in events
        ]
        advice = "Try a lower learning rate, a longer warm-up or clipped gradients, and look for odd rows in the data."
        parts += ["## The loss diverged", "\n".join(rows), advice]
    if best:
        _plot(folder.path / "learning_curve.png", lines, monitor, loss_unit)
        rows = "\n".join(f"| {name} | {value} |" for name, value in best.items())
        parts += ["![learning curve](learning_curve.png)", f"## Best epoch\n\n| | |\n|---|---|\n{rows}"]
    config = yaml.safe_dump(folder.config(), sort_keys=False, allow_unicode=True)
    parts.append(f"## Configuration\n\n```yaml\n{config}```\n")
    replace_text(folder.path / "report.md", "\n\n".join(parts))


def write_page(folder, title, sections):
    """Writes `report.md` of an evaluation.

    Args:
        folder: Folder of the page and its pictures; it is made if need be.
        title: Title of the page.
        sections: Called with the folder's `Path`; writes the pictures and returns texts in Markdown.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    replace_text(folder / "report.md", "\n\n".join([f"# {title}", *sections(folder)]) + "\n")


def _plot(path, lines, monitor, loss_unit):
    from matplotlib import pyplot

    minutes = [line["minutes"] for line in lines]
    figure, (left, right) = pyplot.subplots(1, 2, figsize=(10, 3.5), layout="constrained")
    for name, label in (("loss", "training"), ("val_loss", "validation")):
        left.plot(minutes, [line[name] for line in lines], marker=".", label=label)
    left.set(title="Loss", xlabel="minutes", ylabel=loss_unit)
    left.legend()
    right.plot(minutes, [line[monitor] for line in lines], marker=".", color="tab:green")
    right.set(title=f"Validation: {monitor}", xlabel="minutes")
    for axis in (left, right):
        axis.grid(alpha=0.3)
    figure.savefig(path, dpi=120)
    pyplot.close(figure)
