"""The task files: one base, one line a benchmark; every function they name exists."""

import importlib
from pathlib import Path

import pytest
import yaml

from tag_plugin.facs.emotions import LABEL_SETS
from tag_plugin.hosts.lmms_eval.asked import DATASET_PATH, datasets_of
from tag_plugin.hosts.paths import tasks_dir

FILES = sorted(path.name for path in tasks_dir().iterdir())
DATASETS = {
    "tag_rafdb": "rafdb",
    "tag_ferplus": "ferplus",
    "tag_affectnet": "affectnet7",
    "tag_affectnet8": "affectnet8",
    "tag_synth": "synth",
}


class Loader(yaml.SafeLoader):
    """Reads `!function a.b.c` as the object it names."""


def function(loader: yaml.Loader, node: yaml.ScalarNode) -> object:
    module, _, name = str(loader.construct_scalar(node)).rpartition(".")
    return getattr(importlib.import_module(module), name)


Loader.add_constructor("!function", function)


def load(name: str) -> dict[str, object]:
    return yaml.load((tasks_dir() / name).read_text(), Loader)  # noqa: S506  # our own files


def test_there_is_a_file_a_task_over_one_base_and_a_group():
    assert (
        sorted([*(f"{name}.yaml" for name in DATASETS), "_fer_base.yaml", "tag_fer.yaml"]) == FILES
    )


@pytest.mark.parametrize(("task", "dataset"), DATASETS.items())
def test_a_task_only_names_its_dataset(task, dataset):
    assert load(f"{task}.yaml") == {
        "include": "_fer_base.yaml",
        "task": task,
        "dataset_name": dataset,
    }
    assert dataset in LABEL_SETS


def test_the_base_asks_greedily_and_keeps_the_reasoning():
    base = load("_fer_base.yaml")
    assert base["dataset_path"] == DATASET_PATH
    assert base["reasoning_tags"] == "none"
    assert base["generation_kwargs"] == {
        "max_new_tokens": 1024,
        "do_sample": False,
        "temperature": 0,
        "num_beams": 1,
        "until": [],
    }
    assert callable(base["process_results"])
    assert callable(base["doc_to_visual"])
    assert len(base["metric_list"]) > 20


def test_the_group_is_the_papers_benchmarks():
    index = {
        name: {"type": "task", "yaml_path": str(tasks_dir() / f"{name}.yaml")}
        for name in [*DATASETS, "tag_fer"]
    }
    assert list(datasets_of(["tag_fer"], index)) == ["rafdb", "ferplus", "affectnet7"]


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (["tag_synth"], ["synth"]),
        ("tag_synth", ["synth"]),
        (["a_tag", "elsewhere", "unknown"], ["rafdb"]),
        (
            [{"task": "mine", "dataset_path": "tag_plugin", "dataset_name": "my_faces"}],
            ["my_faces"],
        ),
        ([{"task": "tag_rafdb", "num_fewshot": 0}], ["rafdb"]),
        ([object()], []),
    ],
)
def test_what_is_asked_for_is_found_by_its_files(tmp_path: Path, asked, expected):
    other = tmp_path / "elsewhere.yaml"
    other.write_text("task: elsewhere\ndataset_path: someone/else\n")
    index = {
        "elsewhere": {"type": "task", "yaml_path": str(other)},
        "a_tag": {"type": "tag", "yaml_path": -1, "task": ["tag_rafdb"]},
        **{
            name: {"type": "task", "yaml_path": str(tasks_dir() / f"{name}.yaml")}
            for name in DATASETS
        },
    }
    assert list(datasets_of(asked, index)) == expected
