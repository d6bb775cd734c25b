"""Open pages in a headless browser, without network and without a driver."""

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
    """The result of opening a page."""

    dom: str
    console: list[str]
    """Console messages."""
    seen: dict[str, Any]
    """Values noted by the script of the test."""


def visit(page: Path, fragment: str = "", *, width: int = 1400, script: str = "") -> Visit:
    """Open a page at a fragment; with `script`, open a copy that also runs this script.

    The script returns values by `note(key, value)`.
    """
    assert BROWSER
    if script:
        page = _copy(page, script)
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


def _copy(page: Path, script: str) -> Path:
    """Copy a page, allow other scripts than its own, and add one."""
    text = page.read_text(encoding="utf-8")
    opened = re.sub(r"script-src 'sha256-[^']+'", "script-src 'unsafe-inline'", text)
    assert opened != text
    element = f"""<script>(() => {{
      const seen = {{}}, note = (key, value) => {{ seen[key] = value; }};
      try {{ {script} }} catch (error) {{ note("error", String(error)); }}
      const paper = document.createElement("pre");
      paper.id = "seen";
      paper.textContent = JSON.stringify(seen);
      document.body.append(paper);
    }})();</script></body>"""
    copy = page.with_stem(f"{page.stem}-visited")
    copy.write_text(opened.replace("</body>", element), encoding="utf-8")
    return copy
