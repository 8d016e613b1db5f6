"""What stands on a model's card."""

from keras_attn.export import write_model_card


def test_tables_lists_texts_and_sizes(tmp_path):
    (tmp_path / "variables").mkdir()
    (tmp_path / "variables" / "data").write_bytes(b"0" * 1234)
    write_model_card(
        tmp_path, "Reads", {"Data": {"pairs": 29000, "a|b": "c|d"}, "Limits": ["one", "two"], "Use": "Ask."}
    )
    card = (tmp_path / "README.md").read_text("utf-8")
    assert card.startswith("# Reads\n\n## Data\n\n| | |\n|---|---|\n| pairs | 29000 |\n")
    assert "c\\|d |" in card and "## Limits\n\n- one\n- two\n\n## Use\n\nAsk.\n" in card
    assert card.endswith("| variables/data | 1,234 bytes |\n")
