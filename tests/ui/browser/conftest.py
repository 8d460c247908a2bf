"""A real Chromium, and a page of the coverage element in it."""

from __future__ import annotations

import subprocess
import tarfile
from pathlib import Path

import pytest
from support.coverage_documents import example
from support.coverage_site import Site

#: of axe-core, which finds what assistive technology would stumble over
AXE = "axe-core@4.10.3"
WIDE, NARROW = {"width": 1440, "height": 900}, {"width": 360, "height": 780}


@pytest.fixture(scope="session")
def axe(pytestconfig):
    """Return axe-core's script, fetched once from npm."""
    place = Path(pytestconfig.cache.mkdir("axe"))
    packed = place / f"{AXE.replace('@', '-')}.tgz"
    if not packed.exists():
        subprocess.run(["npm", "pack", "--silent", AXE], cwd=place, check=True, capture_output=True)
    with tarfile.open(packed) as archive:
        return archive.extractfile("package/axe.min.js").read().decode()


@pytest.fixture
def violations(axe):
    """Return a function that lists what axe-core finds on a page."""

    def find(page):
        page.evaluate(axe)
        found = page.evaluate("axe.run({ resultTypes: ['violations'] })")
        return [
            f"{one['id']}: {one['help']}: {one['nodes'][0]['target']} {one['nodes'][0]['html'][:200]}"
            for one in found["violations"]
        ]

    return find


@pytest.fixture
def serve():
    """Return a function that serves a document; the servers end with the test."""
    sites = []

    def start(document):
        sites.append(Site(document))
        return sites[-1]

    yield start
    for site in sites:
        site.close()


@pytest.fixture
def visit(chromium):
    """Return a function that opens a page; an error in its scripts fails the test."""
    contexts, errors = [], []

    def open_page(url, *, size=None, scheme="light", offline=False, **known):
        context = chromium.new_context(
            viewport=size or WIDE, color_scheme=scheme, reduced_motion="reduce", locale="de-DE",
            timezone_id="Pacific/Kiritimati", **known,
        )  # fmt: skip
        contexts.append(context)
        context.set_offline(offline)
        page = context.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(url)
        page.locator("binance-liq-coverage main").wait_for()
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert errors == []


@pytest.fixture
def site(serve):
    return serve(example())


@pytest.fixture
def page(visit, site):
    found = visit(site.page)
    found.get_by_role("grid").first.wait_for()
    return found
