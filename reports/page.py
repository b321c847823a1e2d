"""The page: one self-contained HTML file, rendered from the document of `reports.document` with the templates in `reports/html`.

Styles, script, plots and data are inside; nothing is fetched. Without scripts all parts are shown one below the other, and so they are printed. Data
of the matrix is embedded as JSON and its table is made by the script when it is first shown, because it has thousands of cells; without scripts a
table of numbers is there.
"""

import json
from base64 import b64encode
from collections.abc import Mapping
from functools import cache
from math import log10
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, select_autoescape
from markupsafe import Markup

from reports.plot import line_plot, trend_plot

_TEMPLATES = Path(__file__).parent / "html"

PLOTS = (
    ("speed", "Judged executions a second", "seconds", "judged a second"),
    ("features", "Features reached", "seconds", "features"),
    ("symptoms", "Symptoms found", "seconds", "symptoms"),
)
"""Series of the document, and what is written to their plots."""

TRENDS = (
    ("findings", "Findings", "findings"),
    ("rate", "Judged executions a second", "judged a second"),
    ("features", "Features reached", "features"),
)
"""Values of campaigns that are plotted one beside the other."""


@cache
def _environment() -> Environment:
    found = Environment(loader=FileSystemLoader(_TEMPLATES), autoescape=select_autoescape(("j2",)), trim_blocks=True, lstrip_blocks=True)
    found.filters["number"] = lambda value: f"{value:,}".replace(",", "\u202f")
    found.filters["duration"] = _duration
    found.filters["level"] = level
    return found


def _duration(seconds: float) -> str:
    whole = int(seconds)
    return f"{whole // 3600}:{whole // 60 % 60:02d}:{whole % 60:02d}"


def level(judged: int) -> int:
    """The shade of a cell from 0 (nothing) to 5, by powers of ten."""
    return 0 if not judged else min(5, 1 + int(log10(judged)))


def embedded(value: Any) -> Markup:
    """JSON that can stand in a script element: no end tag in it."""
    return Markup(json.dumps(value, separators=(",", ":")).replace("<", "\\u003c").replace("&", "\\u0026"))


def page(document: Mapping[str, Any], exports: Mapping[str, Mapping[str, bytes]]) -> str:
    """The HTML. `exports` are by fingerprint and form the files of a finding."""
    plots = [Markup(line_plot(title, [tuple(point) for point in document["series"][name]], x, y)) for name, title, x, y in PLOTS]
    trends = [Markup(trend_plot(title, [(each["name"], each[name]) for each in document["trend"]], y)) for name, title, y in TRENDS]
    files = {
        fingerprint: [
            (form, content.decode() if form != "elf" else "", f"data:application/octet-stream;base64,{b64encode(content).decode()}")
            for form, content in forms.items()
        ]
        for fingerprint, forms in exports.items()
    }
    states = {state: sum(finding["state"] == state for finding in document["findings"]) for state in ("new", "seen before", "known")}
    return (
        _environment()
        .get_template("report.html.j2")
        .render(
            document,
            plots=plots,
            trends=trends,
            files=files,
            states=states,
            style=Markup((_TEMPLATES / "report.css").read_text(encoding="utf-8")),
            script=Markup((_TEMPLATES / "report.js").read_text(encoding="utf-8")),
            data=embedded({"matrix": document["matrix"], "findings": [[each["fingerprint"], each["file"]] for each in document["findings"]]}),
        )
    )
