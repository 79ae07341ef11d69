"""TAG in lmms-eval; `patches` holds what is registered and changed in the host."""

from tag_plugin.hosts.lmms_eval.patches import model_manifests

__all__ = ["model_manifests"]
