"""Attention of one new token on a CPU: what transformers' SDPA gives, and nothing else changes."""

from types import SimpleNamespace

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("llamafactory")

from transformers.integrations.sdpa_attention import sdpa_attention_forward  # noqa: E402  # after the skip
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS  # noqa: E402  # after the skip

from tag_plugin.hosts.llamafactory.grpo.trl_model import (  # noqa: E402  # after the skip
    fast_decoding,
    grouped_attention,
)

pytestmark = pytest.mark.host

BATCH, SIZE, LENGTH = 3, 8, 11


def a_step(heads, groups, queries=1, dtype=torch.float32):
    draw = torch.Generator().manual_seed(heads * 10 + groups)

    def tensor(count, length):
        return torch.randn(BATCH, count, length, SIZE, generator=draw).to(dtype)

    return tensor(heads, queries), tensor(groups, LENGTH), tensor(groups, LENGTH)


def masks(dtype):
    seen = torch.ones(BATCH, 1, 1, LENGTH + 2, dtype=torch.bool)
    seen[1, ..., :4] = False  # left padding
    return {
        "none": None,
        "bool": seen,
        "float": torch.zeros(seen.shape, dtype=dtype).masked_fill(~seen, torch.finfo(dtype).min),
    }


@pytest.mark.parametrize(("dtype", "close"), [(torch.float32, 1e-6), (torch.bfloat16, 2e-2)])
@pytest.mark.parametrize("mask", ["none", "bool", "float"])
@pytest.mark.parametrize(("heads", "groups"), [(4, 2), (4, 4), (6, 1)])
def test_one_token_attends_as_transformers_sdpa_does(heads, groups, mask, dtype, close):
    query, key, value = a_step(heads, groups, dtype=dtype)
    module = SimpleNamespace(num_key_value_groups=heads // groups, is_causal=True)
    seen = masks(dtype)[mask]
    cut = None if seen is None else seen[..., :LENGTH]  # transformers 5 wants it cut
    theirs, _ = sdpa_attention_forward(module, query, key, value, cut, scaling=0.3)
    ours = grouped_attention(query, key, value, seen, 0.3)
    assert ours.shape == theirs.shape
    assert torch.allclose(ours.float(), theirs.float(), atol=close)


@pytest.mark.parametrize(
    ("queries", "of_the_model", "off", "own"),
    [
        (1, True, "", True),
        (2, True, "", False),
        (1, False, "", False),  # another model of the process
        (1, True, "cpu_decoding", False),  # the user has switched the repair off
    ],
)
def test_only_single_tokens_of_the_model_take_the_other_way_and_only_meanwhile(
    queries, of_the_model, off, own, monkeypatch
):
    monkeypatch.setenv("TAG_PLUGIN_REPAIRS_OFF", off)
    asked = []
    monkeypatch.setitem(ALL_ATTENTION_FUNCTIONS, "sdpa", lambda *_, **more: asked.append(more))
    before = ALL_ATTENTION_FUNCTIONS["sdpa"]
    query, key, value = a_step(4, 2, queries)
    model = torch.nn.Sequential(torch.nn.Linear(1, 1))
    module = model[0] if of_the_model else torch.nn.Linear(1, 1)
    with fast_decoding(model):
        attend = ALL_ATTENTION_FUNCTIONS["sdpa"]
        attend(module, query, key, value, None, dropout=0.0, scaling=0.3, is_causal=None)
    assert asked == ([] if own else [{"dropout": 0.0, "scaling": 0.3, "is_causal": None}])
    assert ALL_ATTENTION_FUNCTIONS["sdpa"] is before


def test_it_ends_with_an_error_too():
    before = ALL_ATTENTION_FUNCTIONS["sdpa"]
    with pytest.raises(KeyError), fast_decoding(torch.nn.Linear(1, 1)):
        raise KeyError
    assert ALL_ATTENTION_FUNCTIONS["sdpa"] is before
