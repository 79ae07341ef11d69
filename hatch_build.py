"""Puts `tag_plugin_autoload.pth` at the root of site-packages, for wheels and editable installs."""

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

PTH = "tag_plugin_autoload.pth"


class AutoloadBuildHook(BuildHookInterface[Any]):
    """Adds the line that arms the hosts to whatever is installed."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Adds the file to the wheel; editable wheels read their own key."""
        source = str(Path(self.root, PTH))
        key = "force_include_editable" if version == "editable" else "force_include"
        build_data[key][source] = PTH
