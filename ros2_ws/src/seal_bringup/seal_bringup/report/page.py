# SPDX-License-Identifier: Apache-2.0
"""What every page has in common: template, style sheet, scripts and the categories' colours, all inside the page."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from seal_bringup.report.figures import category_colour
from seal_perception.categories import SIX, CategorySet
from seal_perception.files import replacing

ASSETS = Path(__file__).resolve().parent / "assets"
INLINED = ("report.css", "report.js", "viewer.js")


def write_page(path: Path, template: str, values: dict[str, Any], names: CategorySet = SIX) -> Path:
    """Fill a template of assets/ and write it, whole or not at all; everything that is put in is escaped.

    Args:
        path: the page.
        template: name of the template; it gets `values`, asset (texts by file name), legend and palette.
        values: what is shown.
        names: the list of categories that the page is about.
    """
    environment = Environment(
        loader=FileSystemLoader(ASSETS),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    common = {
        "asset": {name: Markup((ASSETS / name).read_text(encoding="utf-8")) for name in INLINED},
        "legend": [(name, category_colour(name, names)) for name in names.names],
        "palette": json.dumps([category_colour(name, names) for name in names.names]),
    }
    page = environment.get_template(template).render({**common, **values})
    with replacing(path) as beside:
        beside.write_text(page, encoding="utf-8")
    return path


def config_groups(config: dict[str, Any]) -> list[tuple[str, list[tuple[str, str]]]]:
    """The configuration as groups of (name, text), nested names joined by dots."""

    def flat(value: Any, name: str) -> list[tuple[str, str]]:
        if isinstance(value, dict) and value:
            return [line for key, inner in value.items() for line in flat(inner, f"{name}.{key}" if name else str(key))]
        return [(name, value if isinstance(value, str) else json.dumps(value))]

    nested = {key: value for key, value in config.items() if isinstance(value, dict) and value}
    single = [line for key, value in config.items() if key not in nested for line in flat(value, str(key))]
    groups = [(str(key), flat(value, "")) for key, value in nested.items()]
    return ([("general", single)] if single else []) + groups
