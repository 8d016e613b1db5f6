"""The list of tasks."""

import pytest

from keras_attn.tasks import TASKS, Translation, find_task


def test_every_entry_leads_to_its_task():
    for name, entry in TASKS.items():
        assert entry.load_class().name == name
    assert find_task("translation").load_class() is Translation


def test_an_unknown_task_names_the_nearest():
    with pytest.raises(ValueError, match=r"Did you mean `translation`\?.*Received: task='translations'"):
        find_task("translations")
