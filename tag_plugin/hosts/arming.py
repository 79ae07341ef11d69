"""Attaches one adapter to one host module; `tag_plugin._autoload` calls it and catches errors."""

import importlib
from types import ModuleType

from tag_plugin.hosts.versions import warn_untested

_DISTRIBUTIONS = {
    "llamafactory": ("llamafactory", "transformers"),
    "lmms_eval": ("lmms-eval", "transformers"),
}


def attach(module: ModuleType, adapter: str) -> None:
    """Imports `adapter` ("module:function") and calls it with the executed host module.

    Raises:
        Exception: whatever the adapter raises; the caller is the boundary.
    """
    host = module.__name__.partition(".")[0]
    warn_untested(_DISTRIBUTIONS.get(host, ()))
    place, _, function = adapter.partition(":")
    getattr(importlib.import_module(place), function)(module)
