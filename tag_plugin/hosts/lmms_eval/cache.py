"""The host's caches: answers of other weights or of other data must never be taken for this run's.

The response cache (--use_cache) is keyed by the model's arguments and each task's configuration.
The configuration holds the protocol (hashes of rows, pictures and prompt) and the identity of the
weights, so that both reach the key; where the weights cannot be identified, the cache is refused.
"""

import os
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from tag_plugin.hosts.lmms_eval.errors import WrongConfigurationError
from tag_plugin.hosts.lmms_eval.wrappers import model_arguments

_WEIGHTS: Final = ("pretrained", "model", "model_path", "peft", "delta", "path")
"""Arguments of the host's models that name weights, where it is not a service that is asked."""

_PIECE: Final = 1 << 16
_PIECES: Final = 64


def weights_of(model_args: Any) -> str | None:
    """12 hexadecimal digits that identify the files of a model; None where there are none here.

    Of each file: name, size, time of change, and 64 pieces of 64 KiB spread over it.
    """
    found = {
        name: place
        for name, value in model_arguments(model_args).items()
        if name in _WEIGHTS and (place := _local(str(value))) is not None
    }
    digest = sha256()
    for name, place in sorted(found.items()):
        # directly in a model's folder: its checkpoints of earlier steps are not it
        for file in [place] if place.is_file() else sorted(filter(Path.is_file, place.iterdir())):
            digest.update(f"{name} {file.name}".encode())
            _add(digest, file)
    return digest.hexdigest()[:12] if found else None


def refuse_stale_cache(call: Mapping[str, Any], weights: str | None, service: bool = False) -> None:
    """Refuses a cache that could hold answers of other weights, or requests of other data.

    Raises:
        WrongConfigurationError: --cache_requests, or --use_cache with weights that are not here.
    """
    if call.get("cache_requests"):
        raise WrongConfigurationError(
            "tag-plugin: --cache_requests keeps questions and documents of earlier data; next: "
            "leave it out (building the requests takes less than a second)"
        )
    named = {n: v for n, v in model_arguments(call.get("model_args")).items() if n in _WEIGHTS}
    if call.get("use_cache") and named and weights is None and not service:
        raise WrongConfigurationError(
            f"tag-plugin: --use_cache cannot tell which weights {next(iter(named.values()))} are, "
            "and might give the answers of others; next: download them and name the folder, or "
            "leave --use_cache out"
        )


def _local(name: str) -> Path | None:
    """The folder or file that holds these weights: itself, or a snapshot of the hub's cache."""
    if Path(name).exists():
        return Path(name)
    from huggingface_hub import try_to_load_from_cache

    try:
        config = try_to_load_from_cache(name, "config.json")
    except ValueError:  # not the name of a repository either
        return None
    return Path(config).parent if isinstance(config, str) else None


def _add(digest: Any, file: Path) -> None:
    status = file.stat()
    digest.update(f"{status.st_size} {status.st_mtime_ns}".encode())
    with file.open("rb") as content:
        for start in range(0, status.st_size, max(_PIECE, status.st_size // _PIECES)):
            content.seek(start, os.SEEK_SET)
            digest.update(content.read(_PIECE))
