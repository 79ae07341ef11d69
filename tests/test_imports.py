"""Lightness, proven in subprocesses: what a start and what an import load."""

import json
import os
import subprocess
import sys

HEAVY = {"torch", "transformers", "llamafactory", "lmms_eval", "trl", "datasets", "mediapipe"}
NOT_IN_THE_CORE = HEAVY | {"cv2", "PIL", "sklearn"}


def modules_after(code: str) -> set[str]:
    """The names in sys.modules of a fresh interpreter that has run `code`."""
    program = f"{code}\nimport json, sys; print(json.dumps(list(sys.modules)))"
    answer = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True
    )
    return set(json.loads(answer.stdout.splitlines()[-1]))


def test_the_core_loads_no_framework_and_no_host():
    core = ("facs", "trace", "scoring.metrics", "scoring.rewards", "scoring.score")
    imports = "; ".join(f"import tag_plugin.{module}" for module in core)
    assert not NOT_IN_THE_CORE & modules_after(imports)


def test_registering_and_the_command_line_load_nothing_heavy():
    modules = ("hosts.llamafactory", "hosts.lmms_eval", "doctor", "cli")
    imports = "; ".join(f"import tag_plugin.{module}" for module in modules)
    assert not HEAVY & modules_after(imports)


def test_a_start_loads_the_arming_module_and_nothing_else_of_ours():
    ours = {name for name in modules_after("") if name.startswith("tag_plugin")}
    assert ours == {"tag_plugin", "tag_plugin._autoload"}


def test_a_disabled_start_finds_no_hook():
    program = "import sys; print([type(f).__name__ for f in sys.meta_path])"
    found = [
        subprocess.run(
            [sys.executable, "-c", program],
            env=os.environ | {"TAG_PLUGIN_DISABLE": value},
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for value in ("0", "1")
    ]
    assert ["HostFinder" in names for names in found] == [True, False]


def test_arming_costs_less_than_a_millisecond(tmp_path):
    environment = os.environ | {"PYTHONPYCACHEPREFIX": str(tmp_path)}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # an ordinary start reads compiled modules
    command = [sys.executable, "-X", "importtime", "-c", "pass"]
    costs = []
    for _ in range(9):
        report = subprocess.run(
            command, env=environment, check=True, capture_output=True, text=True
        ).stderr
        line = next(line for line in report.splitlines() if "tag_plugin._autoload" in line)
        costs.append(int(line.split("|")[1]))
    assert min(costs) < 1000, costs
