"""The tables of benchmarks and of families say what the readers and the hosts need of them."""

import pytest
import yaml

from tag_plugin.data.benchmarks import BENCHMARKS
from tag_plugin.data.box_frames import FAMILIES
from tag_plugin.facs.emotions import LABEL_SETS
from tag_plugin.hosts.paths import tasks_dir

MADE_OF_OTHERS = {"masked_cited", "masked_uncited", "mirrored", "shifted", "synth_redrawn"}


@pytest.mark.parametrize("name", BENCHMARKS)
def test_a_benchmark_has_labels_a_command_and_terms(name: str):
    benchmark = BENCHMARKS[name]
    assert benchmark.label_set in LABEL_SETS
    assert benchmark.command.startswith("tag-plugin prepare ")
    assert benchmark.licence
    assert bool(benchmark.access) == (name != "synth"), "drawings are made here"


def test_every_task_reads_a_benchmark_of_the_table():
    class Loader(yaml.SafeLoader):
        """Knows the host's tags as nothing."""

    Loader.add_multi_constructor("!", lambda *_: None)
    read = [yaml.load(file.read_text(), Loader) for file in tasks_dir().glob("*.yaml")]  # noqa: S506
    names = {task["dataset_name"] for task in read if "dataset_name" in task}
    assert names - MADE_OF_OTHERS <= set(BENCHMARKS)
    assert names & set(BENCHMARKS)


def test_every_family_names_its_source():
    assert all(family.source for family in FAMILIES.values())
