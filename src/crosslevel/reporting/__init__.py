"""How a study is shown: tables, figures and pages."""

from __future__ import annotations

from crosslevel.reporting.ejecting import eject
from crosslevel.reporting.rendering import render
from crosslevel.reporting.report import Report, open_report

__all__ = ["Report", "eject", "open_report", "render"]
