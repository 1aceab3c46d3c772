"""The API's description as a plain page: no script, nothing from another machine."""

from html import escape
from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi.responses import HTMLResponse

_STYLE = """
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
code, pre { font: 0.9em ui-monospace, monospace; }
section { border-top: 1px solid #8886; padding: 0.5rem 0 1rem; }
h2 { margin: 2.5rem 0 0.5rem; text-transform: capitalize; }
h3 { margin: 0.5rem 0; font-weight: 600; }
.method { display: inline-block; min-width: 4.2rem; font-weight: 700; }
table { border-collapse: collapse; width: 100%; }
td, th { text-align: left; vertical-align: top; padding: 0.2rem 1rem 0.2rem 0; }
th { font-weight: 600; }
pre { white-space: pre-wrap; }
"""


def install(app: FastAPI) -> None:
    """Serve the page at /docs and its style; the description itself is at /openapi.json."""
    routes = APIRouter(include_in_schema=False)

    @routes.get("/docs")
    async def docs() -> HTMLResponse:
        return HTMLResponse(_page(app.openapi()))

    @routes.get("/docs.css")
    async def style() -> HTMLResponse:
        return HTMLResponse(_STYLE, media_type="text/css")

    app.include_router(routes)


def _page(description: dict[str, Any]) -> str:
    info = description["info"]
    groups: dict[str, list[str]] = {}
    for path, operations in description["paths"].items():
        for method, operation in operations.items():
            tag = operation.get("tags", ["other"])[-1]
            groups.setdefault(tag, []).append(_operation(method, path, operation))
    schemas = description.get("components", {}).get("schemas", {})
    parts = [
        "<!doctype html><html lang='en'><head><meta charset='utf-8'>",
        "<meta name='viewport' content='width=device-width, initial-scale=1'>",
        f"<title>{escape(info['title'])}</title><link rel='stylesheet' href='/docs.css'></head>",
        f"<body><h1>{escape(info['title'])} {escape(info['version'])}</h1>",
        f"<p>{escape(info.get('description', ''))}</p>",
        "<p>For programs: <a href='/openapi.json'>openapi.json</a>.</p>",
    ]
    for tag, operations in groups.items():
        parts += [f"<h2>{escape(tag)}</h2>", *operations]
    parts.append("<h2>What is sent</h2>")
    parts += [_schema(name, schema) for name, schema in sorted(schemas.items())]
    parts.append("</body></html>")
    return "".join(parts)


def _operation(method: str, path: str, operation: dict[str, Any]) -> str:
    rows = [
        f"<tr><th><code>{escape(one['name'])}</code></th><td>{escape(one['in'])}</td>"
        f"<td>{_type(one.get('schema', {}))}</td><td>{escape(one.get('description', ''))}</td></tr>"
        for one in operation.get("parameters", [])
    ]
    body = _content(operation.get("requestBody", {}))
    answer = _content(operation.get("responses", {}).get("200", {}))
    return "".join(
        (
            f"<section><h3><code><span class='method'>{method.upper()}</span> ",
            f"{escape(path)}</code></h3>",
            f"<p>{escape(operation.get('summary', ''))}</p>",
            f"<pre>{escape(operation.get('description', '').strip())}</pre>",
            f"<table>{''.join(rows)}</table>" if rows else "",
            f"<p>Send: {body}</p>" if body else "",
            f"<p>Answer: {answer}</p>" if answer else "",
            "</section>",
        )
    )


def _content(part: dict[str, Any]) -> str:
    return ", ".join(
        f"{escape(media)} {_type(says.get('schema', {}))}"
        for media, says in part.get("content", {}).items()
    )


def _type(schema: dict[str, Any]) -> str:
    if "$ref" in schema:
        name = schema["$ref"].rsplit("/", 1)[-1]
        return f"<a href='#{escape(name)}'>{escape(name)}</a>"
    for choice in ("anyOf", "oneOf"):
        if choice in schema:
            return " or ".join(_type(one) for one in schema[choice])
    if schema.get("type") == "array":
        return f"list of {_type(schema.get('items', {}))}"
    if "enum" in schema:
        return " | ".join(f"<code>{escape(str(one))}</code>" for one in schema["enum"])
    return escape(str(schema.get("type", "anything")))


def _schema(name: str, schema: dict[str, Any]) -> str:
    rows = "".join(
        f"<tr><th><code>{escape(key)}</code></th><td>{_type(says)}</td>"
        f"<td>{escape(says.get('description', ''))}</td></tr>"
        for key, says in schema.get("properties", {}).items()
    )
    about = escape(schema.get("description", ""))
    head = f"<section id='{escape(name)}'><h3>{escape(name)}</h3><p>{about}</p>"
    return f"{head}<table>{rows}</table></section>"
