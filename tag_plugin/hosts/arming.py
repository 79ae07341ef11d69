"""Attaches one adapter to one host module; `tag_plugin._autoload` calls it and catches errors."""

import importlib
from types import ModuleType

from tag_plugin.hosts.patching import check
from tag_plugin.hosts.versions import warn_untested

_DISTRIBUTIONS = {
    "llamafactory": ("llamafactory", "transformers"),
    "lmms_eval": ("lmms-eval", "transformers"),
}


def attach(module: ModuleType, adapter: str) -> None:
    """Imports `adapter` ("module:function") and calls it with the executed host module.

    Not before all that is changed in the host, now or later, was found as expected.

    Raises:
        Exception: whatever the adapter raises; the caller is the boundary.
    """
    host = module.__name__.partition(".")[0]
    warn_untested(_DISTRIBUTIONS.get(host, ()))
    place, _, function = adapter.partition(":")
    patches = importlib.import_module(place)
    check(getattr(patches, "PATCHES", ()))
    getattr(patches, function)(module)
