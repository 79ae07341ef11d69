"""The alarm warns after a streak, once and then as it doubles, and stops only if asked."""

from types import SimpleNamespace

import pytest

from tag_plugin.hosts.llamafactory.grpo.group_signal import SignalAlarm

SILENT = {"signal/no_spread": 0.95, "signal/all_wrong": 0.9, "signal/all_right": 0.05}
LOUD = {"signal/no_spread": 0.5}
EVALUATION = {"eval_signal/no_spread": 1.0}


def run(logs: list[dict[str, float]], **settings) -> tuple[list[int], int | None]:
    """The steps with a warning, and the step that stopped the run."""
    alarm = SignalAlarm(**{"share": 0.9, "warning": 3, "patience": None, **settings})
    warned: list[int] = []
    for step, each in enumerate(logs, start=1):
        control = SimpleNamespace(should_training_stop=False)
        before = alarm.silent_steps
        alarm.on_log(None, SimpleNamespace(global_step=step), control, logs=each)
        if alarm.silent_steps > before and alarm.warns:
            warned.append(step)
        if control.should_training_stop:
            return warned, step
    return warned, None


@pytest.mark.parametrize(
    ("logs", "settings", "warned", "stopped"),
    [
        ([SILENT] * 2, {}, [], None),
        ([SILENT] * 13, {}, [3, 6, 12], None),
        ([SILENT, SILENT, LOUD, SILENT, SILENT], {}, [], None),
        ([SILENT, EVALUATION, SILENT, SILENT], {}, [4], None),
        ([SILENT] * 9, {"patience": 5}, [3], 5),
        ([SILENT] * 3, {"share": 0.96}, [], None),
        ([SILENT] * 3, {"warning": 1}, [1, 2], None),
    ],
)
def test_alarm(logs, settings, warned, stopped):
    assert run(logs, **settings) == (warned, stopped)


@pytest.mark.parametrize(
    ("reason", "said"),
    [
        ("all_unparsable", "cold-start with SFT"),
        ("all_wrong", "are wrong; next: easier data"),
        ("all_right", "are already right; next: harder data"),
        ("all_equal", "higher temperature"),
    ],
)
def test_it_says_why(reason: str, said: str):
    alarm = SignalAlarm(0.9, 1, None)
    assert said in alarm.hear({"signal/no_spread": 1.0, f"signal/{reason}": 0.8})
