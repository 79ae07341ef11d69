"""`tag-plugin reward try`: a table of rewards, or one line that says what is wrong and where."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from tag_plugin.cli import app
from tag_plugin.data.rows import dump_row, write_rows
from tag_plugin.facs.boxes import BoxFrame
from tag_plugin.hosts.llamafactory.grpo.errors import GrpoError
from tag_plugin.hosts.llamafactory.grpo.reward_tryout import read_completions, try_rewards
from tag_plugin.trace.render import render
from tests.hosts.llamafactory.grpo.grpo_data import REWARD_FILE, detected
from tests.hosts.llamafactory.tag_data import row

FRAME = BoxFrame.ABSOLUTE
GOLD = render(row(0).trace, FRAME)
Lines = Callable[..., Path]


@pytest.fixture
def written(tmp_path: Path) -> Lines:
    def write(*lines: Any) -> Path:
        path = tmp_path / "completions.jsonl"
        path.write_text("".join(json.dumps(line) + "\n" for line in lines))
        return path

    return write


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    path = tmp_path / "rows.jsonl"
    write_rows(path, [detected(row(0)), row(1)])
    return path


def test_mean_spread_and_share_are_over_what_applies(written: Lines, rows: Path):
    samples = read_completions(
        written(
            {"text": GOLD, "prompt_id": row(0).id},
            {"text": "<answer>sadness</answer>", "prompt_id": row(0).id},
            {"completion": GOLD, "id": row(1).id},
            {"completion": "no row"},
        ),
        rows,
    )
    answer, grounding, total = try_rewards(["answer", "au_grounding"], samples, FRAME)
    assert answer.values == (1.0, 0.0, 0.0, None)
    assert (answer.applicable, answer.mean) == (0.75, pytest.approx(1 / 3))
    assert answer.std == pytest.approx(0.57735, abs=1e-5)
    assert grounding.values == (1.0, 0.0, None, None)
    assert grounding.weight == 1.0
    assert total.values == (2.0, 0.0, 0.0, 0.0)


def test_columns_arrive_as_in_training(written: Lines):
    lines = [{"completion": "12", "solution": "Colour number 12."}, {"completion": "13"}]
    lines[1]["tag_row"] = json.loads(dump_row(row(1)))
    samples = read_completions(written(*lines), None)
    (number, _) = try_rewards([f"{REWARD_FILE}:names_the_number"], samples, None)
    assert number.values == (1.0, None)


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ([["a"]], r"completions\.jsonl:1: no text; next: \{'completion'"),
        ([{"completion": "a"}, {"prompt": "b"}], r"jsonl:2: no text"),
        ([None], r"jsonl:1: no text"),
        ([], "holds no completions"),
        ([{"completion": "a", "tag_row": {"id": 3}}], "jsonl:1: tag_row: "),
    ],
)
def test_a_file_that_is_not_one_of_completions(lines: list[Any], said: str, written: Lines):
    with pytest.raises(ValueError, match=said):
        read_completions(written(*lines), None)


def test_rows_of_another_data_set(written: Lines, rows: Path):
    with pytest.raises(GrpoError, match="have no id in common"):
        read_completions(written({"completion": "a", "id": "x"}), rows)


def test_the_methods_rewards_need_rows(written: Lines):
    samples = read_completions(written({"completion": "a"}), None)
    with pytest.raises(GrpoError, match=r"answer compares with TAG rows.*next: --rows"):
        try_rewards(["answer"], samples, FRAME)


def test_a_reward_that_asks_for_a_column_that_is_not_there(written: Lines):
    samples = read_completions(written({"completion": "a"}), None)
    with pytest.raises(GrpoError, match="missing a required argument: 'ground_truth'"):
        try_rewards([f"{REWARD_FILE}:needs_more"], samples, None)


def _run(*words: object) -> Any:
    return CliRunner().invoke(app, ["reward", "try", *map(str, words)])


def test_the_command_prints_a_table(written: Lines, rows: Path):
    path = written(
        {"text": GOLD, "prompt_id": row(0).id}, {"text": "[bold]x", "prompt_id": row(0).id}
    )
    done = _run(
        *("--completions", path, "--rows", rows, "--template", "tag_qwen2_5_vl"),
        *("--reward", "answer", "--reward", f"{REWARD_FILE}:short"),
    )
    assert done.exit_code == 0, done.output
    cells = [line.replace("│", " ").split() for line in done.output.splitlines()]
    assert ["answer", "1", "0.500", "0.707", "0.000", "1.000", "100%"] in cells
    assert ["[bold]x", "0.000", "0.125", "0.125"] in cells


def test_a_recipe_brings_its_rewards_and_template(written: Lines, rows: Path, tmp_path: Path):
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text("template: tag_qwen2_5_vl\nrewards: [{name: format, weight: 3}]\n")
    path = written({"text": GOLD, "prompt_id": row(0).id})
    done = _run("--completions", path, "--rows", rows, "--recipe", recipe, "--show", 0)
    cells = [line.replace("│", " ").split() for line in done.output.splitlines()]
    assert ["format", "3", "1.000", "-", "1.000", "1.000", "100%"] in cells


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "next: --reward NAME"),
        (["--reward", "answer"], "need a tag_ template"),
        (["--reward", "nowhere.py:fn"], "nowhere.py:fn: no file"),
        (["--reward", "x", "--template", "tag_qwen"], "declares no box frame"),
        (["--reward", f"{REWARD_FILE}:too_few"], "gave 1 values for 2 completions"),
        (["--reward", f"{REWARD_FILE}:raises"], "ZeroDivisionError"),
    ],
)
def test_the_command_says_what_is_wrong(words: list[str], said: str, written: Lines):
    done = _run("--completions", written({"text": "a"}, {"text": "b"}), *words)
    assert done.exit_code != 0
    assert said in str(done.exception)
