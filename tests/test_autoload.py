"""Arming: what the import hook promises, shown on a fake host; real hosts in tests/hosts."""

import importlib
import inspect
import os
import runpy
import shutil
import subprocess
import sys
from importlib.machinery import SourceFileLoader
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace

import pytest

from tag_plugin import _autoload

ADAPTER = """
import sys
calls = []
def record(module):
    calls.append((module.__name__, module.READY))
def fail(module):
    raise RuntimeError("the host changed")
def refuse(module):
    sys.exit("your configuration is wrong")
"""


@pytest.fixture
def fakehost(tmp_path, monkeypatch):
    """A host package `fakehost` with `tasks`, and the adapters of `fakeadapter`; nothing armed."""
    (tmp_path / "fakehost").mkdir()
    (tmp_path / "fakehost/__init__.py").write_text("READY = True\n")
    (tmp_path / "fakehost/tasks.py").write_text("RUN_AS = __name__\nREADY = True\n")
    (tmp_path / "fakehost/broken.py").write_text("raise ValueError('broken host')\n")
    (tmp_path / "fakeadapter.py").write_text(ADAPTER)
    others = [f for f in sys.meta_path if not isinstance(f, _autoload.HostFinder)]
    monkeypatch.setattr(sys, "meta_path", others)
    monkeypatch.setattr(_autoload, "OUTCOMES", {})
    monkeypatch.delenv("TAG_PLUGIN_DISABLE", raising=False)
    monkeypatch.syspath_prepend(tmp_path)
    yield SimpleNamespace(calls=lambda: importlib.import_module("fakeadapter").calls)
    for name in [n for n in sys.modules if n.partition(".")[0] in ("fakehost", "fakeadapter")]:
        del sys.modules[name]


def test_adapter_sees_the_module_after_it_has_executed(fakehost):
    _autoload.install({"fakehost.tasks": "fakeadapter:record"})
    importlib.import_module("fakehost")
    assert fakehost.calls() == []
    importlib.import_module("fakehost.tasks")
    assert fakehost.calls() == [("fakehost.tasks", True)]
    assert _autoload.OUTCOMES == {"fakehost.tasks": _autoload.ARMED}


def test_a_package_is_armed_like_a_module(fakehost):
    _autoload.install({"fakehost": "fakeadapter:record"})
    importlib.import_module("fakehost.tasks")
    assert fakehost.calls() == [("fakehost", True)]


def test_installing_twice_arms_once(fakehost):
    for _ in range(2):
        _autoload.install({"fakehost.tasks": "fakeadapter:record"})
    importlib.import_module("fakehost.tasks")
    assert fakehost.calls() == [("fakehost.tasks", True)]
    assert sum(isinstance(f, _autoload.HostFinder) for f in sys.meta_path) == 1


def test_a_host_that_is_already_imported_is_armed_at_once(fakehost):
    importlib.import_module("fakehost.tasks")
    _autoload.install({"fakehost.tasks": "fakeadapter:record"})
    assert fakehost.calls() == [("fakehost.tasks", True)]


def test_reloading_the_host_arms_it_again(fakehost):
    _autoload.install({"fakehost.tasks": "fakeadapter:record"})
    importlib.reload(importlib.import_module("fakehost.tasks"))
    assert len(fakehost.calls()) == 2


@pytest.mark.parametrize(
    ("value", "disabled"), [("1", True), ("true", True), ("0", False), ("", False)]
)
def test_tag_plugin_disable_turns_it_off(fakehost, monkeypatch, value, disabled):
    monkeypatch.setenv("TAG_PLUGIN_DISABLE", value)
    _autoload.install({"fakehost.tasks": "fakeadapter:record"})
    importlib.import_module("fakehost.tasks")
    assert (fakehost.calls() == []) is disabled


@pytest.mark.parametrize(
    ("adapter", "reason"),
    [
        ("fakeadapter:fail", "RuntimeError: the host changed"),
        ("fakeadapter:absent", "has no attribute 'absent'"),
        ("no_such_module:record", "No module named 'no_such_module'"),
    ],
)
def test_an_adapter_that_fails_is_one_line_and_the_host_goes_on(fakehost, capsys, adapter, reason):
    _autoload.install({"fakehost.tasks": adapter})
    assert importlib.import_module("fakehost.tasks").READY
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.count("\n") == 1
    assert "fakehost.tasks" in printed.err
    assert reason in printed.err
    assert "next: tag-plugin doctor" in printed.err
    assert reason in _autoload.OUTCOMES["fakehost.tasks"]


def test_an_exit_that_an_adapter_asks_for_is_not_swallowed(fakehost):
    _autoload.install({"fakehost.tasks": "fakeadapter:refuse"})
    with pytest.raises(SystemExit, match="your configuration is wrong"):
        importlib.import_module("fakehost.tasks")


def test_a_broken_host_raises_its_own_error_and_is_not_armed(fakehost):
    _autoload.install({"fakehost.broken": "fakeadapter:record"})
    with pytest.raises(ValueError, match="broken host"):
        importlib.import_module("fakehost.broken")
    assert fakehost.calls() == []
    assert "fakehost.broken" not in sys.modules


def test_an_absent_host_stays_absent(fakehost):
    _autoload.install({"fakehost.none": "fakeadapter:record"})
    assert find_spec("fakehost.none") is None
    with pytest.raises(ModuleNotFoundError, match=r"fakehost\.none"):
        importlib.import_module("fakehost.none")


def test_the_module_keeps_its_own_loader(fakehost):
    _autoload.install({"fakehost.tasks": "fakeadapter:record"})
    tasks = importlib.import_module("fakehost.tasks")
    assert type(tasks.__loader__) is type(tasks.__spec__.loader) is SourceFileLoader
    assert "RUN_AS" in inspect.getsource(tasks)


def test_a_host_module_still_runs_with_python_m(fakehost):
    _autoload.install({"fakehost.tasks": "fakeadapter:record"})
    assert runpy.run_module("fakehost.tasks", run_name="__main__")["RUN_AS"] == "__main__"


@pytest.mark.parametrize("place", [0, 1])  # in front of ours, behind ours
def test_two_import_hooks_do_not_ask_each_other_for_ever(fakehost, place):
    class OtherHook:
        searching = False

        def find_spec(self, name, path=None, target=None):
            if name != "fakehost.tasks" or self.searching:
                return None
            self.searching = True
            specs = (f.find_spec(name, path, target) for f in sys.meta_path if f is not self)
            return next((spec for spec in specs if spec), None)

    _autoload.install({"fakehost.tasks": "fakeadapter:record"})
    sys.meta_path.insert(place, OtherHook())
    importlib.import_module("fakehost.tasks")
    assert fakehost.calls() == [("fakehost.tasks", True)]


@pytest.mark.parametrize(("module", "adapter"), _autoload.ADAPTERS.items())
def test_every_registered_adapter_exists(module, adapter):
    place, _, function = adapter.partition(":")
    assert place == f"tag_plugin.hosts.{module.partition('.')[0]}.patches"
    assert callable(getattr(importlib.import_module(place), function))


@pytest.mark.parametrize("shadow", ["print('shadow')", "raise SystemExit(3)"])
@pytest.mark.parametrize("installed", [True, False])
def test_a_folder_of_the_same_name_in_the_working_directory_breaks_no_start(
    shadow: str, installed: bool, tmp_path: Path
):
    """PYTHONPATH=: puts the working directory before site-packages."""
    site, here = tmp_path / "site", tmp_path / "here/tag_plugin"
    here.mkdir(parents=True)
    (here / "__init__.py").write_text(shadow)
    site.mkdir()
    if installed:
        (site / "tag_plugin").mkdir()
        (site / "tag_plugin/__init__.py").touch()
        (site / "tag_plugin/_autoload.py").write_text("def install(): print('installed')")
    shutil.copy(Path(__file__).parents[1] / "tag_plugin_autoload.pth", site)
    program = "import site, sys; site.addsitedir(sys.argv[1]); print('alive')"
    done = subprocess.run(
        [sys.executable, "-S", "-c", program, str(site)],
        cwd=here.parent,
        env={"PYTHONPATH": os.pathsep},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0
    assert done.stdout.endswith("alive\n")
    assert not installed or done.stdout == "installed\nalive\n"
