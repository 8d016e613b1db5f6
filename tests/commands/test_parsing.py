import argparse

import pytest

from keras_attn.commands.parsing import (
    add_command,
    note_flags,
    positive,
    refuse_flags_of_others,
    share_flag,
    task_group,
)


def parsed(words):
    commands = argparse.ArgumentParser().add_subparsers()
    parser = add_command(commands, "predict", "Answer texts")
    task_group(parser, "classification")("--abstain", action="store_true")
    add = task_group(parser, "translation", "The search.")
    add("--beam", type=positive(int, "a whole number"))
    add.group.add_argument("--top-k", dest="top_k", default=argparse.SUPPRESS)
    note_flags(parser, "translation", {"top_k": "--top-k"})
    options = parser.parse_args(words)
    options.run = "runs/x"
    return options


@pytest.mark.parametrize("flag", ["--beam", "--top-k"])
def test_flags_of_another_task_are_refused(flag):
    options = parsed([flag, "3"])
    refuse_flags_of_others(options, "translation")
    message = f"{flag} is for translation, and runs/x is a run of the task classification. Received: {flag}"
    with pytest.raises(ValueError, match=message):
        refuse_flags_of_others(options, "classification")
    refuse_flags_of_others(parsed([]), "classification")


def test_a_flag_may_be_two_tasks():
    parser = argparse.ArgumentParser()
    parser.set_defaults(task_flags={})
    task_group(parser, "classification")("--report")
    share_flag(parser, "signal", "report")
    options = parser.parse_args(["--report", "x"])
    options.run = "runs/x"
    refuse_flags_of_others(options, "classification")
    refuse_flags_of_others(options, "signal")
    with pytest.raises(
        ValueError, match="--report is for classification and signal, and runs/x is a run of the task t"
    ):
        refuse_flags_of_others(options, "translation")


def test_what_was_not_given_is_not_there():
    options = parsed([])
    assert not hasattr(options, "beam") and not hasattr(options, "abstain")


@pytest.mark.parametrize("text", ["0", "-1", "x", "nan", ""])
def test_positive_numbers(text):
    assert positive(int, "a whole number")("3") == 3 and positive(float, "a number")("0.5") == 0.5
    with pytest.raises(argparse.ArgumentTypeError, match=r"must be a number above 0\. Received: "):
        positive(float, "a number")(text)
