"""A host is changed as declared, or not at all."""

import sys
from pathlib import Path

import pytest

from tag_plugin.hosts import patching
from tag_plugin.hosts.patching import HostChangedError, Patch, check, replace, replaced

DEFINITIONS = """
class Trainer:
    def train(self, start=None, *, other=1, **more): pass
    @classmethod
    def make(cls, root): return root
"""


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A package that can be imported; nothing of it is yet."""
    name = f"host_{tmp_path.name.replace('-', '_')}"
    package = tmp_path / name
    (package / "inner").mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "inner/__init__.py").write_text("from .run import (\n    begin,\n    Trainer,\n)\n")
    (package / "inner/run.py").write_text(
        "from ..definitions import Trainer\n\n\ndef begin(config, /, *rest):\n    return config\n"
    )
    (package / "definitions.py").write_text(DEFINITIONS)
    (package / "broken.py").write_text("raise RuntimeError('executed')\n\ndef late(x): pass\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setitem(patching.version.__globals__["TESTED"], name.replace("_", "-"), ">=1")
    yield name
    for each in [each for each in sys.modules if each.partition(".")[0] == name]:
        del sys.modules[each]


TABLE = [
    # module, symbol, parameters, whether they fit
    ("inner.run", "begin", "config rest", True),
    ("inner.run", "begin", "config", False),
    ("inner", "begin", "config rest", True),  # by way of an import
    ("inner", "Trainer.train", "self start other more", True),  # by way of two
    ("inner", "Trainer.train", "self start ...", True),
    ("inner", "Trainer.train", "self begin ...", False),
    ("inner", "Trainer", "", True),
    ("definitions", "Trainer.make", "cls root", True),
    ("definitions", "Trainer.load", "self", False),
    ("definitions", "Loader", "", False),
    ("nowhere", "begin", "config", False),
    ("broken", "late", "x", True),  # read, not run
]


@pytest.mark.parametrize(("module", "symbol", "parameters", "fits"), TABLE)
def test_a_symbol_is_looked_at_without_executing_its_module(
    host: str, module: str, symbol: str, parameters: str, fits: bool
):
    patch = Patch(f"{host}.{module}", symbol, parameters, "torch", "-")
    assert (patch.problem() is None) is fits
    assert not [each for each in sys.modules if each.startswith(f"{host}.")]


@pytest.mark.parametrize(
    ("module", "symbol", "parameters", "fits"),
    [each for each in TABLE if each[0] in ("inner", "inner.run", "definitions")],
)
def test_an_imported_module_says_the_same(
    host: str, module: str, symbol: str, parameters: str, fits: bool
):
    __import__(f"{host}.{module}")
    assert (Patch(f"{host}.{module}", symbol, parameters, "torch", "-").problem() is None) is fits


def test_what_is_gone_names_the_module_and_what_is_changed_the_package_that_defines_it(host: str):
    gone = Patch(f"{host}.inner", "end", "config", "torch", "-")
    changed = Patch(f"{host}.inner", "begin", "config", "torch", "-")
    said = f"{host}.inner.end is gone; {host.replace('_', '-')} is not installed (tested: >=1)"
    assert said in str(gone.problem())
    said = f"{host}.inner.begin takes (config, rest), not (config); torch "
    assert said in str(changed.problem())
    assert "(tested: >=2.6,<2.12); next: pip install 'torch>=2.6,<2.12'" in str(changed.problem())
    with pytest.raises(HostChangedError, match="end is gone"):
        check((Patch(f"{host}.inner", "begin", "config rest", "torch", "-"), gone))


def test_a_change_is_made_once_and_one_for_a_while_is_undone(host: str):
    module = __import__(f"{host}.inner.run", fromlist=["begin"])
    begin = Patch(f"{host}.inner.run", "begin", "config rest", "torch", "-")
    make = Patch(f"{host}.inner.run", "Trainer.make", "cls root", "torch", "-")
    original = module.begin
    with replaced(begin, lambda own: lambda config: f"ours, then {own(config)}"):
        assert module.begin("it") == "ours, then it"
    assert module.begin is original
    with replaced(make, lambda own: lambda cls, root: f"{own(cls, root)} of {cls.__name__}"):
        assert module.Trainer.make("root") == "root of Trainer"
    assert module.Trainer.make("root") == "root"
    for _ in range(2):
        replace(begin, lambda own: lambda config: f"ours, then {own(config)}")
    assert module.begin("it") == "ours, then it"


def test_what_a_host_lacks_is_added_for_a_while_where_its_source_names_it(host: str):
    module = __import__(f"{host}.inner.run", fromlist=["begin"])
    patch = Patch(f"{host}.inner.run", "rest", "", "torch", "-", added=True)
    with replaced(patch, lambda own: [own, "ours"]):
        assert module.rest == [None, "ours"]
    assert not hasattr(module, "rest")
    assert patch.problem() is None
    unnamed = Patch(f"{host}.inner.run", "others", "", "torch", "-", added=True)
    assert "inner.run.others is gone" in str(unnamed.problem())


def test_a_repair_that_is_switched_off_changes_nothing(host: str, monkeypatch: pytest.MonkeyPatch):
    module = __import__(f"{host}.inner.run", fromlist=["begin"])
    patch = Patch(f"{host}.inner.run", "begin", "config rest", "torch", "-", repair="exact_resume")
    monkeypatch.setenv("TAG_PLUGIN_REPAIRS_OFF", "cpu_decoding, exact_resume")
    with replaced(patch, lambda _: None):
        assert module.begin("it") == "it"
