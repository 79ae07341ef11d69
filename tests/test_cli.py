"""The command line, in process: a small FERPlus tree all the way to LLaMA-Factory's entry."""

import json
import shutil
import subprocess
import sys
from importlib.metadata import version
from typing import get_args

import pytest
import skimage.data
import typer
from PIL import Image
from typer.testing import CliRunner

from tag_plugin.cli import app
from tag_plugin.cli.options import Detectors, Frames, LabelSets, Styles
from tag_plugin.data.rows import read_rows
from tag_plugin.detectors.registry import DETECTORS
from tag_plugin.facs.boxes import BoxFrame
from tag_plugin.facs.emotions import LABEL_SETS
from tag_plugin.scoring.score import DEFAULT_JUDGE
from tag_plugin.trace.prompt import Style

HAPPY = '"(0, 0, 48, 48)",0,9,0,0,0,0,0,0,1,0'
NOBODY = '"(0, 0, 48, 48)",0,0,0,0,0,0,0,0,0,10'


def run(*words):
    return CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=True)


@pytest.fixture
def ferplus(tmp_path):
    """Official layout: the astronaut's face in each split, and one entry that is no face."""
    face = Image.fromarray(skimage.data.astronaut()[0:220, 115:335]).convert("L").resize((96, 96))
    for folder in ("FER2013Train", "FER2013Valid", "FER2013Test"):
        (tmp_path / "root" / folder).mkdir(parents=True)
        face.save(tmp_path / "root" / folder / f"{folder}.png")
        lines = f"{folder}.png,{HAPPY}\nnobody.png,{NOBODY}\n"
        (tmp_path / "root" / folder / "label.csv").write_text(lines)
    return tmp_path / "root"


def test_prepare_detect_and_build_lead_to_a_recipe_line(ferplus, tmp_path):
    data = tmp_path / "data"
    done = run("prepare", "ferplus", "--root", ferplus, "--out", data, "--workers", 1)
    assert done.exit_code == 0, done.output
    assert "test: 1 rows {'happiness': 1}, dropped" in done.output
    for command in ("detect", "build"):
        done = run(command, data / "ferplus", "--workers", 1)
        assert done.exit_code == 0, done.output
    assert "dataset: tag_ferplus_train" in done.output
    entry = json.loads((data / "dataset_info.json").read_text())["tag_ferplus_train"]
    assert entry == {"file_name": "ferplus/built/train.jsonl", "formatting": "tag"}
    (row,) = read_rows(data / entry["file_name"])
    assert 12 in [step.au for step in row.trace.inspections]  # the astronaut smiles


@pytest.fixture(scope="module")
def detected_faces(tmp_path_factory):
    """A data directory with twenty detected faces."""
    data = tmp_path_factory.mktemp("data")
    drawn = ("--train", 20, "--dev", 0, "--test", 0, "--workers", 1)
    run("prepare", "synth", "--out", data, *drawn)
    run("detect", data / "synth", "--detector", "synthetic", "--workers", 1)
    return data


@pytest.mark.parametrize(
    ("options", "most"), [((), 6), (("--top-k", 2), 2), (("--top-k", 1, "--on", 0.9), 1)]
)
def test_top_k_limits_what_traces_name_and_the_dataset_stays_valid(
    detected_faces, tmp_path, options, most
):
    shutil.copytree(detected_faces, tmp_path / "data")
    synth = tmp_path / "data" / "synth"
    done = run("build", synth, "--workers", 1, *options)
    assert "dataset: tag_synth_train" in done.output
    rows = list(read_rows(synth / "built" / "train.jsonl"))
    named = [[step.au for step in row.trace.inspections] for row in rows]
    assert max(map(len, named)) == min(
        most, max(len(row.detections.on(DEFAULT_JUDGE.thresholds)) for row in rows)
    )
    assert run("data", "validate", synth, "--workers", 1).exit_code == 0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["prepare", "ferplus", "--root", "nowhere"], "official layout"),
        (["prepare", "rafdb", "--root", "nowhere"], "on request"),
        (["prepare", "affectnet", "--root", "nowhere", "--classes", "6"], "7 or 8"),
        (["detect", "nowhere"], "next: tag-plugin prepare"),
        (["detect", "nowhere", "--option", "model"], "NAME=VALUE"),
        (["build", "nowhere"], "next: tag-plugin detect"),
        (["build", "nowhere", "--model", "m"], "model: only for --writer openai"),
        (["build", "nowhere", "--writer", "openai", "--model", "m"], "--endpoint http://"),
        (["draw", "nowhere"], "--log_samples"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_one(words, message, tmp_path, monkeypatch, capsys):
    from tag_plugin.cli import main

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["tag-plugin", *words])
    with pytest.raises(SystemExit) as stop:
        main()
    assert message in str(stop.value)
    assert "\n" not in str(stop.value)


def test_help_loads_nothing_heavy():
    code = (
        "import sys, tag_plugin.cli;"
        "print([m for m in ('torch', 'cv2', 'numpy', 'pydantic') if m in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("offered", "known"),
    [
        (Styles, Style),
        (Detectors, DETECTORS),
        (LabelSets, LABEL_SETS),
        (Frames, BoxFrame),
    ],
)
def test_what_help_offers_is_all_that_there_is(offered, known):
    assert sorted(get_args(offered)) == sorted(known)


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (["prepare", "ferplus", "--root", ".", "--rule", "median"], "'majority', 'argmax'"),
        (["detect", "data/x", "--detector", "camera"], "'mediapipe', 'yolo'"),
        (["build", "data/x", "--writer", "poet"], "'rules', 'openai'"),
        (["prompt", "--template", "tag_qwen2_vl", "--label-set", "mine"], "'rafdb', 'ferplus'"),
        (["data", "show", "data/x", "--part", "all"], "'sft', 'rl'"),
        (["export-rl", "trl", "data/x", "--template", "t"], "'easyr1', 'verl', 'swift'"),
    ],
)
def test_a_wrong_choice_is_told_the_right_ones(words, offered):
    done = run(*words)
    assert done.exit_code == 2
    assert offered in " ".join(done.output.replace("│", " ").split())


def test_recipes_make_a_project_folder(tmp_path):
    done = run("recipes", tmp_path / "mine")
    assert done.exit_code == 0, done.output
    assert (tmp_path / "mine/recipes/tag_sft.yaml").is_file()
    assert (tmp_path / "mine/recipes/deepspeed/zero3.json").is_file()
    assert (tmp_path / "mine/data").is_dir()
    again = run("recipes", tmp_path / "mine")
    assert "is there already; next:" in str(again.exception)
    assert run("recipes", "--out", tmp_path / "former").exit_code == 0
    assert (tmp_path / "former/tag_sft.yaml").is_file()


def test_help_lists_the_commands_in_the_order_of_the_work():
    text = run("--help").output
    order = ("Action Units that can be checked", "Data", "prepare", "quality", "detect", "build")
    order += ("Train", "recipes", "Evaluate", "compare", "Look", "report", "Set up", "doctor")
    places = [text.index(f" {word} ") if word[0].islower() else text.index(word) for word in order]
    assert places == sorted(places)


def test_every_command_stands_in_the_help():
    group = typer.main.get_command(app)
    assert set(group.list_commands(typer.Context(group))) == set(group.commands)


def test_version_says_the_version_of_the_package():
    assert run("--version").output == f"tag-plugin {version('tag-plugin')}\n"
