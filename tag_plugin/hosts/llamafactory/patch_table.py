"""Every change to LLaMA-Factory and to what it trains with, as one table; `patches` makes them."""

from collections.abc import Mapping
from typing import Final

from tag_plugin.hosts.patching import Patch

_HOST: Final = "llamafactory"
_READING: Final = "while TAG rows are read"
_TRAINING: Final = "while a run trains"
_GRPO: Final = "while stage: grpo runs"

PATCHES: Final[Mapping[str, Patch]] = {
    "data_arguments": Patch(
        "llamafactory.hparams.data_args",
        "DataArguments",
        "",
        _HOST,
        "box_frame, beside template",
    ),
    "arguments": Patch(
        "llamafactory.hparams.finetuning_args",
        "FinetuningArguments",
        "",
        _HOST,
        "stage: grpo and its options",
    ),
    "get_dataset": Patch(
        "llamafactory.data.loader",
        "get_dataset",
        "template model_args data_args training_args stage tokenizer processor",
        _HOST,
        "TAG data is checked before the model loads",
    ),
    "load": Patch(
        "llamafactory.data.loader",
        "_load_single_dataset",
        "dataset_attr model_args data_args training_args",
        _HOST,
        "TAG rows are read line by line, for grpo with what the rewards compare",
        _READING,
    ),
    "align": Patch(
        "llamafactory.data.loader",
        "align_dataset",
        "dataset dataset_attr data_args training_args",
        _HOST,
        "called: converts TAG rows",
        "never changed",
    ),
    "processor": Patch(
        "llamafactory.data.loader",
        "_get_dataset_processor",
        "data_args stage template tokenizer processor do_generate",
        _HOST,
        "prompts in place of samples to imitate",
        "while rows of stage: grpo are read",
    ),
    "run": Patch(
        "llamafactory.train.tuner",
        "_training_function",
        "config",
        _HOST,
        "stage: grpo; tag_plugin.json beside the weights; what follows here",
    ),
    "export": Patch(
        "llamafactory.train.tuner",
        "export_model",
        "args",
        _HOST,
        "an exported model keeps tag_plugin.json",
    ),
    "get_arguments": Patch(
        "llamafactory.train.tuner",
        "get_train_args",
        "args",
        _HOST,
        "where a run begins is settled before anything loads",
        _TRAINING,
    ),
    "last_checkpoint": Patch(
        "llamafactory.hparams.parser",
        "get_last_checkpoint",
        "folder",
        "transformers",
        "half a checkpoint is passed over",
        _TRAINING,
        "whole_checkpoints",
    ),
    "train": Patch(
        "transformers.trainer",
        "Trainer.train",
        "self resume_from_checkpoint ...",
        "transformers",
        "the host's trainers for pt, sft, kto and dpo resume exactly",
        _TRAINING,
        "exact_resume",
    ),
    "skip_batches": Patch(
        "transformers.trainer",
        "skip_first_batches",
        "dataloader num_batches",
        "accelerate",
        "the rest of an epoch keeps the order of that epoch",
        _TRAINING,
        "exact_resume",
    ),
    "collate": Patch(
        "llamafactory.data.collator",
        "MultiModalDataCollatorForSeq2Seq.__call__",
        "self features",
        _HOST,
        "GLM-4V's positions",
        _TRAINING,
        "glm4v_positions",
    ),
    "vllm": Patch(
        "trl.import_utils",
        "is_vllm_available",
        "",
        "trl",
        "a vLLM that is installed is not imported, but where the recipe says use_vllm",
        _GRPO,
    ),
    **{
        name: Patch("trl.trainer.grpo_trainer", name, "", "trl", why, _GRPO, added=True)
        for name, why in (
            ("LLM", "vLLM's engine gets the recipe's limits of context and pictures, and dtype"),
            ("SamplingParams", "vLLM 0.20 takes no truncate_prompt_tokens and no guided_decoding"),
            ("GuidedDecodingParams", "vLLM calls it StructuredOutputsParams since 0.12"),
        )
    },
}
"""Every symbol of the host that is changed or relied on."""
