"""How Sphinx builds the site: `uv run --group docs sphinx-build --fail-on-warning -c docs . <directory>`.

The root of the repository is the source, so that links to its other pages and files lead to them.
"""

from airflow_provider_binance_liq import __version__

project = "airflow-provider-binance-liq"
author = "airflow-provider-binance-liq maintainers"
release = version = __version__

extensions = ["myst_parser", "sphinx_external_toc"]
include_patterns = ["*.md", "docs/**"]
external_toc_path = "docs/_toc.yml"

# A link to a heading or a file that is not there is a warning, and the build takes warnings for errors.
nitpicky = True
myst_heading_anchors = 4
# What a manifest or a log looks like need not be a language that can be coloured.
highlight_language = "none"
suppress_warnings = ["misc.highlighting_failure"]

html_theme = "furo"
html_title = f"Binance liquidations for Airflow {__version__}"
html_static_path = ["static"]
html_favicon = html_logo = "images/logo.svg"
# Where somebody opens the site's first page.
html_extra_path = ["static/root"]
html_css_files = ["site.css"]
html_show_sphinx = False
html_copy_source = False
