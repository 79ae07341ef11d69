"""What an installation puts where, wheel and editable, and that uninstalling takes it all away."""

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from tag_plugin.doctor.examine import probe

ROOT = Path(__file__).parents[1]
UV = os.environ.get("UV") or shutil.which("uv")  # `uv run` sets UV
PTH = "tag_plugin_autoload.pth"
IS_ARMED = "import sys; print('tag_plugin._autoload' in sys.modules)"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(UV is None, reason="uv is not installed"),
]


def run(*command: object, **options: object) -> subprocess.CompletedProcess[str]:
    words = list(map(str, command))
    done = subprocess.run(words, capture_output=True, text=True, timeout=900, **options)
    assert done.returncode == 0, done.stderr
    return done


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """A wheel, built through the source distribution as a release is."""
    out = tmp_path_factory.mktemp("dist")
    run(UV, "build", "--quiet", "--out-dir", out, ROOT)
    return next(out.glob("*.whl"))


class Environment:
    """A virtual environment, and its two installers."""

    def __init__(self, folder: Path, installer: str) -> None:
        if installer == "uv":
            run(UV, "venv", "--quiet", "--python", sys.executable, folder)
        else:
            run(sys.executable, "-m", "venv", folder)
        self.python = folder / "bin/python"
        self.site = next(folder.glob("lib/python*/site-packages"))
        self.pip = {
            "uv": (UV, "pip"),
            "pip": (self.python, "-m", "pip"),
        }[installer]
        self.target = ("--python", self.python) if installer == "uv" else ()

    def install(self, *what: object) -> None:
        run(*self.pip, "install", "--quiet", "--no-deps", *self.target, *what)

    def uninstall(self) -> None:
        confirm = () if self.target else ("--yes",)
        run(*self.pip, "uninstall", *confirm, *self.target, "tag-plugin")

    def start(self, program: str, **options: object) -> subprocess.CompletedProcess[str]:
        return run(self.python, "-c", program, cwd=self.site.parent, **options)

    def left(self) -> list[str]:
        ours = [*self.site.rglob("*tag_plugin*"), *self.python.parent.glob("tag-plugin*")]
        return sorted(map(str, ours))


@pytest.fixture
def environment(tmp_path):
    return lambda installer: Environment(tmp_path / "env", installer)


@pytest.mark.parametrize("installer", ["uv", "pip"])
def test_one_install_arms_and_uninstalling_leaves_nothing(environment, wheel, installer):
    env = environment(installer)
    assert env.start(IS_ARMED).stdout == "False\n"
    for kind in ([wheel], ["--editable", ROOT]):
        env.install(*kind)
        assert (env.site / PTH).is_file()
        assert env.start(IS_ARMED).stdout == "True\n"
        env.uninstall()
        assert env.left() == []
        assert env.start(IS_ARMED).stdout == "False\n"


def test_an_orphaned_pth_is_silent(environment, wheel):
    env = environment("uv")
    env.install(wheel)
    shutil.rmtree(env.site / "tag_plugin")
    done = env.start(IS_ARMED)
    assert (done.stdout, done.stderr) == ("False\n", "")


def test_the_wheel_carries_tasks_and_recipes(environment, wheel):
    env = environment("uv")
    env.install(wheel)
    program = (
        "from tag_plugin.hosts import paths; from pathlib import Path\n"
        "for folder in (paths.tasks_dir(), paths.recipes_dir()):\n"
        "    for f in sorted(folder.rglob('*')): print(f.relative_to(folder.parent))"
    )
    kinds = (".yaml", ".py")  # a custom reward is a Python file
    shipped = {line for line in env.start(program).stdout.splitlines() if line.endswith(kinds)}
    folders = [ROOT / "tasks", ROOT / "recipes"]
    assert shipped == {
        str(f.relative_to(ROOT))
        for folder in folders
        for f in folder.rglob("*")
        if f.suffix in kinds
    }
    assert "recipes/rewards/short_answer.py" in shipped


@pytest.mark.host
def test_a_wheel_elsewhere_arms_a_host_and_the_doctor_says_so(environment, wheel, monkeypatch):
    """LLaMA-Factory; lmms-eval is asked in tests/hosts/lmms_eval/test_host.py."""
    env = environment("uv")
    env.install(wheel)
    # The host of this environment, borrowed: its folder is read, its .pth files are not.
    (env.site / "zz_hosts.pth").write_text(sysconfig.get_paths()["purelib"] + "\n")
    ours = env.start("import tag_plugin; print(tag_plugin.__file__)").stdout
    assert ours.startswith(str(env.site))
    monkeypatch.setattr(sys, "executable", str(env.python))
    answer = probe("llamafactory", time_limit=900)
    assert set(answer.armed.values()) == {"armed"}, answer
    assert "tag_qwen2_5_vl" in answer.found["templates"]
