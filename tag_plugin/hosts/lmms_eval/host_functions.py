"""The host's functions as they are while TAG tasks are evaluated; `patches` puts them in place."""

import functools
import inspect
from collections.abc import Callable, Collection
from typing import Any, Final

from tag_plugin.hosts.lmms_eval.checkpoints import model_type
from tag_plugin.hosts.lmms_eval.errors import WrongConfigurationError
from tag_plugin.hosts.lmms_eval.wrappers import Wrapper

_NAMED: Final = 3
_GLM4V: Final = {
    "glm4v": "Glm4vForConditionalGeneration",
    "glm4v_moe": "Glm4vMoeForConditionalGeneration",
}
_LOADING_REPORT: Final = "output_loading_info"


class EmptyReply(str):
    """An empty text as any other to the host, which says why it is no answer of the model."""

    reason: str

    def __new__(cls, reason: str) -> "EmptyReply":
        """An empty text for this reason."""
        made = super().__new__(cls, "")
        made.reason = reason
        return made

    def strip(self, characters: str | None = None, /) -> str:
        """Itself: the host strips every reply before it is judged."""
        return self


def telling(wrapper: Wrapper, unwrap: Any) -> Callable[[Any], Any]:
    """The host's `unwrap_generation_output`, which makes a text of a reply."""

    @functools.wraps(unwrap)
    def unwrap_generation_output(output: Any) -> Any:
        text, counts = unwrap(output)
        reason = _reason(wrapper, output, text, counts)
        return (EmptyReply(reason) if reason else text), counts

    return unwrap_generation_output


def _reason(wrapper: Wrapper, output: Any, text: Any, counts: Any) -> str | None:
    """Why a reply has no text though the model did not say nothing; None for any other reply.

    A service has no text where its reasoning took all tokens, or it refused. A wrapper of ours
    returns an empty text without a count of tokens where generating failed; with one, the model
    ended at once, which is its answer.
    """
    failed = wrapper.loads_checkpoint and not isinstance(output, str) and counts is None
    reasons = {
        "the model returned nothing": output is None or text is None,
        "the service returned an empty text": wrapper.service,
        "generating failed, the host's log says why": failed,
    }
    answered = isinstance(text, str) and text.strip() and output is not None
    return None if answered else next((why for why, holds in reasons.items() if holds), None)


def without_system_line(prompts: Collection[str], apply: Any) -> Callable[..., Any]:
    """Qwen3-VL's `_apply_chat_template`, where one of `prompts` is asked without a system line.

    The wrapper puts "You are a helpful assistant." before every conversation. The model's own chat
    template has no such line, and neither have the host templates it is trained with. A system
    prompt of the user's own stays.
    """

    @functools.wraps(apply)
    def apply_chat_template(self: Any, batched_messages: Any, **kwargs: Any) -> Any:
        if self.system_prompt == _default_of(type(self), "system_prompt"):
            batched_messages = [_asked(each, prompts) for each in batched_messages]
        return apply(self, batched_messages, **kwargs)

    return apply_chat_template


def _default_of(wrapper: type, argument: str) -> Any:
    """Of a wrapper's argument, its own or one that it passes on (Qwen3.5's to Qwen3-VL's)."""
    named = (
        inspect.signature(vars(each)["__init__"]).parameters
        for each in wrapper.__mro__
        if "__init__" in vars(each)
    )
    return next(each[argument].default for each in named if argument in each)


def _asked(messages: list[dict[str, Any]], prompts: Collection[str]) -> list[dict[str, Any]]:
    """A TAG conversation without its system line; any other as it is."""
    is_ours = any(part.get("text") in prompts for part in messages[-1]["content"])
    return [message for message in messages if message["role"] != "system" or not is_ours]


def without_special_tokens(prompts: Collection[str], tokenize: Any) -> Callable[..., Any]:
    """A tokenizer's call, where one of `prompts` stands in the text.

    The chat template of a trained checkpoint writes every token of the training. A tokenizer of
    LLaVA's kind would add a BOS of its own.
    """

    @functools.wraps(tokenize)
    def call(self: Any, text: Any = None, *args: Any, **kwargs: Any) -> Any:
        texts = [text] if isinstance(text, str) else text or ()
        if any(prompt in each for prompt in prompts for each in texts):
            kwargs["add_special_tokens"] = False
        return tokenize(self, text, *args, **kwargs)

    return call


def without_loss(encode: Any) -> Callable[..., str]:
    """A wrapper's encoding of a picture on its way to the processor of the same process."""

    @functools.wraps(encode)
    def image_as_url(self: Any, image: Any) -> str:
        from lmms_eval.models.model_utils.media_encoder import encode_image_to_data_url

        return str(encode_image_to_data_url(image, image_format="PNG", mime_type="image/png"))

    return image_as_url


def whole_weights(load: Any) -> Callable[..., Any]:
    """`PreTrainedModel.from_pretrained`, which ends a load that leaves weights newly initialised.

    A model whose weights were not all found is never evaluated: the rest of it would be random.
    Whichever class it is called on. It leaves out what may be absent (tied weights, buffers) by
    itself.
    """

    def from_pretrained(cls: Any, *args: Any, **kwargs: Any) -> Any:
        """Refuses with WrongConfigurationError: weights are missing, or have another shape."""
        cls = _glm4v_class(cls, args[0]) if args and cls.__name__ in _GLM4V.values() else cls
        wants_report = kwargs.pop(_LOADING_REPORT, False)
        model, report = load(cls, *args, **kwargs, **{_LOADING_REPORT: True})
        _refuse(cls.__name__, str(args[0] if args else "the checkpoint"), report or {})
        return (model, report) if wants_report else model

    return from_pretrained


def _glm4v_class(cls: Any, checkpoint: Any) -> Any:
    """The class of a GLM-4V checkpoint, which the host's wrapper takes by a word in its name."""
    import transformers

    return getattr(transformers, _GLM4V.get(str(model_type(str(checkpoint))), cls.__name__))


def _refuse(name: str, checkpoint: str, found: dict[str, Any]) -> None:
    reshaped = [entry[0] for entry in found.get("mismatched_keys") or ()]
    absent = sorted([*(found.get("missing_keys") or ()), *reshaped])
    if absent:
        more = f" and {len(absent) - _NAMED} more" if len(absent) > _NAMED else ""
        raise WrongConfigurationError(
            f"tag-plugin: {checkpoint} does not hold all weights of {name}; these would be random: "
            f"{', '.join(absent[:_NAMED])}{more}; next: copy the checkpoint again, or --model NAME "
            "with a wrapper of its architecture (lmms-eval models)"
        )
