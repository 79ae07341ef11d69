"""Each host is changed as its table says, or not at all; one process for all of it."""

import json
import subprocess
import sys
from typing import Any

import pytest

from tag_plugin.hosts.llamafactory import patches as llamafactory
from tag_plugin.hosts.lmms_eval import patches as lmms_eval
from tag_plugin.hosts.patching import ALWAYS, Patch
from tag_plugin.hosts.repairs import REPAIRS
from tag_plugin.hosts.versions import TESTED

pytestmark = pytest.mark.host

PATCHES = {"llamafactory": llamafactory.PATCHES.values(), "lmms_eval": lmms_eval.PATCHES.values()}
MOST = {"llamafactory": 5, "lmms_eval": 3}  # symbols that stay changed
INHERITED = (  # gone, it is the base class's, which takes something else
    "MultiModalDataCollatorForSeq2Seq.__call__",
    "ConfigurableTask.download",
    "PreTrainedTokenizerBase.__call__",
)
QUESTIONS = (
    "llamafactory transformers.trainer skip_first_batches llamafactory.train.tuner",
    "lmms_eval lmms_eval.caching.response_cache ResponseCache lmms_eval.evaluator",
)


@pytest.fixture(scope="module")
def answers() -> dict[str, Any]:
    """See changed_host.py: a host is imported with one symbol changed, then each is in turn."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.hosts.changed_host", *QUESTIONS],
        capture_output=True,
        text=True,
        check=True,
        timeout=900,
    )
    return json.loads(done.stdout.splitlines()[-1])


def test_a_changed_library_is_told_in_one_line_when_the_host_is_imported(answers: dict[str, Any]):
    (line,) = answers["llamafactory"]["imported"]
    assert "transformers.trainer.skip_first_batches takes (nobody_knows), not (dataloader," in line
    assert f"accelerate 1.11.0 (tested: {TESTED['accelerate']})" in line
    (line,) = answers["lmms_eval"]["imported"]
    assert "lmms_eval.caching.response_cache.ResponseCache.execute is gone; lmms-eval 0.7" in line


@pytest.mark.parametrize(
    ("host", "patch"),
    [(host, patch) for host, patches in PATCHES.items() for patch in patches if not patch.added],
    ids=lambda value: value if isinstance(value, str) else value.symbol,
)
def test_without_a_symbol_nothing_is_changed_and_one_line_names_it(
    host: str, patch: Patch, answers: dict[str, Any]
):
    symbol = f"{patch.module}.{patch.symbol}"
    cases = [case for case in answers[host]["cases"] if case["symbol"] == symbol]
    assert len(cases) == (2 if patch.parameters else 1)
    for case in cases:
        (line,) = case["said"]
        lost = case["gone"] and patch.symbol not in INHERITED
        package = patch.module.partition(".")[0].replace("_", "-") if lost else patch.package
        assert f"{symbol} {'is gone' if lost else 'takes ('}" in line
        assert f"; {package} " in line
        assert f"(tested: {TESTED[package]})" in line
        assert case["changed"] == []


@pytest.mark.parametrize("host", PATCHES)
def test_few_symbols_stay_changed_and_all_are_declared(host: str, answers: dict[str, Any]):
    changed = set(answers[host]["changed"]) - {"sys.excepthook"}
    declared = {f"{p.module}.{p.symbol}" for p in PATCHES[host] if p.when == ALWAYS}
    assert answers[host]["said"] == []
    assert changed == declared
    assert len(changed) == MOST[host]


def test_every_repair_of_the_tables_has_a_switch():
    named = {patch.repair for patches in PATCHES.values() for patch in patches if patch.repair}
    assert named <= REPAIRS.keys()
