"""Where the files lie that are not Python: the lmms-eval tasks and the LLaMA-Factory recipes.

A wheel carries both inside the package; a checkout (editable install) has them at its root.
"""

import shutil
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parents[1]


def _shipped(name: str) -> Path:
    places = (_PACKAGE / "_shipped" / name, _PACKAGE.parent / name)
    for place in filter(Path.is_dir, places):
        return place
    raise FileNotFoundError(
        f"tag-plugin's {name}/ folder is missing (looked at {' and '.join(map(str, places))}); "
        "next: pip install --force-reinstall --no-deps tag-plugin"
    )


def tasks_dir() -> Path:
    """The folder of lmms-eval task YAML files."""
    return _shipped("tasks")


def recipes_dir() -> Path:
    """The folder of LLaMA-Factory recipes."""
    return _shipped("recipes")


def make_project(folder: Path) -> Path:
    """A folder from which the recipes run: `recipes/` with deepspeed/, and `data/`.

    Raises:
        FileExistsError: it has recipes already; the message says the next command.
    """
    copy_recipes(folder / "recipes")
    (folder / "data").mkdir(exist_ok=True)
    return folder


def copy_recipes(out: Path) -> Path:
    """Copies the recipes into `out`, which must not exist yet, and returns it.

    Raises:
        FileExistsError: it does; the message says the next command.
    """
    if out.exists():
        raise FileExistsError(f"{out} is there already; next: another folder, or move it away")
    return shutil.copytree(recipes_dir(), out, ignore=shutil.ignore_patterns("__pycache__"))
