"""TRL's GRPOTrainer with the host's prompts, optimizers and checkpoints."""

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any, Final

import numpy as np
import torch
from llamafactory.train.callbacks import SaveProcessorCallback
from llamafactory.train.trainer_utils import create_custom_optimizer, create_custom_scheduler
from peft import PeftModel
from transformers import BatchFeature, GenerationConfig

from tag_plugin.hosts.llamafactory.grpo.advantages import NORMALIZE_FIRST, normalized_sum
from tag_plugin.hosts.llamafactory.grpo.best import add_means, full_name
from tag_plugin.hosts.llamafactory.grpo.errors import GrpoError, refuse
from tag_plugin.hosts.llamafactory.grpo.group_signal import GroupSignal, SignalAlarm
from tag_plugin.hosts.llamafactory.grpo.own_pictures import PICTURES, OwnPictures
from tag_plugin.hosts.llamafactory.grpo.pictures import model_inputs
from tag_plugin.hosts.llamafactory.grpo.prompts import (
    PreparedInputs,
    PromptEncoder,
    collapsed_text,
    forbidden_ids,
)
from tag_plugin.hosts.llamafactory.grpo.resume import load_state, save_state, state_file
from tag_plugin.hosts.llamafactory.grpo.rewards import WeightedRewards
from tag_plugin.hosts.llamafactory.grpo.step_file import RolloutRecord, StepFile
from tag_plugin.hosts.llamafactory.grpo.trl_model import (
    MODALITY_IDS,
    fast_decoding,
    pass_token_types,
    token_types,
)
from tag_plugin.hosts.llamafactory.resuming import ExactResume
from tag_plugin.scoring.statistics import Floats

_PROMPT_IDS: Final = "prompt_ids"
_IMAGES: Final = "images"
_NOTHING_TO_LEARN: Final = (
    "not one of the first {} completions has an answer that can be read: there is nothing to learn "
    "from; next: cold-start with SFT (llamafactory-cli train recipes/tag_sft.yaml, then "
    "model_name_or_path: its output_dir), or first_batch_check: false"
)

Samples = Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Watch:
    """What looks on while the policy learns."""

    rewards: WeightedRewards
    signal: GroupSignal
    alarm: SignalAlarm
    rollouts: RolloutRecord
    metrics: StepFile
    first_batch_check: bool


class StageTrainer(ExactResume, OwnPictures):
    """Runs TRL's algorithm unchanged; what differs is where a batch comes from and what is noted.

    Prompts and pictures are the host's (`PromptEncoder`); a generation neither follows the
    checkpoint's generation_config.json nor writes image tokens; a checkpoint holds all that a
    resumed run needs.
    """

    def __init__(
        self,
        *,
        encoder: PromptEncoder,
        tokenizer: Any,
        processor: Any,
        finetuning_args: Any,
        watch: Watch,
        **kwargs: Any,
    ) -> None:
        self.optimizer: Any
        self._encoder, self._tokenizer = encoder, tokenizer
        self._finetuning_args, self._watch = finetuning_args, watch
        self._inputs, self._first_batch = BatchFeature(), True
        self._rewards = torch.empty(0)  # of the last generation, (completions, functions)
        forbidden = forbidden_ids(kwargs["model"].config, encoder.template.mm_plugin, tokenizer)
        _forbid(kwargs["args"], forbidden, tokenizer)
        super().__init__(processing_class=tokenizer, **kwargs)
        if self.accelerator.num_processes > 1:
            self.blank_picture = encoder.blank()
        self._token_types = pass_token_types(self.model)
        pass_token_types(self.ref_model)
        self.add_callback(watch.alarm)
        if processor is not None:
            self.add_callback(SaveProcessorCallback(processor))

    # --- the host's optimizers -----------------------------------------------------------------

    def create_optimizer(self, *args: Any, **kwargs: Any) -> Any:
        """The host's own optimizers (GaLore, Muon, ...) come first, as in its other stages."""
        if self.optimizer is None:
            self.optimizer = create_custom_optimizer(self.model, self.args, self._finetuning_args)
        return super().create_optimizer(*args, **kwargs)

    def create_scheduler(self, num_training_steps: int, optimizer: Any = None) -> Any:
        """As in the host's other stages."""
        create_custom_scheduler(self.args, num_training_steps, optimizer)
        return super().create_scheduler(num_training_steps, optimizer)

    # --- where a batch comes from --------------------------------------------------------------

    def _get_train_sampler(self, dataset: Any = None) -> Any:
        """TRL's; its order follows from the seed and the epoch alone, the first epoch's is TRL's.

        TRL draws each epoch's order from one generator, which a resumed run would begin anew.
        """
        sampler = super()._get_train_sampler(dataset)
        sampler.shuffle = sampler.shuffle and not self._finetuning_args.disable_shuffling
        if sampler.shuffle:
            sampler.set_epoch = lambda epoch: sampler.generator.manual_seed(sampler.seed + epoch)
        return sampler

    def _generate_and_score_completions(self, inputs: Samples) -> dict[str, Any]:
        self.show(self._encoder.pictures(inputs))
        prompts = self._encoder.ids(inputs)
        self._inputs = BatchFeature(model_inputs(*prompts, self.pictures, self.blank_picture))
        if self._token_types and "pixel_values" in self._inputs:
            config = self.accelerator.unwrap_model(self.model).config
            self._inputs[MODALITY_IDS] = token_types(self._inputs["input_ids"], config)
        output: dict[str, Any] = super()._generate_and_score_completions([*map(_shown, inputs)])
        output[PICTURES] = self.pictures
        if self.args.multi_objective_aggregation == NORMALIZE_FIRST:
            self._normalize_first(output)
        if self.model.training:
            self._record(inputs)
        return output

    def _normalize_first(self, output: dict[str, Any]) -> None:
        """Advantages of the same rewards, of this process and, for the records, of all."""
        weights = self.reward_weights.to(self._rewards.device)
        advantages = normalized_sum(self._rewards, weights, self.num_generations)
        count, logged = len(output["advantages"]), self._logs["advantages"]
        output["advantages"] = advantages.split(count)[self.accelerator.process_index]
        for _ in range(min(len(advantages), len(logged))):
            logged.pop()
        logged.extend(advantages.tolist())

    def _generate_single_turn(self, prompts: list[str], images: list[Any] | None) -> Any:
        if self.use_vllm:
            prompts, images = self._for_vllm(images)
        self.processing_class = PreparedInputs(self._inputs)
        try:
            with self._plain_generation(), fast_decoding(self.model):
                output = super()._generate_single_turn(prompts, images)
                output[-1].clear()  # the forwards read each sample's own pictures
        finally:
            self.processing_class = self._tokenizer
        if self.use_vllm and [list(ids) for ids in output[0]] != self._prompt_ids():
            raise GrpoError(
                "vLLM reads the prompt as other tokens than SFT does; next: use_vllm: false, or "
                "the model's own preprocessor_config.json"
            )
        return output

    @contextmanager
    def _plain_generation(self) -> Iterator[None]:
        """Generates with TRL's settings alone.

        transformers fills whatever they leave at its default from the checkpoint's
        generation_config.json: Qwen2.5-VL's has temperature 1e-6 and repetition_penalty 1.05.
        """
        model = self.accelerator.unwrap_model(self.model)
        model = model.get_base_model() if isinstance(model, PeftModel) else model
        own, model.generation_config = model.generation_config, GenerationConfig()
        try:
            yield
        finally:
            model.generation_config = own

    def _for_vllm(self, images: list[Any] | None) -> tuple[list[str], list[Any] | None]:
        plugin, processor = self._encoder.template.mm_plugin, self._encoder.processor
        if images is not None:
            limits = {
                "image_max_pixels": processor.image_max_pixels,
                "image_min_pixels": processor.image_min_pixels,
            }
            images = [plugin._regularize_images(each, **limits)["images"] for each in images]
        texts = map(self._tokenizer.decode, self._prompt_ids())
        return [collapsed_text(text, plugin.image_token) for text in texts], images

    def _prompt_ids(self) -> list[list[int]]:
        """Of each sample of the batch, without the padding."""
        rows = zip(self._inputs["input_ids"], self._inputs["attention_mask"].bool(), strict=True)
        return [ids[mask].tolist() for ids, mask in rows]

    # --- what is noted -------------------------------------------------------------------------

    def _calculate_rewards(self, *args: Any) -> torch.Tensor:
        rewards: torch.Tensor = super()._calculate_rewards(*args)
        self._rewards = rewards
        values = rewards.double().cpu().numpy()
        count = len(self._watch.rewards.functions)
        parsable = values[:, count] if values.shape[1] > count else None
        mode = "train" if self.model.training else "eval"
        for name, value in self._watch.signal.measure(values[:, :count], parsable).items():
            self._metrics[mode][name].append(value)
        if mode == "train" and parsable is not None:
            self._check_first_batch(parsable[~np.isnan(parsable)])
        return rewards

    def _check_first_batch(self, parsable: Floats) -> None:
        """The first batch with TAG rows; a value a completion of them."""
        if self._first_batch and self._watch.first_batch_check and len(parsable):
            self._first_batch = False
            refuse({_NOTHING_TO_LEARN.format(len(parsable)): not parsable.any()})

    def _record(self, samples: Samples) -> None:
        step = self.state.global_step + 1
        if not self.accelerator.is_main_process or not self._watch.rollouts.due(step):
            return
        parts = [self._logs["rewards"][name] for name in self._watch.rewards.names]
        texts, advantages = self._logs["completion"], self._logs["advantages"]
        # of all processes; those of this one come first
        written = zip(samples, texts, zip(*parts, strict=True), advantages, strict=False)
        self._watch.rollouts.write(step, [self._watch.rollouts.line(*each) for each in written])

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """TRL's, and a line in grpo_log.jsonl.

        TRL averages over the steps since the last line; a step to which a reward did not apply is
        NaN there, and would make the whole average NaN. TRL logs the rewards of an evaluation, but
        leaves them out of its result, which chooses the best checkpoint and stops early.
        """
        metrics = self._metrics["train" if self.model.training else "eval"]
        known = {name: [v for v in values if not math.isnan(v)] for name, values in metrics.items()}
        metrics.clear()
        if self.model.training:
            metrics.update({name: values for name, values in known.items() if values})
        else:
            named = self.args.metric_for_best_model
            means = {name: fmean(values) for name, values in known.items() if values}
            add_means(logs, means, full_name(named) if named else None)
        super().log(logs, start_time)
        if self.accelerator.is_main_process:
            self._watch.metrics.append([self.state.log_history[-1]])

    # --- checkpoints ---------------------------------------------------------------------------

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        folder = Path(self._get_output_dir(trial), f"checkpoint-{self.state.global_step}")
        cycle = self.args.steps_per_generation * self.num_iterations
        state = {
            "step": self._step,
            "buffered": self._buffered_inputs if self._step % cycle else None,
            "metrics": {name: list(values) for name, values in self._metrics["train"].items()},
            "silent_steps": self._watch.alarm.silent_steps,
        }
        save_state(state_file(folder, self.accelerator.process_index), state)
        super()._save_checkpoint(model, trial)

    def _load_rng_state(self, checkpoint: str | None) -> None:
        super()._load_rng_state(checkpoint)
        if checkpoint is None:
            return
        self._first_batch = False
        path = state_file(Path(checkpoint), self.accelerator.process_index)
        state = load_state(path, self.accelerator.device)
        self._step, self._buffered_inputs = state["step"], state["buffered"]
        self._watch.alarm.silent_steps = state["silent_steps"]
        self._metrics["train"].update(state["metrics"])
        if self.accelerator.is_main_process:
            self._watch.rollouts.resume(self.state.global_step)
            self._watch.metrics.keep_until(self.state.global_step)


def _shown(sample: Mapping[str, Any]) -> dict[str, Any]:
    """What TRL and the rewards see of a sample.

    TRL takes a batch whose samples all have `[]` for one without the column, and then one process
    would miss what the others gather.
    """
    columns = {name: value for name, value in sample.items() if name != _PROMPT_IDS}
    return columns | {_IMAGES: sample[_IMAGES] or ()}


def _forbid(config: Any, ids: list[int], tokenizer: Any) -> None:
    """Puts the ids that break the next forward out of reach of the sampler."""
    settings = dict(config.generation_kwargs or {})
    if config.use_vllm:
        words = [tokenizer.decode([each]) for each in ids]
        settings["bad_words"] = [*settings.get("bad_words", ()), *words]
    else:
        settings["suppress_tokens"] = sorted({*settings.get("suppress_tokens", ()), *ids})
    config.generation_kwargs = settings
