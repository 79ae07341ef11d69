"""Every command in README and docs is one that there is: its options, recipes, settings, tasks."""

import re
import shlex
from dataclasses import fields
from pathlib import Path

import click
import pytest
import typer

from tag_plugin.cli import app

ROOT = Path(__file__).parents[1]
PAGES = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")])
TASKS = {path.stem for path in (ROOT / "tasks").rglob("*.yaml")}
INLINE = re.compile(r"`([^`\n]+)`")
PROGRAMS = ("tag-plugin", "llamafactory-cli", "lmms-eval")


def words_of(text):
    """A command's words without comment and variables, from its program on; [] for other text."""
    try:
        words = shlex.split(text, comments=True)
    except ValueError:  # prose with an apostrophe
        return []
    while words and re.fullmatch(r"[A-Z_]+=\S*", words[0]):
        words.pop(0)
    for end in ("|", "&&", ";", ">", "&"):
        words = words[: words.index(end)] if end in words else words
    return words if len(words) > 1 and words[0] in PROGRAMS else []


def commands(program):
    """(page, line) of each command of a program: indented lines, and whole ones in backticks."""
    found = {}
    for page in PAGES:
        text = page.read_text(encoding="utf-8").replace("\\\n", " ")
        lines = [line for line in text.splitlines() if line.startswith("    ")]
        for candidate in (*lines, *INLINE.findall(text)):
            words = words_of(candidate)
            if words and words[0] == program:
                found.setdefault(" ".join(words), (page.name, words))
    return [pytest.param(words, id=f"{page}: {line}") for line, (page, words) in found.items()]


@pytest.mark.parametrize("words", commands("tag-plugin"))
def test_a_command_of_ours_has_these_options(words):
    command, arguments = typer.main.get_command(app), words[1:]
    while isinstance(command, click.Group) or hasattr(command, "commands"):
        if not arguments or arguments[0].startswith("-"):
            return  # the group itself, or its --help
        name = arguments.pop(0)
        assert name in command.commands, f"no command {name}"
        command = command.commands[name]
    options = [each for each in arguments if each.startswith("--")]
    known = {name for each in command.params for name in (*each.opts, *each.secondary_opts)}
    assert {each.partition("=")[0] for each in options} <= known | {"--help"}


@pytest.mark.parametrize("words", commands("llamafactory-cli"))
def test_a_recipe_is_there_and_its_settings_are_the_hosts(words):
    from llamafactory.hparams.parser import _TRAIN_ARGS

    if words[1] != "train":
        return
    recipe, *settings = words[2:]
    assert (ROOT / recipe).is_file() or recipe.isupper(), recipe
    known = {each.name for arguments in _TRAIN_ARGS for each in fields(arguments)}
    assert {each.partition("=")[0] for each in settings} <= known


@pytest.mark.parametrize("words", commands("lmms-eval"))
def test_the_tasks_of_an_evaluation_are_ours(words):
    if "--tasks" not in words:
        return
    names = words[words.index("--tasks") + 1].split(",")
    assert {name for name in names if name != "..."} <= TASKS
