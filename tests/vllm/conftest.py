"""What every test with vLLM needs: the demo's model, with heads that vLLM takes, and its faces."""

import json
import os
import shutil
from pathlib import Path

import pytest

DEMO = Path(__file__).parents[2] / "runs/demo"

os.environ |= {
    "VLLM_CPU_KVCACHE_SPACE": "1",  # GiB
    "VLLM_CPU_OMP_THREADS_BIND": "nobind",
    "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
    "HF_HUB_OFFLINE": "1",
}


@pytest.fixture(scope="session")
def sft_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny model after the demo's SFT."""
    from tests.vllm.head_size_64 import rewrite

    if not (DEMO / "sft/all_results.json").is_file():
        pytest.fail(f"no model in {DEMO / 'sft'}; next: make demo")
    return rewrite(DEMO / "sft", tmp_path_factory.mktemp("model") / "sft")


@pytest.fixture(scope="session")
def rl_faces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A DATA_DIR whose `tag_rl` are the demo's detected faces; `text` has no pictures."""
    data = tmp_path_factory.mktemp("data")
    (data / "synth").symlink_to(DEMO / "data/synth")
    faces = {"file_name": "synth/detected/train.jsonl", "formatting": "tag"}
    entries = {"tag_rl": faces, "text": {"file_name": "text.json"}}
    (data / "dataset_info.json").write_text(json.dumps(entries))
    rows = [{"instruction": f"Say {each}.", "input": "", "output": "."} for each in range(16)]
    (data / "text.json").write_text(json.dumps(rows))
    return data


@pytest.fixture(scope="session")
def hundred_faces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A TAG_DATA_DIR whose test split are the demo's first 100 test faces."""
    data, demo = tmp_path_factory.mktemp("faces"), DEMO / "data/synth"
    (data / "synth/detected").mkdir(parents=True)
    (data / "synth/images").symlink_to(demo / "images")
    shutil.copy(demo / "detected/train.jsonl", data / "synth/detected")
    lines = (demo / "detected/test.jsonl").read_text(encoding="utf-8").splitlines(keepends=True)
    (data / "synth/detected/test.jsonl").write_text("".join(lines[:100]), encoding="utf-8")
    return data
