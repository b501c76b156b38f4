"""A headless Chromium, driven by plain WebDriver: HTTP and JSON, and no library."""

from __future__ import annotations

import base64
import contextlib
import json
import shutil
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
AXE = Path(__file__).parents[2] / ".browser" / "node_modules" / "axe-core" / "axe.min.js"
_FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --hide-scrollbars "
    "--disable-background-networking --disable-component-update --disable-sync"
)
_WAIT_SECONDS = 120
_RIGHT = "\ue014"
_ESCAPE = "\ue00c"
KEYS = {"right": _RIGHT, "escape": _ESCAPE, "tab": "\ue004"}


class Browser:
    """One window."""

    def __init__(self, port: int, profile: Path) -> None:
        self._port = port
        options = {
            "binary": CHROMIUM,
            "args": [*_FLAGS.split(), f"--user-data-dir={profile}"],
        }
        asked = {
            "browserName": "chrome",
            "goog:chromeOptions": options,
            "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"},
        }
        self._path = ""
        begun = self._call("POST", "/session", {"capabilities": {"alwaysMatch": asked}})
        self._path = f"/session/{begun['sessionId']}"
        self._call("POST", "/timeouts", {"script": _WAIT_SECONDS * 1000})

    def open(self, page: Path) -> None:
        """Go to a file, and forget what was logged before."""
        self.log("browser")
        self.log("performance")
        self._call("POST", "/url", {"url": page.as_uri()})

    def window(self, width: int, height: int = 900, *, dark: bool = False, media: str = "") -> None:
        """Set how wide the window is, in CSS pixels, and what the reader prefers."""
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.devtools("Emulation.setDeviceMetricsOverride", **metrics)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        still = {"name": "prefers-reduced-motion", "value": "reduce"}
        self.devtools("Emulation.setEmulatedMedia", media=media, features=[scheme, still])

    def run(self, script: str, *args: Any) -> Any:
        """Run a script in the page; return what it returns."""
        return self._call("POST", "/execute/sync", {"script": script, "args": list(args)})

    def wait(self, script: str, *args: Any) -> Any:
        """Run a script that calls back with its result as its last argument."""
        return self._call("POST", "/execute/async", {"script": script, "args": list(args)})

    def devtools(self, command: str, **parameters: Any) -> Any:
        """Send a command of the DevTools protocol."""
        return self._call("POST", "/goog/cdp/execute", {"cmd": command, "params": parameters})

    def log(self, kind: str) -> list[dict[str, Any]]:
        """Return what was logged since it was last asked for."""
        found: list[dict[str, Any]] = self._call("POST", "/se/log", {"type": kind})
        return found

    def fetched(self) -> list[str]:
        """Return the addresses of all that the page asked for."""
        messages = [json.loads(entry["message"])["message"] for entry in self.log("performance")]
        return [
            message["params"]["request"]["url"]
            for message in messages
            if message["method"] == "Network.requestWillBeSent"
        ]

    def press(self, key: str) -> None:
        """Press a key where the focus is."""
        actions = [{"type": "keyDown", "value": KEYS[key]}, {"type": "keyUp", "value": KEYS[key]}]
        self._call(
            "POST", "/actions", {"actions": [{"type": "key", "id": "k", "actions": actions}]}
        )

    def point(self, x: float, y: float) -> None:
        """Move the pointer to a place of the window."""
        move = {"type": "pointerMove", "x": round(x), "y": round(y), "duration": 0}
        pointer = {"type": "pointer", "id": "m", "actions": [move]}
        self._call("POST", "/actions", {"actions": [pointer]})

    def picture(self) -> bytes:
        """Return the window as PNG."""
        taken = self.devtools("Page.captureScreenshot", format="png")
        return base64.b64decode(taken["data"])

    def close(self) -> None:
        """End the session."""
        self._call("DELETE", "", None)

    def _call(self, method: str, path: str, body: Any) -> Any:
        request = urllib.request.Request(
            f"http://127.0.0.1:{self._port}{self._path}{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=_WAIT_SECONDS + 10) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            raise AssertionError(json.load(error)["value"]["message"]) from None


@contextlib.contextmanager
def browser(profile: Path) -> Iterator[Browser]:
    """Start a browser with an empty profile, and end it."""
    assert DRIVER is not None
    with subprocess.Popen([DRIVER, "--port=0"], stdout=subprocess.PIPE, text=True) as driver:
        assert driver.stdout is not None
        try:
            said = next(line for line in driver.stdout if "started successfully" in line)
            found = Browser(int(said.strip().rstrip(".").rpartition(" ")[2]), profile)
            try:
                yield found
            finally:
                found.close()
        finally:
            driver.terminate()
