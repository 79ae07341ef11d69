"""TAG's question goes to TAG samples alone: the others of a mix stay the host's own."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.hosts.llamafactory.conftest import PLAIN_ROWS, TAG_ROWS
from tests.hosts.llamafactory.host_run import by_image, samples, train_args

pytestmark = pytest.mark.host

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


@pytest.mark.slow
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
    program = (
        "import json, sys\n"
        "from llamafactory.data.template import TEMPLATES\n"
        "assert not [name for name in TEMPLATES if name.startswith('tag_')]\n"
        "from tests.hosts.llamafactory.host_run import by_image, samples\n"
        "recipe = json.loads(sys.argv[1])\n"
        "found = by_image(samples(recipe))\n"
        "open(sys.argv[2], 'w').write(json.dumps(found))\n"
    )
    out = tmp_path / "bare.json"
    subprocess.run(
        [sys.executable, "-c", program, json.dumps(recipe), str(out)],
        check=True,
        timeout=900,
        env={**os.environ, "TAG_PLUGIN_DISABLE": "1"},
        cwd=Path(__file__).parents[3],
    )
    bare = {image: tuple(tokens) for image, tokens in json.loads(out.read_text()).items()}
    assert bare == alone["plain"]
