"""The key of a request: the same exactly when the same thing is asked."""

import pytest

from tag_plugin.asking.request import compose, request_seed

ASKED = {
    "model": "m",
    "prompt": "p",
    "image": b"i",
    "seed": 1,
    "parameters": {"temperature": 0.7, "max_tokens": 9},
}


def test_the_order_of_parameters_does_not_matter():
    turned = {**ASKED, "parameters": {"max_tokens": 9, "temperature": 0.7}}
    assert compose(**ASKED).key == compose(**turned).key


@pytest.mark.parametrize(
    "change",
    [{"model": "n"}, {"prompt": "q"}, {"image": b"j"}, {"seed": 2}, {"parameters": {}}],
)
def test_whatever_else_is_asked_has_another_key(change):
    assert compose(**ASKED).key != compose(**{**ASKED, **change}).key


def test_seeds_fit_in_31_bits_and_differ_by_attempt_row_and_split():
    seeds = {
        request_seed(seed, split, row, attempt)
        for seed in (0, 1)
        for split in ("train", "dev")
        for row in ("a", "b")
        for attempt in (1, 2)
    }
    assert len(seeds) == 16
    assert all(0 <= seed < 2**31 for seed in seeds)
