"""The task files: one base, one line a benchmark; every function they name exists."""

import importlib
from pathlib import Path

import pytest
import yaml

from tag_plugin.facs.emotions import LABEL_SETS
from tag_plugin.hosts.lmms_eval.tag_tasks import DATASET_PATH, TagTask, tag_tasks
from tag_plugin.hosts.paths import tasks_dir
from tag_plugin.trace.prompt import Style

FILES = sorted(path.name for path in tasks_dir().iterdir())
DATASETS = {
    "tag_rafdb": "rafdb",
    "tag_ferplus": "ferplus",
    "tag_ferplus_argmax": "ferplus_argmax",
    "tag_affectnet": "affectnet7",
    "tag_affectnet8": "affectnet8",
    "tag_synth": "synth",
}
VARIANTS = {
    "": {"include": "_fer_base.yaml"},
    "_dev": {"include": "_fer_base.yaml", "test_split": "dev"},
    "_direct": {"include": "_direct_base.yaml"},
    "_cot": {"include": "_cot_base.yaml"},
}
TASKS = {
    f"{task}{suffix}": {**fields, "task": f"{task}{suffix}", "dataset_name": dataset}
    for task, dataset in DATASETS.items()
    for suffix, fields in VARIANTS.items()
} | {
    name: {"include": "_fer_base.yaml", "task": name, "dataset_name": name.removeprefix("tag_")}
    for name in (
        *("tag_masked_cited", "tag_masked_uncited"),
        *("tag_mirrored", "tag_shifted", "tag_synth_redrawn"),
    )
}
BASES = ("_cot_base.yaml", "_direct_base.yaml", "_fer_base.yaml")
INDEX = {
    name: {"type": "task", "yaml_path": str(tasks_dir() / f"{name}.yaml")}
    for name in [*TASKS, "tag_fer"]
}


class Loader(yaml.SafeLoader):
    """Reads `!function a.b.c` as the object it names."""


def function(loader: yaml.Loader, node: yaml.ScalarNode) -> object:
    module, _, name = str(loader.construct_scalar(node)).rpartition(".")
    return getattr(importlib.import_module(module), name)


Loader.add_constructor("!function", function)


def load(name: str) -> dict[str, object]:
    return yaml.load((tasks_dir() / name).read_text(), Loader)  # noqa: S506  # our own files


def test_there_is_a_file_a_task_over_shared_bases_and_a_group():
    assert sorted([*(f"{name}.yaml" for name in TASKS), *BASES, "tag_fer.yaml"]) == FILES


@pytest.mark.parametrize("task", TASKS)
def test_a_task_only_names_its_dataset_split_and_style(task):
    assert load(f"{task}.yaml") == TASKS[task]


@pytest.mark.parametrize(
    ("task", "asked"),
    [
        ("tag_ferplus", TagTask("ferplus", "test", Style.GROUNDED)),
        ("tag_ferplus_dev", TagTask("ferplus", "dev", Style.GROUNDED)),
        ("tag_ferplus_argmax_dev", TagTask("ferplus_argmax", "dev", Style.GROUNDED)),
        ("tag_affectnet_direct", TagTask("affectnet7", "test", Style.DIRECT)),
        ("tag_rafdb_cot", TagTask("rafdb", "test", Style.COT)),
        ("tag_masked_cited", TagTask("masked_cited", "test", Style.GROUNDED)),
    ],
)
def test_dev_twins_read_the_dev_split_and_styles_are_tasks_of_their_own(task, asked):
    assert list(tag_tasks([task], INDEX)) == [asked]


@pytest.mark.parametrize("dataset", DATASETS.values())
def test_every_dataset_has_a_label_set(dataset):
    assert dataset.removesuffix("_argmax") in LABEL_SETS


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


def test_the_group_is_the_three_headline_benchmarks():
    names = [asked.dataset for asked in tag_tasks(["tag_fer"], INDEX)]
    assert names == ["rafdb", "ferplus", "affectnet7"]


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
        **INDEX,
    }
    assert [each.dataset for each in tag_tasks(asked, index)] == expected
