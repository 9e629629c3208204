"""What a page would load, so that tests can say it loads nothing from the network."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

_LOADING = {
    "script": ("src",),
    "link": ("href",),
    "img": ("src", "srcset"),
    "iframe": ("src",),
    "source": ("src", "srcset"),
    "video": ("src", "poster"),
    "audio": ("src",),
    "embed": ("src",),
    "object": ("data",),
    "image": ("href", "xlink:href"),
    "use": ("href", "xlink:href"),
}
_CSS_LOADS = re.compile(r"url\(\s*[\"']?([^\"')]+)|@import\s+[\"']([^\"']+)")


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.links: list[str] = []
        self.css: list[str] = []
        self._in_style = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value for name, value in attrs if value}
        self.loads += [given[name] for name in _LOADING.get(tag, ()) if name in given]
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        if "style" in given:
            self.css.append(given["style"])
        self._in_style = tag == "style"

    def handle_data(self, data: str) -> None:
        if self._in_style:
            self.css.append(data)


def read(path: Path) -> _Page:
    page = _Page()
    page.feed(path.read_text(encoding="utf-8"))
    return page


def css_loads(text: str) -> list[str]:
    found = [first or second for first, second in _CSS_LOADS.findall(text)]
    return [address for address in found if not address.startswith(("data:", "#"))]


def problems(folder: Path) -> list[str]:
    """Loads from elsewhere, and local files and pages that are not there, over a folder's pages."""
    found = []
    for path in sorted(folder.rglob("*.html")):
        page = read(path)
        loads = page.loads + [address for css in page.css for address in css_loads(css)]
        for address in loads + page.links:
            parts = urlsplit(address)
            if parts.scheme == "data" or (parts.scheme and address in page.links):
                continue
            if parts.scheme or parts.netloc:
                found.append(f"{path.name} loads {address}")
            elif parts.path and not (path.parent / unquote(parts.path)).exists():
                found.append(f"{path.name} misses {address}")
    for path in sorted(folder.rglob("*.css")):
        loads = css_loads(path.read_text(encoding="utf-8"))
        found += [f"{path.name} loads {address}" for address in loads]
    return found
