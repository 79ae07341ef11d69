import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from tag_plugin.hosts import versions

ROOT = Path(__file__).parents[2]


@pytest.fixture
def installed(monkeypatch):
    """Distribution -> version, in place of what is really installed."""
    fake = {"llamafactory": "0.9.5", "transformers": "4.57.6"}

    def version(distribution):
        if distribution not in fake:
            raise versions.metadata.PackageNotFoundError(distribution)
        return fake[distribution]

    monkeypatch.setattr(versions.metadata, "version", version)
    # monkeypatch sets the variable so that it can restore what the code under test puts there.
    monkeypatch.setenv("TAG_PLUGIN_WARNED", "")
    monkeypatch.delenv("RANK", raising=False)
    return fake


@pytest.mark.parametrize(
    ("version", "fits"),
    [
        ("0.9.5", True),
        ("0.9.6.dev0", True),  # the host's main branch calls itself so
        ("0.9.4", False),
        ("0.10.0", False),
        (None, False),
    ],
)
def test_a_version_fits_its_tested_range(installed, version, fits):
    installed.pop("llamafactory")
    if version:
        installed["llamafactory"] = version
    assert versions.version("llamafactory").fits is fits


@pytest.mark.parametrize(
    ("version", "fits", "update"),
    [
        ("4.57.6", True, ">=5.5,<5.6"),
        ("5.5.4", True, None),
        ("4.50.0", False, ">=4.57,<4.58"),
        ("5.6.0", False, None),
    ],
)
def test_of_two_tested_ranges_either_fits(installed, version, fits, update):
    installed["transformers"] = version
    found = versions.version("transformers")
    assert (found.fits, found.update) == (fits, update)


def test_a_tested_version_is_silent(installed, capsys):
    versions.warn_untested(["llamafactory", "transformers"])
    assert capsys.readouterr().err == ""


def test_an_absent_distribution_is_silent(installed, capsys):
    versions.warn_untested(["lmms-eval"])
    assert capsys.readouterr().err == ""


def test_an_untested_version_gets_one_line_that_names_the_range(installed, capsys):
    installed["llamafactory"] = "0.8.1"
    for _ in range(3):
        versions.warn_untested(["llamafactory", "transformers"])
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "llamafactory 0.8.1 (tested: >=0.9.5,<0.10)" in error


@pytest.mark.parametrize(("rank", "lines"), [("0", 1), ("1", 0)])
def test_of_several_ranks_only_the_first_speaks(installed, monkeypatch, capsys, rank, lines):
    installed["llamafactory"] = "0.8.1"
    monkeypatch.setenv("RANK", rank)
    versions.warn_untested(["llamafactory"])
    assert capsys.readouterr().err.count("\n") == lines


def test_child_processes_inherit_the_mark(installed, monkeypatch, capsys):
    installed["llamafactory"] = "0.8.1"
    versions.warn_untested(["llamafactory"])
    assert "llamafactory" in versions.os.environ["TAG_PLUGIN_WARNED"].split(",")


def test_the_tested_ranges_are_those_of_the_extras():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    declared: dict[str, list[SpecifierSet]] = {}
    for extra in project["optional-dependencies"].values():
        for line in extra:
            requirement = Requirement(line)
            declared.setdefault(requirement.name, []).append(requirement.specifier)
    assert set(versions.TESTED) - set(declared) == {"accelerate", "trl"}, "LLaMA-Factory brings it"
    for distribution in set(versions.TESTED) & set(declared):
        tested = SpecifierSet(versions.version(distribution).ranges[0])
        assert tested in declared[distribution], distribution


def test_the_constraints_are_the_locked_versions():
    packages = tomllib.loads((ROOT / "uv.lock").read_text())["package"]
    locked = {f"{each['name']}=={each['version']}" for each in packages if "version" in each}
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    named = [line for line in lines if not line.startswith("#")]
    assert [each.partition("==")[0] for each in named] == ["torch", "torchaudio", "torchvision"]
    assert set(named) <= locked
