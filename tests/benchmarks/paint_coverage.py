"""How fast the coverage page is painted in Chromium: 18 histories of two years, 13,140 days.

    uv run --group browser python tests/benchmarks/paint_coverage.py

From the document's last byte to the frame after the cells were painted; and of that, how long the page's own
thread worked, which leaves out what other processes of the machine took meanwhile.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from pathlib import Path

FIRST_PAINT = """
new Promise((done) => {
  const look = () => {
    const root = document.querySelector("binance-liq-coverage")?.shadowRoot;
    if (!root?.querySelector(".line .c")) return requestAnimationFrame(look);
    requestAnimationFrame(() => setTimeout(() => {
      const read = performance.getEntriesByType("resource").find((one) => one.name.endsWith("/coverage"));
      done(performance.now() - read.responseEnd);
    }));
  };
  look();
})
"""
FLAGS = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]


def measure(site, runs):
    """Return milliseconds that passed and that the page's thread worked, of each run."""
    from playwright.sync_api import sync_playwright

    passed, worked = [], []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=FLAGS)
        page = browser.new_context(viewport={"width": 1440, "height": 900}).new_page()
        clock = page.context.new_cdp_session(page)
        clock.send("Performance.enable", {"timeDomain": "threadTicks"})

        def worked_ms():
            metrics = clock.send("Performance.getMetrics")["metrics"]
            return 1000 * next(one["value"] for one in metrics if one["name"] == "TaskDuration")

        for _ in range(runs):
            page.goto("about:blank")
            before = worked_ms()
            page.goto(site.page, wait_until="commit")
            passed.append(page.evaluate(FIRST_PAINT))
            worked.append(worked_ms() - before)
        browser.close()
    return passed, worked


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=9)
    runs = parser.parse_args().runs
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    from support.coverage_documents import large
    from support.coverage_site import Site

    site = Site(large())
    try:
        for name, values in zip(("passed", "worked"), measure(site, runs), strict=True):
            shown = f"median {statistics.median(values):.0f}, {min(values):.0f} to {max(values):.0f}"
            sys.stdout.write(f"{name} (ms, {runs} runs): {shown}\n")
    finally:
        site.close()


if __name__ == "__main__":
    main()
