"""Rows that no detector has seen: measured when a reward asks, once, and refused beforehand."""

import pickle
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from llamafactory.train.tuner import run_exp
from PIL import Image

from tag_plugin.data.rows import Row, dump_row, read_rows
from tag_plugin.facs.boxes import BoxFrame
from tag_plugin.facs.detections import Thresholds
from tag_plugin.hosts.llamafactory.grpo import online_detector as online
from tag_plugin.hosts.llamafactory.grpo.errors import GrpoError
from tag_plugin.hosts.llamafactory.grpo.rewards import JudgedReward, parse_rewards
from tag_plugin.trace.render import render
from tests.hosts.llamafactory.grpo.grpo_data import detected, grpo_recipe, own_reward
from tests.hosts.llamafactory.grpo.test_run import lines
from tests.hosts.llamafactory.tag_data import row, save_face

FRAME = BoxFrame.ABSOLUTE
# An extra of its own: an environment for training alone may lack it.
needs_mediapipe = pytest.mark.skipif(
    find_spec("mediapipe") is None, reason="the extra mediapipe is not installed"
)


@pytest.fixture
def seen(tmp_path: Path) -> Path:
    """What a detector saw on rows 0 to 3, written to a file."""
    path = tmp_path / "seen.jsonl"
    path.write_text("".join(dump_row(detected(row(index))) + "\n" for index in range(4)))
    return path


def grounding(**args: Any) -> JudgedReward:
    (reward,) = parse_rewards([{"name": "au_grounding", "args": args}], FRAME).functions
    assert isinstance(reward, JudgedReward)
    return reward


def bare(index: int) -> Row:
    return row(index).model_copy(update={"trace": None})


def test_a_row_without_detections_is_measured(seen: Path, tmp_path: Path):
    reward = grounding(detector="cached", detector_options={"rows": str(seen)})
    again = pickle.loads(pickle.dumps(reward))  # noqa: S301  # our own bytes
    gold = render(row(0).trace, FRAME)
    rows = ["", dump_row(bare(0)), dump_row(bare(1)), dump_row(detected(row(0)))]
    for each in (reward, again):
        values = each(completions=[gold] * 4, tag_row=rows, images=[["x.png"]] * 4)
        assert values == [None, 1.0, 0.0, 1.0]


def test_a_row_whose_face_no_detector_found_is_not_measured_again(seen: Path):
    reward = grounding(detector="cached", detector_options={"rows": str(seen)})
    faceless = detected(row(0)).model_copy(update={"detections": None})
    assert reward(completions=["x"], tag_row=[dump_row(faceless)], images=[["x.png"]]) == [None]


def test_judge_and_detector_arguments_go_side_by_side(seen: Path):
    reward = grounding(detector="cached", detector_options={"rows": str(seen)}, iou_threshold=0.7)
    assert reward.config.iou_threshold == 0.7


@needs_mediapipe
def test_mediapipe_measures_a_photograph_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    astronaut = pytest.importorskip("skimage.data").astronaut()
    face = Image.fromarray(astronaut).crop((130, 0, 330, 200)).resize((448, 448))
    face.save(tmp_path / "face.png")
    save_face(tmp_path / "wall.png", 3)
    reward = grounding(detector="mediapipe", detector_cache=str(tmp_path / "cache"))
    rows = [dump_row(bare(0)), dump_row(bare(1))]
    images = [[str(tmp_path / name)] for name in ("face.png", "wall.png")]
    assert reward.detector is not None
    with online.closing_detectors():
        smiling, _ = (reward.known(rows[n], images[n]).row for n in (0, 1))
    assert smiling.detections is not None
    (smile,) = [each for each in smiling.detections.detections if each.au == 12]
    x1, y1, x2, y2 = (round(side * 0.448) for side in smile.box.as_tuple())
    box = f"<bbox>[{x1},{y1},{x2},{y2}]</bbox>"
    text = f"Verification loop:\nInspect mouth → AU12 (lip corner puller): up → {box}\n"
    value, faceless = reward(completions=[text] * 2, tag_row=rows, images=images)
    assert value is not None
    assert value > 0.3
    assert faceless is None

    monkeypatch.setattr(online, "_opened", None)  # nobody is asked any more: all is in the memory
    assert reward(completions=[text] * 2, tag_row=rows, images=images) == [value, faceless]
    assert len([*(tmp_path / "cache").glob("mediapipe-*/*/*.json")]) == 2


ONE_RUN = """
import sys
from tag_plugin.data.rows import Row
from tag_plugin.hosts.llamafactory.grpo.online_detector import closing_detectors, online_detector
with closing_detectors():
    args = {"detector": "mediapipe", "detector_cache": sys.argv[1]}
    row = Row.model_validate_json(sys.argv[2])
    online_detector("au_grounding", args).complete(row, sys.argv[3])
"""


@needs_mediapipe
def test_the_process_of_a_run_with_mediapipe_ends_without_complaint(tmp_path: Path):
    save_face(tmp_path / "face.png", 3)
    words = [str(tmp_path / "cache"), dump_row(bare(0)), str(tmp_path / "face.png")]
    script = [sys.executable, "-c", ONE_RUN, *words]
    ended = subprocess.run(script, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    assert len([*(tmp_path / "cache").glob("mediapipe-*/*/*.json")]) == 1
    assert "Exception" not in ended.stderr


@pytest.mark.host
def test_a_run_on_prepared_rows_rewards_grounding(qwen2_5_vl: Path, rl_data: Path, tmp_path: Path):
    """`tag_prepared` has no detections; what `tag_rl` holds is the detector's memory."""
    seen = str(rl_data / "synth/detected/train.jsonl")
    au_grounding = {
        "name": "au_grounding",
        "args": {"detector": "cached", "detector_options": {"rows": seen}},
    }
    run_exp(
        grpo_recipe(
            qwen2_5_vl,
            rl_data,
            tmp_path / "o",
            dataset="tag_prepared",
            rewards=[own_reward("vowels"), au_grounding],
            max_steps=1,
            rollout_steps=1,
        )
    )
    (first, *_) = lines(tmp_path / "o/grpo_log.jsonl")
    assert first["rewards/au_grounding/applicable"] == 1
    assert "rewards/au_grounding/mean" in first
    known = {each.id: each.detections for each in read_rows(Path(seen))}
    for each in lines(tmp_path / "o/rollouts.jsonl"):
        expected = known[each["prompt_id"]]
        assert expected is not None
        wanted = {found.au for found in expected.on(Thresholds())}
        assert {target["au"] for target in each["verdict"]["targets"]} == wanted


@pytest.mark.parametrize(
    ("args", "said"),
    [
        ({"detector": "mediapip"}, "unknown detector 'mediapip'; did you mean 'mediapipe'?"),
        ({"detector": "xyzzy"}, "unknown detector 'xyzzy'; next: one of .*cached"),
        ({"detector_options": {"rows": "x"}}, "au_grounding: args.detector: Field required"),
        ({"detector": "cached", "detector_options": 3}, "args.detector_options: Input should be"),
        ({"detector": "cached", "detectr_cache": "x"}, "args.detectr_cache: Extra inputs"),
    ],
)
def test_an_argument_that_cannot_be_used(args: dict[str, Any], said: str):
    with pytest.raises(GrpoError, match=said):
        grounding(**args)


def test_only_grounding_takes_a_detector():
    with pytest.raises(GrpoError, match=r"answer: args\.detector: Extra inputs"):
        parse_rewards([{"name": "answer", "args": {"detector": "mediapipe"}}], FRAME)
