"""Caches cannot give the answers of other weights or other data."""

import os

import pytest

from tag_plugin.hosts.lmms_eval.cache import refuse_stale_cache, weights_of
from tag_plugin.hosts.lmms_eval.errors import WrongConfigurationError


@pytest.fixture
def checkpoint(tmp_path):
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    (folder / "model.safetensors").write_bytes(bytes(range(256)) * 40_000)  # 10 MB
    (folder / "checkpoint-500").mkdir()
    return folder


def arguments(folder, more=""):
    return f"pretrained={folder}{more}"


def test_the_same_weights_have_the_same_identity_whatever_else_is_said(checkpoint):
    first = weights_of(arguments(checkpoint))
    assert len(first) == 12
    assert weights_of(arguments(checkpoint, ",max_pixels=100")) == first
    assert weights_of({"pretrained": str(checkpoint)}) == first
    (checkpoint / "checkpoint-500" / "model.safetensors").write_text("x")
    assert weights_of(arguments(checkpoint)) == first


def changed_byte(folder):
    file = folder / "model.safetensors"
    content = bytearray(file.read_bytes())
    status = file.stat()
    content[0] = 7
    file.write_bytes(content)
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))


def touched(folder):
    os.utime(folder / "model.safetensors", ns=(1, 1))


def new_config(folder):
    (folder / "config.json").write_text('{"a": 1}')


@pytest.mark.parametrize("change", [changed_byte, touched, new_config])
def test_changed_weights_in_the_same_folder_have_another_identity(checkpoint, change):
    before = weights_of(arguments(checkpoint))
    change(checkpoint)
    assert weights_of(arguments(checkpoint)) != before


@pytest.mark.parametrize("model_args", ["", None, {}, "model_version=gpt-x", "pretrained=no/such"])
def test_what_is_not_here_has_no_identity(model_args):
    assert weights_of(model_args) is None


@pytest.mark.parametrize(
    ("call", "weights", "message"),
    [
        ({"cache_requests": True, "model_args": ""}, None, "--cache_requests keeps .*next: leave"),
        (
            {"use_cache": "c", "model_args": "pretrained=org/name"},
            None,
            "cannot tell which weights org/name are.*next: download",
        ),
        (
            {"use_cache": "c", "model_args": "model=org/name"},  # vLLM's name for it
            None,
            "cannot tell which weights org/name are.*next: download",
        ),
    ],
)
def test_a_cache_that_could_be_stale_is_refused_with_a_message(call, weights, message):
    with pytest.raises(WrongConfigurationError, match=message):
        refuse_stale_cache(call, weights)


@pytest.mark.parametrize(
    ("call", "weights"),
    [
        ({"use_cache": "c", "model_args": "pretrained=here"}, "0123456789ab"),
        ({"use_cache": "c", "model_args": "model_version=gpt-x"}, None),  # a service
        ({"use_cache": None, "model_args": "pretrained=org/name"}, None),
        ({"model_args": None}, None),
    ],
)
def test_a_cache_that_can_tell_is_used(call, weights):
    refuse_stale_cache(call, weights)


def test_a_service_is_known_by_its_name_alone():
    refuse_stale_cache({"use_cache": "c", "model_args": "model=gpt-x"}, None, service=True)


def test_an_engine_names_its_weights_in_another_way(checkpoint):
    assert weights_of({"model": str(checkpoint)}) is not None
