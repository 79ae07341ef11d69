"""verl's own way of loading and calling a reward, and of opening the picture of a row."""

import importlib.util
import inspect
import math
from collections import UserDict
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tag_plugin.facs.boxes import FACE_FRAME, BoxFrame
from tag_plugin.hosts.rl_rows import export
from tag_plugin.hosts.verl import HOST, REWARD_FILE
from tests.hosts.rl_data import GOLD, WRONG, write_detected

parquet = pytest.importorskip("pyarrow.parquet")


def load(path: Path, name: str, **reward_kwargs: Any) -> Any:
    """As load_extern_object and get_custom_reward_fn (verl 0.8.0.dev) do it."""
    spec = importlib.util.spec_from_file_location(f"custom_module_{hash(str(path))}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    function = getattr(module, name)
    assert not inspect.iscoroutinefunction(function)

    def call(raw: Any, extra: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        return raw(*args, **{**kwargs, **extra})

    return partial(call, function, reward_kwargs)


@pytest.fixture
def rows(tmp_path: Path) -> list[dict[str, Any]]:
    directory = write_detected(tmp_path)
    done = export(HOST, directory, tmp_path / "out", BoxFrame.ABSOLUTE, undetected=True)
    return parquet.read_table(done.files["train"]).to_pylist()


def judge(compute: Any, row: dict[str, Any], text: str, **more: Any) -> dict[str, float]:
    """As NaiveRewardManager calls it."""
    extra_info = row.get("extra_info", {})
    extra_info["num_turns"] = None
    extra_info["rollout_reward_scores"] = {}
    return compute(
        data_source=row["data_source"],
        solution_str=text,
        ground_truth=row["reward_model"]["ground_truth"],
        extra_info=extra_info,
        **more,
    )


def test_a_completion_is_scored(rows: list[dict[str, Any]]):
    compute = load(REWARD_FILE, "compute_score")
    expected = {"score": pytest.approx(2.2), "answer": 1.0, "au_grounding": 1.0, "format": 1.0}
    assert judge(compute, rows[0], GOLD) == expected
    assert judge(compute, rows[1], WRONG)["score"] == 0.0
    routed = judge(compute, rows[0], GOLD, reward_router_address=None, reward_model_tokenizer=None)
    assert routed == expected


def test_every_completion_has_the_same_keys(rows: list[dict[str, Any]]):
    """The agent loop makes one array a key out of the first sample's keys."""
    compute = load(REWARD_FILE, "compute_score")
    found = [judge(compute, row, GOLD) for row in rows]
    arrays = {key: np.array([each[key] for each in found]) for key in found[0]}
    assert {array.dtype for array in arrays.values()} == {np.dtype("float64")}
    assert arrays["score"].tolist() == pytest.approx([2.2, 2.2, 1.2])
    assert math.isnan(arrays["au_grounding"][2])


def test_weights_and_judge_come_from_reward_kwargs(rows: list[dict[str, Any]]):
    compute = load(
        REWARD_FILE,
        "compute_score",
        weights=UserDict({"answer": 1.0}),  # omegaconf's mappings are no dict either
        judge=UserDict({"iou_threshold": 0.5, "thresholds": UserDict({"on": 0.6})}),
    )
    assert judge(compute, rows[0], GOLD) == {"score": 1.0, "answer": 1.0}


def test_messages_are_built_and_the_face_keeps_its_size(rows: list[dict[str, Any]]):
    """RLHFDataset._build_messages puts the dict into the message; process_vision_info opens it."""
    vision = pytest.importorskip("qwen_vl_utils")
    (message,) = rows[0]["prompt"]
    before, after = message["content"].split("<image>")
    assert before == ""
    content = [{"type": "image", **rows[0]["images"][0]}, {"type": "text", "text": after}]
    for patch in (14, 16):  # Qwen2.5-VL, Qwen3-VL
        (image,), _ = vision.process_vision_info(
            [{"role": "user", "content": content}], image_patch_size=patch
        )
        assert image.size == (FACE_FRAME, FACE_FRAME)
    assert rows[0]["data_source"] == "tag_synth"
