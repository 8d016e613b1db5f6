"""Every goal does all that the task asks of one, called the same way."""

import inspect

import pytest

from keras_attn.tasks.signal_goal import SignalGoal
from keras_attn.tasks.signal_training import GOALS

METHODS = [name for name, member in vars(SignalGoal).items() if callable(getattr(SignalGoal, name)) and name[0] != "_"]


def test_a_goal_must_do_all_of_it():
    with pytest.raises(TypeError, match="abstract"):
        SignalGoal()
    assert set(METHODS) - SignalGoal.__abstractmethods__ == {"finish"}


@pytest.mark.parametrize("goal", GOALS.values())
def test_goals_are_called_alike(goal):
    assert not goal.__abstractmethods__ and goal.monitor
    for name in METHODS:
        assert inspect.signature(getattr(goal, name)) == inspect.signature(getattr(SignalGoal, name)), name
        assert inspect.getdoc(getattr(goal, name)), name
