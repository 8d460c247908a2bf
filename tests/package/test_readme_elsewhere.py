"""What an index shows of the README has no link that leads nowhere."""

from __future__ import annotations

import re
from pathlib import Path

from hatchling.metadata.core import ProjectMetadata
from hatchling.plugin.manager import PluginManager

from hatch_build import elsewhere

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
RELATIVE = re.compile(r"\]\((?!https?://)")
HOME = "https://host.example/owner/name"


def metadata(repository):
    """What hatchling builds the package with, if the repository has that address."""
    project = ProjectMetadata(str(ROOT), PluginManager())
    project.config["tool"]["hatch"]["metadata"]["hooks"]["custom"]["repository"] = repository
    return project.core


def test_without_an_address_the_words_stay_and_the_links_go():
    text = "See [the *guide*](docs/a.md#b), [uv](https://host.example/uv).\n\n![A page](docs/p.png)\n\nEnd."
    assert elsewhere(text, "") == "See the *guide*, [uv](https://host.example/uv).\n\nEnd."


def test_with_one_each_link_leads_to_its_file_and_each_picture_to_its_bytes():
    assert elsewhere("[a](docs/a.md#b)", HOME) == f"[a]({HOME}/blob/HEAD/docs/a.md#b)"
    assert elsewhere("![p](docs/p.png)", HOME) == f"![p]({HOME}/raw/HEAD/docs/p.png)"


def test_the_package_has_no_relative_link_and_names_no_address_that_is_not_decided():
    project = metadata("")
    assert RELATIVE.search(README)
    assert not RELATIVE.search(project.readme)
    assert project.urls == {}


def test_one_setting_gives_the_package_its_addresses_and_every_link_of_its_readme():
    project = metadata(f"{HOME}/")
    assert not RELATIVE.search(project.readme)
    assert project.readme.count(f"({HOME}/") == len(RELATIVE.findall(README))
    assert all(url.startswith(HOME) for url in project.urls.values())
    assert {"Documentation", "Changelog", "Source", "Issues"} <= set(project.urls)
    assert all((ROOT / url.partition("/HEAD/")[2]).exists() for url in project.urls.values())
