"""The API's documentation as one plain page, made from its OpenAPI description: no script, nothing from elsewhere."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from html import escape
from typing import Any, Final

STYLE: Final = """
:root { color-scheme: light dark; }
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 52rem; margin: 2rem auto; padding: 0 1rem; }
section { border-top: 1px solid #8886; padding: 1rem 0; }
h2 { font: 600 1.1rem ui-monospace, monospace; overflow-wrap: anywhere; }
h2 b { display: inline-block; min-width: 5.5rem; }
table { border-collapse: collapse; width: 100%; }
td, th { text-align: left; vertical-align: top; padding: .2rem 1rem .2rem 0; }
code, pre { font-family: ui-monospace, monospace; }
pre { background: #8882; padding: .75rem; overflow-x: auto; }
"""


def docs_page(openapi: dict[str, Any]) -> str:
    """Return the HTML page that documents every operation of an OpenAPI 3 description."""
    info = openapi["info"]
    operations = "".join(
        _operation(method, path, operation)
        for path, methods in openapi["paths"].items()
        for method, operation in methods.items()
    )
    schemas = "".join(
        f"<section><h2>{escape(name)}</h2><pre>{escape(json.dumps(schema.get('properties', schema), indent=2))}</pre>"
        "</section>"
        for name, schema in openapi.get("components", {}).get("schemas", {}).items()
    )
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<title>{escape(info["title"])}: HTTP interface</title><link rel="icon" href="/client/icon.svg">'
        '<link rel="stylesheet" href="/docs/style.css"></head>'
        f"<body><main><h1>{escape(info['title'])} {escape(info['version'])}: HTTP interface</h1>"
        f"{_paragraphs(info.get('description', ''))}"
        '<p>For programs: <a href="/openapi.json">openapi.json</a>.</p>'
        f"{operations}<h1>Values</h1>{schemas}</main></body></html>"
    )


def _operation(method: str, path: str, operation: dict[str, Any]) -> str:
    rows = "".join(_rows(operation))
    return (
        f"<section><h2><b>{escape(method.upper())}</b> {escape(path)}</h2>"
        f"{_paragraphs(operation.get('description') or operation.get('summary', ''))}<table>{rows}</table></section>"
    )


def _rows(operation: dict[str, Any]) -> Iterator[str]:
    for parameter in operation.get("parameters", []):
        need = "" if parameter.get("required") else ", optional"
        yield _row(f"{parameter['name']} ({parameter['in']}{need})", parameter.get("description", ""))
    for kind in operation.get("requestBody", {}).get("content", {}):
        yield _row("body", kind)
    for status, answer in operation.get("responses", {}).items():
        kinds = ", ".join(answer.get("content", {}))
        yield _row(status, " · ".join(filter(None, (answer.get("description", ""), kinds))))


def _row(head: str, text: str) -> str:
    return f"<tr><th scope=row><code>{escape(head)}</code></th><td>{_text(text)}</td></tr>"


def _paragraphs(text: str) -> str:
    return "".join(f"<p>{_text(part)}</p>" for part in text.split("\n\n") if part.strip())


def _text(text: str) -> str:
    """Escape a text; what stands between backticks becomes code."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text))
