"""The README of an exported model: what it is made of, what it was measured at, what it cannot do."""

from pathlib import Path


def write_model_card(folder, title, sections):
    """Writes `README.md`.

    Args:
        folder: Folder of the version, with all its other files: their sizes are told.
        title: What the model does, a line.
        sections: Dict of heading -> a dict, which becomes a table, a list, which becomes a list, or a text.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> from keras_attn.export.model_card import write_model_card
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     write_model_card(folder, "Doubles numbers", {"Data": {"pairs": 3}, "Limits": ["Not above 9."]})
        ...     Path(folder, "README.md").read_text("utf-8").splitlines()[:7]
        ['# Doubles numbers', '', '## Data', '', '| | |', '|---|---|', '| pairs | 3 |']
    """
    folder = Path(folder)
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    sizes = {path.relative_to(folder).as_posix(): f"{path.stat().st_size:,} bytes" for path in files}
    parts = [f"# {title}"]
    for heading, content in {**sections, "Files": sizes}.items():
        parts += [f"## {heading}", _markdown(content)]
    (folder / "README.md").write_text("\n\n".join(parts) + "\n", "utf-8")


def _markdown(content):
    if isinstance(content, dict):
        rows = [f"| {name} | {str(value).replace('|', chr(92) + '|')} |" for name, value in content.items()]
        return "\n".join(["| | |", "|---|---|", *rows])
    return content if isinstance(content, str) else "\n".join(f"- {line}" for line in content)
