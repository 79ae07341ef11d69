"""What tag-plugin registers in LLaMA-Factory; `tag_plugin._autoload` calls these functions.

Each gets the host module that has just been executed. Registering loads nothing heavy: what is
imported inside the functions is either the host's own or small.
"""

from types import ModuleType


def register_arguments(finetuning_args: ModuleType) -> None:
    """Adds `stage: grpo` and its options to `llamafactory.hparams.finetuning_args`."""
    from tag_plugin.hosts.llamafactory.patches import patch_arguments

    patch_arguments(finetuning_args)


def register_templates(template: ModuleType) -> None:
    """Adds the tag_ chat templates to `llamafactory.data.template`."""
    from tag_plugin.hosts.llamafactory.templates import add_templates

    add_templates(template.TEMPLATES)


def register_converters(converter: ModuleType) -> None:
    """Adds `formatting: tag` and `tag_label_only` to `llamafactory.data.converter`."""
    from tag_plugin.hosts.llamafactory.converter import QUESTIONS, tag_converter

    for formatting in QUESTIONS:
        if formatting not in converter.DATASET_CONVERTERS:
            converter.register_dataset_converter(formatting, tag_converter)


def register_loader(loader: ModuleType) -> None:
    """Makes `llamafactory.data.loader` read TAG rows and check the run before a model loads."""
    from tag_plugin.hosts.llamafactory.patches import patch_loader

    patch_loader(loader)


def register_tuner(tuner: ModuleType) -> None:
    """Makes `llamafactory.train.tuner` keep tag_plugin.json, resume soundly, and run GRPO."""
    from tag_plugin.hosts.llamafactory.patches import patch_tuner

    patch_tuner(tuner)
