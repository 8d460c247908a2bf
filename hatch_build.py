"""What an index shows of the package: the README, with links that lead somewhere from there.

The README's links are relative, so that they work on every host of the repository, in an editor and on the
site. An index has none of those files. So its page gets absolute links, once it is decided where the
repository can be read (`repository` in pyproject.toml), and until then the words alone: no link that leads
nowhere.
"""

from __future__ import annotations

import re
from pathlib import Path

from hatchling.metadata.plugin.interface import MetadataHookInterface

_LINK = re.compile(r"(!?)\[([^\]]*)\]\((?!https?:|#)([^)]+)\)")
#: what the package names, by the path below `repository`
_URLS = {
    "Homepage": "",
    "Documentation": "/blob/HEAD/docs/index.md",
    "Changelog": "/blob/HEAD/CHANGELOG.md",
    "Source": "",
    "Issues": "/issues",
}


def elsewhere(text: str, repository: str) -> str:
    """Return a page of the repository as it is shown elsewhere, without a relative link."""

    def lead(found: re.Match[str]) -> str:
        picture, words, target = found.groups()
        if repository:
            return f"{picture}[{words}]({repository}/{'raw' if picture else 'blob'}/HEAD/{target})"
        return "" if picture else words

    return re.sub(r"\n{3,}", "\n\n", _LINK.sub(lead, text))


class RepositoryHook(MetadataHookInterface):
    """Fills in `readme`, and `urls` where the repository has an address."""

    def update(self, metadata: dict) -> None:
        """Set both; `repository` is this hook's one setting."""
        repository = self.config.get("repository", "").rstrip("/")
        text = (Path(self.root) / "README.md").read_text(encoding="utf-8")
        metadata["readme"] = {"content-type": "text/markdown", "text": elsewhere(text, repository)}
        if repository:
            metadata["urls"] = {name: f"{repository}{path}" for name, path in _URLS.items()}
