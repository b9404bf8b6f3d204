"""The report in Chromium: nothing in its console, nothing fetched, nothing too wide."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

import henderson as hd

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="there is no Chromium; install it to see the report in a browser"
)
PHONE, DESKTOP, PAPER = 390, 1280, 700  # CSS pixels; the last is A4 less its margins

# Loads the report in a frame of some width and writes down what it sees there.
PROBE = """<!DOCTYPE html><html><head><link rel="icon" href="data:,"><title>probe</title></head>
<body><iframe id="frame" src="/report.html" style="width:WIDTHpx; height:800px; border:0">
</iframe><pre id="found"></pre><script>
document.getElementById("frame").addEventListener("load", async (event) => {
  const page = event.target.contentDocument;
  const images = [...page.images];
  await Promise.all(images.map((image) => image.decode()));
  const root = page.documentElement;
  document.getElementById("found").textContent = JSON.stringify({
    wide: root.scrollWidth,
    room: root.clientWidth,
    images: images.map((image) => [image.naturalWidth, image.clientWidth, image.clientHeight]),
    tables: [...page.querySelectorAll("table")].map((table) => table.rows.length),
    equations: [...page.querySelectorAll("math")].map((line) => line.clientHeight),
    headings: [...page.querySelectorAll("h2")].map((heading) => heading.textContent),
    smallest: Math.min(...[...page.querySelectorAll("p, td, th, li, figcaption")].map(
      (element) => parseFloat(getComputedStyle(element).fontSize))),
  });
});
</script></body></html>"""


@contextmanager
def served(report: str, width: int) -> Iterator[tuple[str, list[str]]]:
    """The address of the probe, and the paths that are asked for."""
    pages = {"/report.html": report, "/probe.html": PROBE.replace("WIDTH", str(width))}
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            body = pages.get(self.path, "").encode("utf-8")
            self.send_response(200 if body else 404)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/probe.html", asked
    finally:
        server.shutdown()
        server.server_close()


def opened(address: str, width: int, folder: Path) -> subprocess.CompletedProcess[str]:
    """Chromium's run: the page on standard output, the console on standard error."""
    options = [
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--enable-logging=stderr",
        "--virtual-time-budget=20000",
        f"--user-data-dir={folder}",
        f"--window-size={width + 40},900",
    ]
    return subprocess.run(
        [str(CHROMIUM), *options, "--dump-dom", address],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> str:
    pigs = hd.datasets.load("fecal_dm")
    model = hd.fit("dry_matter_perc ~ Trt * Day + (1 | Room/Pen/Pig)", pigs)
    path = model.report(tmp_path_factory.mktemp("report") / "pigs.html", n=50)
    return path.read_text(encoding="utf-8")


@pytest.mark.parametrize("width", [PHONE, PAPER, DESKTOP])
def test_the_report_opens_without_errors_and_fits(
    report: str, width: int, tmp_path: Path
) -> None:
    with served(report, width) as (address, asked):
        run = opened(address, width, tmp_path)
    assert not [line for line in run.stderr.splitlines() if ":CONSOLE" in line]
    assert set(asked) == {"/probe.html", "/report.html"}
    written = re.search(r'<pre id="found">(.+?)</pre>', run.stdout, re.DOTALL)
    assert written, run.stderr
    found = json.loads(written[1])
    assert found["wide"] <= found["room"]
    assert len(found["images"]) == report.count("<figure ") == 6
    assert all(min(sizes) > 0 for sizes in found["images"])
    assert len(found["tables"]) == report.count("<table ") == 8
    assert all(rows > 1 for rows in found["tables"])
    assert len(found["equations"]) == 6
    assert min(found["equations"]) > 10
    assert found["headings"][0] == "Model"
    assert found["smallest"] >= 12.0


def test_a_picture_from_elsewhere_would_be_refused_and_be_seen(
    report: str, tmp_path: Path
) -> None:
    spoiled = report.replace("</main>", '<img src="/elsewhere.png" alt=""></main>')
    with served(spoiled, DESKTOP) as (address, asked):
        run = opened(address.replace("probe", "report"), DESKTOP, tmp_path)
    assert re.search(":CONSOLE.*Content Security Policy", run.stderr)
    assert "/elsewhere.png" not in asked
