import argparse

import pytest

from keras_attn.commands.parsing import add_command, note_flags, positive, refuse_flags_of_others, task_group


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


def test_what_was_not_given_is_not_there():
    options = parsed([])
    assert not hasattr(options, "beam") and not hasattr(options, "abstain")


@pytest.mark.parametrize("text", ["0", "-1", "x", "nan", ""])
def test_positive_numbers(text):
    assert positive(int, "a whole number")("3") == 3 and positive(float, "a number")("0.5") == 0.5
    with pytest.raises(argparse.ArgumentTypeError, match=r"must be a number above 0\. Received: "):
        positive(float, "a number")(text)
