"""A checkpoint without all of its weights is never evaluated; what may be absent may be absent."""

import json

import pytest

from tag_plugin.hosts.lmms_eval.errors import WrongConfigurationError
from tag_plugin.hosts.lmms_eval.host_functions import whole_weights
from tag_plugin.hosts.lmms_eval.patches import PATCHES
from tag_plugin.hosts.patching import replaced

pytestmark = pytest.mark.host


@pytest.fixture
def checkpoint(tmp_path):
    """A language model of two small layers, saved."""
    from transformers import Qwen2Config, Qwen2ForCausalLM

    config = Qwen2Config(
        vocab_size=32,
        hidden_size=8,
        intermediate_size=8,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        tie_word_embeddings=True,
    )
    Qwen2ForCausalLM(config).save_pretrained(tmp_path)
    return tmp_path


def without(folder, *names):
    from safetensors.torch import load_file, save_file

    file = folder / "model.safetensors"
    held = {name: value for name, value in load_file(file).items() if name not in names}
    save_file(held, file, {"format": "pt"})


def load(folder, automatic=False, **options):
    from transformers import AutoModelForCausalLM, PreTrainedModel, Qwen2ForCausalLM

    before = PreTrainedModel.__dict__["from_pretrained"]
    with replaced(PATCHES["weights"], whole_weights):
        loads = AutoModelForCausalLM if automatic else Qwen2ForCausalLM
        try:
            return loads.from_pretrained(folder, **options)
        finally:
            assert PreTrainedModel.__dict__["from_pretrained"] is not before


@pytest.mark.parametrize("automatic", [False, True])
def test_missing_weights_are_named_in_one_message(checkpoint, automatic):
    absent = [f"model.layers.{i}.mlp.{part}_proj.weight" for i in (0, 1) for part in ("up", "gate")]
    without(checkpoint, *absent)
    with pytest.raises(WrongConfigurationError) as caught:
        load(checkpoint, automatic)
    message = str(caught.value)
    assert f"{checkpoint} does not hold all weights of Qwen2ForCausalLM" in message
    assert "model.layers.0.mlp.gate_proj.weight" in message
    assert "and 1 more; next: " in message
    assert "\n" not in message


def test_another_class_than_the_checkpoints_is_refused(checkpoint):
    from transformers import LlamaForCausalLM, Qwen2MoeForCausalLM

    with (
        replaced(PATCHES["weights"], whole_weights),
        pytest.raises(WrongConfigurationError, match="would be random"),
    ):
        Qwen2MoeForCausalLM.from_pretrained(checkpoint)
    LlamaForCausalLM.from_pretrained(checkpoint)  # outside of an evaluation it is the user's affair


@pytest.mark.parametrize(
    ("held", "loaded"),
    [
        ("glm4v", "Glm4vForConditionalGeneration"),
        ("glm4v_moe", "Glm4vMoeForConditionalGeneration"),
    ],
)
@pytest.mark.parametrize(
    "asked", ["Glm4vForConditionalGeneration", "Glm4vMoeForConditionalGeneration"]
)
def test_a_glm4v_checkpoint_loads_as_what_it_is(tmp_path, held, loaded, asked):
    """The host's wrapper takes the class by the word Flash in the checkpoint's name."""
    import transformers

    def load(cls, *args, **options):
        return cls.__name__, {}

    (tmp_path / "config.json").write_text(json.dumps({"model_type": held}))
    wanted = getattr(transformers, asked)
    assert whole_weights(load)(wanted, str(tmp_path)) == loaded


def test_weights_of_another_shape_are_refused_too(checkpoint):
    with pytest.raises(WrongConfigurationError, match="would be random"):
        load(checkpoint, intermediate_size=16, ignore_mismatched_sizes=True)


@pytest.mark.parametrize("automatic", [False, True])
def test_a_whole_checkpoint_loads_though_its_head_is_tied(checkpoint, automatic):
    from safetensors.torch import load_file

    assert "lm_head.weight" not in load_file(checkpoint / "model.safetensors")
    model = load(checkpoint, automatic)
    assert model.lm_head.weight is model.model.embed_tokens.weight
    model, found = load(checkpoint, output_loading_info=True)
    assert list(found["missing_keys"]) == []
