"""Rows for other hosts of RL: the question of SFT, the picture, and all that the judge needs."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from tag_plugin.cli import app
from tag_plugin.facs.boxes import BoxFrame
from tag_plugin.facs.emotions import label_set
from tag_plugin.hosts.rl_rewards import GroundTruthError, judge_config, scores
from tag_plugin.hosts.rl_rows import HOSTS, ExportError, export, rl_host
from tag_plugin.pipeline.outcomes import StageError
from tag_plugin.scoring.rewards import REWARDS
from tag_plugin.trace.prompt import grounded_prompt
from tests.hosts.built_data import build_sure, gold, write_detected_faces
from tests.hosts.rl_data import GOLD, WRONG, write_detected


def records(path: Path) -> list[dict[str, Any]]:
    """As all three hosts read them: with `datasets`, by the suffix."""
    datasets = pytest.importorskip("datasets")
    kind = path.suffix[1:].replace("jsonl", "json")
    cache = str(path.parent / "cache")
    return datasets.load_dataset(
        kind, data_files=str(path), split="train", cache_dir=cache
    ).to_list()


def truths(host: str, path: Path) -> list[str]:
    def read(each: dict[str, Any]) -> str:
        return {
            "easyr1": lambda: each["ground_truth"],
            "verl": lambda: each["reward_model"]["ground_truth"],
            "swift": lambda: each["solution"],
        }[host]()

    return [read(each) for each in records(path)]


@pytest.mark.parametrize("host", HOSTS)
def test_a_gold_trace_scores_one_against_an_exported_row(host: str, tmp_path: Path):
    directory = write_detected(tmp_path)
    done = export(rl_host(host), directory, tmp_path / "out", BoxFrame.ABSOLUTE)
    assert done.rows == {"train": 2}
    assert done.left_out == {"no detections": 1}
    for truth in truths(host, done.files["train"]):
        assert scores(GOLD, truth, dict.fromkeys(REWARDS, 1.0)) == dict.fromkeys(REWARDS, 1.0)
        assert scores(WRONG, truth) == {"answer": 0.0, "au_grounding": 0.0, "format": 0.0}


@pytest.mark.parametrize("host", HOSTS)
def test_the_prompt_is_the_one_of_sft_with_the_picture_first(host: str, tmp_path: Path):
    directory = write_detected(tmp_path)
    done = export(rl_host(host), directory, tmp_path / "out", BoxFrame.RELATIVE)
    first = records(done.files["train"])[0]
    prompt = first["messages"] if host == "swift" else first["prompt"]
    text = prompt if host == "easyr1" else prompt[0]["content"]
    assert text == "<image>" + grounded_prompt(label_set("synth"), BoxFrame.RELATIVE)
    (picture,) = first["images"]
    assert Path(picture["image"] if host == "verl" else picture).is_file()


@pytest.mark.parametrize("host", HOSTS)
def test_rows_without_detections_are_kept_when_asked(host: str, tmp_path: Path):
    directory = write_detected(tmp_path)
    done = export(rl_host(host), directory, tmp_path / "out", BoxFrame.ABSOLUTE, undetected=True)
    found = scores(GOLD, truths(host, done.files["train"])[2])
    assert found == {"answer": 1.0, "au_grounding": None, "format": 1.0}


@pytest.mark.parametrize("truth", ["happiness", "{}", '{"box_frame": "absolute", "row": {}}'])
def test_a_ground_truth_of_another_kind_is_refused(truth: str):
    with pytest.raises(GroundTruthError, match="next: tag-plugin export-rl"):
        scores(GOLD, truth)


def test_an_unknown_reward_is_refused():
    with pytest.raises(GroundTruthError, match="unknown reward 'smile'; next: one of answer"):
        scores(GOLD, "{}", {"smile": 1.0})


def test_nothing_detected_is_refused(tmp_path: Path):
    with pytest.raises(StageError, match="next: tag-plugin detect"):
        export(rl_host("verl"), tmp_path, tmp_path / "out", BoxFrame.ABSOLUTE)
    with pytest.raises(ExportError, match="unknown host 'trl'; next: one of easyr1, verl, swift"):
        rl_host("trl")


@pytest.mark.parametrize("host", HOSTS)
def test_the_command_says_what_it_wrote_and_how_to_train(host: str, tmp_path: Path):
    directory = write_detected(tmp_path)
    words = ["export-rl", host, str(directory), "--template", "tag_qwen2_5_vl"]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.exception
    assert "train: 2 rows in" in done.output
    assert "left out: 1 rows (no detections)" in done.output
    assert "boxes: absolute" in done.output
    start = done.output[done.output.index("TAG_REWARD=") :]
    tools = {"PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin"}
    shell = f"{start.splitlines()[0]}\necho $TAG_REWARD"
    found = subprocess.run(["bash", "-c", shell], capture_output=True, text=True, env=tools)
    reward = Path(found.stdout.strip())
    assert reward.is_file(), found.stderr
    assert "$TAG_REWARD" in start.partition("\n")[2]
    files = [Path(word) for word in start.replace("=", " ").split()]
    named = {each.name for each in files if each.is_absolute() and each.is_file()}
    assert named == {f"train{rl_host(host).suffix}"}
    assert subprocess.run(["bash", "-n", "-c", start]).returncode == 0


def test_the_frame_of_a_template_without_one_is_told_on_the_command_line(tmp_path: Path):
    directory = write_detected(tmp_path)
    words = ["export-rl", "easyr1", str(directory), "--template", "tag_gemma3"]
    refused = CliRunner().invoke(app, words)
    assert "next: box_frame: relative" in str(refused.exception)
    done = CliRunner().invoke(app, [*words, "--box-frame", "relative_yxyx"])
    assert "boxes: relative_yxyx" in done.output
    exported = (directory / "rl_easyr1/train.jsonl").read_text()
    assert "[y1,x1,y2,x2]" in exported
    assert "relative_yxyx" in exported


def test_a_reward_in_another_hosts_process_loads_no_framework():
    program = (
        "import sys, tag_plugin.hosts.easyr1.reward, tag_plugin.hosts.verl.reward\n"
        "print({'torch', 'transformers', 'trl', 'cv2', 'llamafactory'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout == "set()\n", done.stderr


@pytest.mark.parametrize("host", HOSTS)
def test_an_exported_row_is_judged_by_what_its_dataset_was_built_to_name(host: str, tmp_path: Path):
    directory = write_detected_faces(tmp_path)
    build_sure(directory)
    done = export(rl_host(host), directory, tmp_path / "out", BoxFrame.RELATIVE)
    texts = gold(directory, "train", BoxFrame.RELATIVE)
    known = truths(host, done.files["train"])
    for text, truth in zip(texts, known, strict=True):
        assert scores(text, truth) == {"answer": 1.0, "au_grounding": 1.0, "format": 1.0}
    by_hand = judge_config({"top_k": 6, "thresholds": {"on": 0.5}})  # goes before
    assert scores(texts[0], known[0], config=by_hand)["au_grounding"] == 0.5
