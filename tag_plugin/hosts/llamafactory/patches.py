"""Every change to LLaMA-Factory's own functions, each with the host's file and symbol.

A symbol that is gone or takes other parameters is refused with the tested range, before anything
is changed.
"""

import functools
import inspect
from pathlib import Path
from types import ModuleType
from typing import Any

from llamafactory.data.parser import get_dataset_list

from tag_plugin.data.checkpoint_record import (
    read_checkpoint_record,
    write_checkpoint_record,
)
from tag_plugin.hosts.llamafactory.converter import QUESTIONS
from tag_plugin.hosts.llamafactory.dataset import load_tag_dataset
from tag_plugin.hosts.llamafactory.faces import check_face_grid
from tag_plugin.hosts.llamafactory.run import TagRun, keep_batches_whole, tag_run
from tag_plugin.hosts.versions import version


class HostChangedError(RuntimeError):
    """The host is not the one that these patches were written for."""


_PATCHED = "_tag_plugin"  # the mark on our own functions, so that a second call changes nothing


def patch_loader(loader: ModuleType) -> None:
    """llamafactory/data/loader.py: `_load_single_dataset` and `get_dataset`."""
    load = _host(
        loader,
        "_load_single_dataset",
        ("dataset_attr", "model_args", "data_args", "training_args"),
    )
    get = _host(
        loader,
        "get_dataset",
        ("template", "model_args", "data_args", "training_args", "stage", "tokenizer", "processor"),
    )
    if _is_patched(get):
        return
    align = _host(
        loader, "align_dataset", ("dataset", "dataset_attr", "data_args", "training_args")
    )

    @functools.wraps(load)
    def load_single_dataset(dataset_attr: Any, *args: Any) -> Any:  # noqa: ANN401  # host objects
        if dataset_attr.formatting in QUESTIONS:
            return load_tag_dataset(align, dataset_attr, *args)
        return load(dataset_attr, *args)

    loader._load_single_dataset = load_single_dataset  # type: ignore[attr-defined]  # host module
    loader.get_dataset = _marked(_checking(get))  # type: ignore[attr-defined]  # host module


def patch_tuner(tuner: ModuleType) -> None:
    """llamafactory/train/tuner.py: `ReporterCallback` (all stages add it) and `export_model`."""
    reporter = _host(
        tuner,
        "ReporterCallback",
        ("model_args", "data_args", "finetuning_args", "generating_args"),
    )
    export = _host(tuner, "export_model", ("args",))
    parse = _host(tuner, "get_infer_args", ("args",))
    if _is_patched(export):
        return

    @functools.wraps(export)
    def export_model(args: Any = None) -> None:  # noqa: ANN401  # YAML dict or command line
        export(args)
        model_args = parse(args)[0]
        _carry_record(model_args)

    tuner.ReporterCallback = _recording(reporter)  # type: ignore[attr-defined]  # host module
    tuner.export_model = _marked(export_model)  # type: ignore[attr-defined]  # host module


def _checking(get: Any) -> Any:  # noqa: ANN401  # the host's function
    """The host's `get_dataset`, run only when the TAG data of the run can be right."""
    signature = inspect.signature(get)

    @functools.wraps(get)
    def get_dataset(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401  # host objects
        call = signature.bind(*args, **kwargs).arguments
        data_args, training_args = call["data_args"], call["training_args"]
        run = tag_run(data_args, get_dataset_list)
        tokenized = data_args.tokenized_path
        _check_run(run, call["template"], call.get("processor"), tokenized)
        if run.datasets and data_args.streaming:
            keep_batches_whole(training_args)
        module = get(*args, **kwargs)
        record = run.record()
        if tokenized and run.datasets and record and training_args.should_save:
            write_checkpoint_record(Path(tokenized), record)
        return module

    return get_dataset


def _check_run(run: TagRun, template: Any, processor: Any, tokenized: str | None) -> None:  # noqa: ANN401  # host objects
    run.check_template()
    if tokenized:
        run.check_tokenized(tokenized)
    if run.datasets:
        check_face_grid(template, processor)


def _recording(reporter: Any) -> type:  # noqa: ANN401  # the host's class
    """The host's callback, which also writes the record into every folder that gets weights."""

    class RecordingReporter(reporter):  # type: ignore[misc]  # the host ships no types
        """Writes tag_plugin.json; see `tag_plugin.data.checkpoint_record`."""

        def __init__(
            self,
            model_args: Any,  # noqa: ANN401  # a host object
            data_args: Any,  # noqa: ANN401  # a host object
            finetuning_args: Any,  # noqa: ANN401  # a host object
            generating_args: Any,  # noqa: ANN401  # a host object
        ) -> None:
            super().__init__(model_args, data_args, finetuning_args, generating_args)
            self._tag_record = tag_run(data_args, get_dataset_list).record()

        def _tag_write(self, args: Any, folder: str = "") -> None:  # noqa: ANN401  # host object
            if self._tag_record is not None and args.should_save:
                write_checkpoint_record(Path(args.output_dir, folder), self._tag_record)

        def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:  # noqa: ANN401  # host objects
            super().on_save(args, state, control, **kwargs)
            self._tag_write(args, f"checkpoint-{state.global_step}")

        def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:  # noqa: ANN401  # host objects
            super().on_train_end(args, state, control, **kwargs)
            self._tag_write(args)

    return RecordingReporter


def _carry_record(model_args: Any) -> None:  # noqa: ANN401  # host object
    """An exported model keeps the record of the adapter, or of the model, that it was made of."""
    sources = [*reversed(model_args.adapter_name_or_path or ()), model_args.model_name_or_path]
    for source in sources:
        record = read_checkpoint_record(Path(source))
        if record is not None:
            write_checkpoint_record(Path(model_args.export_dir), record)
            return


def _host(module: ModuleType, name: str, parameters: tuple[str, ...]) -> Any:  # noqa: ANN401  # a host symbol
    """A symbol of the host, checked against what we rely on.

    Raises:
        HostChangedError: gone, or with other parameters; names the tested range.
    """
    symbol = vars(module).get(name)
    found = tuple(inspect.signature(symbol).parameters) if symbol is not None else None
    if found != parameters:
        takes = "is gone" if found is None else f"takes ({', '.join(found)})"
        raise HostChangedError(
            f"{module.__name__}.{name} {takes}, not ({', '.join(parameters)}); "
            f"{version('llamafactory')}; next: install a tested version"
        )
    return symbol


def _is_patched(function: Any) -> bool:  # noqa: ANN401  # a host symbol
    return bool(getattr(function, _PATCHED, False))


def _marked(function: Any) -> Any:  # noqa: ANN401  # our own function
    setattr(function, _PATCHED, True)
    return function
