"""A protocol's fingerprint changes with every field, and differences are named."""

import hashlib
import json

import pytest

from tag_plugin.results.protocol import Protocol, differences, unstated
from tests.results.run_files import PROTOCOL

CHANGES = {
    "task": "tag_ferplus_argmax",
    "task_version": "2.0",
    "dataset": "ferplus_argmax",
    "split": "dev",
    "n": 3,
    "items": "0-99",
    "label_set": "affectnet8",
    "labels": ("anger",),
    "preparation": {"rule": "argmax"},
    "image": "100x100",
    "style": "direct",
    "prompt_hash": "ba9876543210",
    "box_frame": None,
    "model_input": {"wrapper": "qwen2_5_vl simple"},
    "decoding": {"max_new_tokens": 8, "do_sample": False},
    "answers": "lenient-1",
    "judge": {"top_k": 5},
    "detector": None,
    "rows_sha256": "c" * 64,
    "images_sha256": "c" * 64,
    "host_options": {"num_fewshot": 1},
    "baselines": "0123456789ab",
}


def test_the_table_of_changes_names_every_field():
    assert set(CHANGES) == set(Protocol.model_fields) - {"version"}


@pytest.mark.parametrize("field", CHANGES)
def test_every_field_reaches_the_fingerprint_and_is_named(field):
    other = PROTOCOL.model_copy(update={field: CHANGES[field]})
    assert other.fingerprint != PROTOCOL.fingerprint
    assert {name.partition(".")[0] for name in differences(PROTOCOL, other)} == {field}


def test_a_nested_difference_is_named_with_both_values():
    other = PROTOCOL.model_copy(update={"decoding": CHANGES["decoding"]})
    assert differences(PROTOCOL, other) == {"decoding.max_new_tokens": (1024, 8)}


def test_a_protocol_survives_json_with_its_fingerprint():
    again = Protocol.model_validate(json.loads(PROTOCOL.model_dump_json()))
    assert again == PROTOCOL
    assert again.fingerprint == PROTOCOL.fingerprint
    assert differences(again, PROTOCOL) == {}


OLD = {**PROTOCOL.model_dump(mode="json", exclude={"model_input", "baselines"}), "version": 1}


def test_an_older_protocol_keeps_the_fingerprint_that_it_was_stated_with():
    text = json.dumps(OLD, sort_keys=True, ensure_ascii=False)
    old = Protocol.model_validate(OLD)
    assert old.fingerprint == hashlib.sha256(text.encode()).hexdigest()[:12]
    assert old.fingerprint != PROTOCOL.fingerprint
    more = PROTOCOL.model_copy(update={"preparation": {"rule": "majority", "seed": 0}})
    assert differences(old, more) == {}
    other = PROTOCOL.model_copy(update={"preparation": {"rule": "argmax"}})
    assert set(differences(old, other)) == {"preparation.rule"}
    assert differences(old, PROTOCOL) == {}, "what only one of them states is no difference"
    assert "older tag-plugin" in (unstated(old) or "")
    assert unstated(PROTOCOL) is None


def test_the_fingerprint_does_not_depend_on_the_order_of_settings():
    other = PROTOCOL.model_copy(update={"decoding": dict(reversed(PROTOCOL.decoding.items()))})
    assert other.fingerprint == PROTOCOL.fingerprint


def test_people_read_every_field():
    text = "\n".join(PROTOCOL.lines())
    assert "preparation: rule majority" in text
    assert "box_frame: relative" in text
    assert PROTOCOL.name == f"tag_ferplus v1.0 [{PROTOCOL.fingerprint}]"
