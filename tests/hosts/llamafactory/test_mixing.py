"""TAG's question goes to TAG samples alone: the others of a mix stay the host's own."""

import json
import sys
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from tag_plugin._autoload import HostFinder
from tests.forked import forked
from tests.hosts.llamafactory.conftest import PLAIN_ROWS, TAG_ROWS
from tests.hosts.llamafactory.host_run import by_image, samples, train_args

pytestmark = pytest.mark.host

HOST_RUN = "tests.hosts.llamafactory.host_run"
STREAM = {"streaming": True, "dataloader_num_workers": 1}
Tokens = dict[str, tuple[list[int], list[int]]]


@pytest.fixture(scope="module")
def alone(
    qwen2_5_vl: Path, mixed_data: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Tokens]:
    """Each dataset by itself; the plain one under the host's own template."""
    out = tmp_path_factory.mktemp("out")
    settings = {"plain": "qwen2_vl", "tag_synth_train": "tag_qwen2_5_vl"}
    return {
        name: by_image(
            samples(train_args(qwen2_5_vl, mixed_data, out, dataset=name, template=template))
        )
        for name, template in settings.items()
    }


@pytest.mark.parametrize(
    ("settings", "plain_samples", "tag_samples"),
    [
        ({"mix_strategy": "concat"}, PLAIN_ROWS, TAG_ROWS),
        ({"mix_strategy": "interleave_under"}, PLAIN_ROWS, TAG_ROWS),
        # drawn until both are exhausted, so that rows come twice
        ({"mix_strategy": "interleave_over", "interleave_probs": "0.4,0.6"}, PLAIN_ROWS, TAG_ROWS),
        ({"mix_strategy": "concat", **STREAM}, PLAIN_ROWS, TAG_ROWS),
        ({"mix_strategy": "interleave_under", **STREAM}, PLAIN_ROWS, TAG_ROWS - 1),
    ],
)
def test_a_mix_leaves_every_sample_as_it_is_alone(
    settings: dict[str, Any],
    plain_samples: int,
    tag_samples: int,
    alone: dict[str, Tokens],
    qwen2_5_vl: Path,
    mixed_data: Path,
    tmp_path: Path,
):
    recipe = train_args(
        qwen2_5_vl, mixed_data, tmp_path / "o", dataset="plain,tag_synth_train", **settings
    )
    found = by_image(samples(recipe))
    plain = {image: tokens for image, tokens in found.items() if image.startswith("plain/")}
    tag = {image: tokens for image, tokens in found.items() if image not in plain}
    assert plain.items() <= alone["plain"].items()
    assert tag.items() <= alone["tag_synth_train"].items()
    assert (len(plain), len(tag)) == (plain_samples, tag_samples)


def test_plain_samples_are_what_the_host_makes_without_the_plugin(
    alone: dict[str, Tokens], qwen2_5_vl: Path, mixed_data: Path, tmp_path: Path
):
    recipe = train_args(
        qwen2_5_vl,
        mixed_data,
        tmp_path / "o",
        dataset="plain",
        template="qwen2_vl",
        cache_dir=str(tmp_path / "cache"),
    )
    out = tmp_path / "bare.json"
    log = tmp_path / "log"
    assert forked(partial(_without_the_plugin, recipe, out), log) == 0, log.read_text()
    bare = {image: tuple(tokens) for image, tokens in json.loads(out.read_text()).items()}
    assert bare == alone["plain"]


def _without_the_plugin(recipe: dict[str, Any], out: Path) -> None:
    """The host imported anew, in a process that nothing arms; all other libraries are loaded."""
    sys.meta_path[:] = [each for each in sys.meta_path if not isinstance(each, HostFinder)]
    for name in [name for name in sys.modules if name.startswith(("llamafactory", HOST_RUN))]:
        del sys.modules[name]
    templates = import_module("llamafactory.data.template").TEMPLATES
    assert not [name for name in templates if name.startswith("tag_")]
    host_run = import_module(HOST_RUN)
    out.write_text(json.dumps(host_run.by_image(host_run.samples(recipe))))
