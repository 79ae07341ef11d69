"""A TAG dataset that a recipe names and that is not there: one message with the way to it."""

import json

import pytest

from tag_plugin.hosts.llamafactory.dataset_entries import require_entries
from tag_plugin.hosts.llamafactory.reading import TagDatasetError


@pytest.fixture
def data(tmp_path):
    folder = tmp_path / "data"
    folder.mkdir()
    entries = {"tag_synth_train": {}, "alpaca": {}}
    (folder / "dataset_info.json").write_text(json.dumps(entries))
    return folder


@pytest.mark.parametrize(
    ("name", "commands"),
    [
        (
            "tag_ferplus_train",
            "tag-plugin prepare ferplus --root DIR --out {0}, tag-plugin detect {0}/ferplus, tag-",
        ),
        ("tag_rafdb_rl", "tag-plugin build {0}/rafdb, tag-plugin data make {0}/rafdb"),
        ("tag_synth_negative_train", "tag-plugin prepare ... --name synth_negative --out {0}"),
        ("tag_affectnet8_dev_label_only", "tag-plugin build {0}/affectnet8"),
    ],
)
def test_the_message_names_the_place_what_is_there_and_the_commands(data, name, commands):
    with pytest.raises(TagDatasetError) as refused:
        require_entries([name, "tag_synth_train"], str(data))
    message = str(refused.value)
    assert f"no dataset {name} in dataset_dir {data}; there: tag_synth_train; next: " in message
    assert commands.format(data) in message
    assert "\n" not in message


def test_a_folder_too_deep_and_one_that_is_none_are_said(data, monkeypatch):
    (data / "synth/prepared").mkdir(parents=True)
    with pytest.raises(TagDatasetError, match=f"name the folder above it, {data}; there: no TAG"):
        require_entries(["tag_synth_train"], str(data / "synth"))
    monkeypatch.chdir(data)
    with pytest.raises(TagDatasetError, match=f"{data}/data, which does not exist"):
        require_entries(["tag_synth_train"], "data")


@pytest.mark.parametrize(
    ("names", "place"),
    [
        (["tag_synth_train"], "."),
        ([], "nowhere"),
        (["tag_x"], "ONLINE"),
        (["tag_x"], "REMOTE:org/sets"),
        (["tag_x"], {"tag_x": {}}),
    ],
)
def test_what_is_there_or_elsewhere_is_left_to_the_host(data, monkeypatch, names, place):
    monkeypatch.chdir(data)
    require_entries(names, place)
