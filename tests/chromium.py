"""A headless browser for the pages that have a script; without network, and without a driver."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any, NamedTuple

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


class Visit(NamedTuple):
    """What a browser made of a page."""

    dom: str
    complaints: list[str]
    """What it wrote to the console."""
    seen: dict[str, Any]
    """What the visitor's script noted down."""


def visit(page: Path, fragment: str = "", *, width: int = 1400, does: str = "") -> Visit:
    """Open a page at a fragment, as it is or, with `does`, in a copy that a visitor's script acts upon.

    The script notes what it sees by `note(key, value)`.
    """
    assert BROWSER
    if does:
        page = _copy(page, does)
    command = [
        BROWSER,
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--host-resolver-rules=MAP * ~NOTFOUND",
        f"--user-data-dir={page.parent / 'browser'}",
        f"--window-size={width},900",
        "--enable-logging=stderr",
        "--virtual-time-budget=5000",
        "--dump-dom",
        page.as_uri() + fragment,
    ]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", check=True, timeout=120)
    found = re.search(r'<pre id="seen">(.*?)</pre>', done.stdout, re.DOTALL)
    seen = json.loads(html.unescape(found[1])) if found else {}
    return Visit(done.stdout, [line for line in done.stderr.splitlines() if "CONSOLE" in line], seen)


def _copy(page: Path, does: str) -> Path:
    """Let a script of ours into the page, which admits its own alone."""
    text = page.read_text(encoding="utf-8")
    opened = re.sub(r"script-src 'sha256-[^']+'", "script-src 'unsafe-inline'", text)
    assert opened != text
    script = f"""<script>(() => {{
      const seen = {{}}, note = (key, value) => {{ seen[key] = value; }};
      try {{ {does} }} catch (error) {{ note("error", String(error)); }}
      const paper = document.createElement("pre");
      paper.id = "seen";
      paper.textContent = JSON.stringify(seen);
      document.body.append(paper);
    }})();</script></body>"""
    copy = page.with_stem(f"{page.stem}-visited")
    copy.write_text(opened.replace("</body>", script), encoding="utf-8")
    return copy
