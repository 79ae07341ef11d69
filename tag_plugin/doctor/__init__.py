"""`tag-plugin doctor`: what is armed, registered, found or missing, and what to run next.

Hosts are asked in subprocesses with a time limit, so that a broken one cannot take the doctor down;
nothing here touches the network.
"""

from tag_plugin.doctor.examine import collect
from tag_plugin.doctor.report import Finding, Report, Status, render

__all__ = ["Finding", "Report", "Status", "collect", "render"]
