"""Arms tag-plugin in the hosts: "when host module X has been imported, call adapter Y".

`tag_plugin_autoload.pth` runs `install()` at every start of the interpreter, so this file imports
the standard library only, takes well under a millisecond, and neither raises nor prints there. The
adapters, and all that they need, are imported only once a host imports one of the modules below.

`TAG_PLUGIN_DISABLE=1` turns all of it off.
"""

import os
import sys

TYPE_CHECKING = False  # importing typing would cost more than the rest of this file
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from importlib.abc import Loader
    from importlib.machinery import ModuleSpec
    from types import ModuleType
else:
    Loader = object

# Host module -> the adapter that is called with this module each time it has been executed.
ADAPTERS = {
    "llamafactory.hparams.data_args": "tag_plugin.hosts.llamafactory.patches:register_box_frame",
    "llamafactory.hparams.finetuning_args": "tag_plugin.hosts.llamafactory.patches:register_stage",
    "llamafactory.data.template": "tag_plugin.hosts.llamafactory.patches:register_templates",
    "llamafactory.data.converter": "tag_plugin.hosts.llamafactory.patches:register_converters",
    "llamafactory.data.loader": "tag_plugin.hosts.llamafactory.patches:register_loader",
    "llamafactory.train.tuner": "tag_plugin.hosts.llamafactory.patches:register_tuner",
    "lmms_eval.tasks": "tag_plugin.hosts.lmms_eval.patches:register_tasks",
    "lmms_eval.evaluator": "tag_plugin.hosts.lmms_eval.patches:register_evaluator",
}

# Host module -> "armed", or the reason why it is not; modules not imported so far are absent.
OUTCOMES: "dict[str, str]" = {}

ARMED = "armed"


def disabled() -> bool:
    """Whether the user has turned the plugin off."""
    return os.environ.get("TAG_PLUGIN_DISABLE", "") not in ("", "0")


def install(adapters: "Mapping[str, str]" = ADAPTERS) -> None:
    """Puts the finder in place, once, and arms the host modules that were imported before it."""
    if disabled() or any(isinstance(finder, HostFinder) for finder in sys.meta_path):
        return
    sys.meta_path.insert(0, HostFinder(adapters))
    for name, adapter in adapters.items():
        if name in sys.modules:
            arm(sys.modules[name], adapter)


def arm(module: "ModuleType", adapter: str) -> None:
    """Calls the adapter with an executed host module; a failure becomes one line on stderr.

    The one boundary where any error of ours is caught: the process belongs to the host, and a
    plugin that cannot attach must not end it. A user's wrong configuration is raised later, by
    what the adapters registered.
    """
    try:
        from tag_plugin.hosts.patching import attach

        attach(module, adapter)
    except Exception as error:  # noqa: BLE001  # the boundary described above
        reason = f"{type(error).__name__}: {error}"
        if reason not in OUTCOMES.values():  # several modules of a host may have the same one
            sys.stderr.write(
                f"tag-plugin: cannot attach to {module.__name__}: {reason}; "
                "next: tag-plugin doctor\n"
            )
        OUTCOMES[module.__name__] = reason
    else:
        OUTCOMES[module.__name__] = ARMED


class HostFinder:
    """A meta-path finder that only knows the host modules, and finds them through the others."""

    def __init__(self, adapters: "Mapping[str, str]") -> None:
        self._adapters = adapters
        self._searching: set[str] = set()

    def find_spec(
        self,
        fullname: str,
        path: "Sequence[str] | None" = None,
        target: "ModuleType | None" = None,
    ) -> "ModuleSpec | None":
        """Returns what the other finders find, with the loader wrapped."""
        if fullname not in self._adapters or fullname in self._searching:
            return None
        self._searching.add(fullname)  # two such hooks would ask each other for ever
        try:
            specs = (f.find_spec(fullname, path, target) for f in sys.meta_path if f is not self)
            spec = next((spec for spec in specs if spec is not None), None)
        finally:
            self._searching.remove(fullname)
        if spec is not None and spec.loader is not None:
            spec.loader = ArmingLoader(spec.loader, self._adapters[fullname])
        return spec


class ArmingLoader(Loader):
    """The host's own loader, which calls the adapter after it has executed the module."""

    def __init__(self, loader: Loader, adapter: str) -> None:
        self._loader = loader
        self._adapter = adapter

    def __getattr__(self, name: str) -> object:
        return getattr(self._loader, name)

    def exec_module(self, module: "ModuleType") -> None:
        """Executes the module, then arms it."""
        if module.__spec__ is not None:  # always, but for its type
            module.__spec__.loader = self._loader
        module.__loader__ = self._loader  # inspect, pkgutil and reload see no trace of us
        self._loader.exec_module(module)
        arm(module, self._adapter)
