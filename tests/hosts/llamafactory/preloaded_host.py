"""What `killed_runs` imports once for all of its runs: the plugin is armed first."""

import importlib

from tag_plugin import _autoload

_autoload.install()
for name in ("llamafactory.train.tuner", "trl.trainer.grpo_trainer"):
    importlib.import_module(name)
