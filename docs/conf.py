"""Sphinx configuration; docs/development/building.md says how to build."""

from __future__ import annotations

import sys
from pathlib import Path

from docutils import nodes

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

import orthola  # noqa: E402
from docs.scripts.fields import append_fields  # noqa: E402

project = "orthola"
author = "The orthola developers"
copyright = "2026, The orthola developers"
version = release = orthola.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "numpydoc",
    "myst_parser",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = ["_build"]
templates_path = ["_templates"]
source_suffix = {".md": "markdown", ".rst": "restructuredtext"}
# Docstrings that scikit-learn hands down refer to its own guide.
suppress_warnings = ["ref.ref"]

# Names are loaded on first use, so the modules cannot be walked: the reference lists them.
autosummary_generate = True
autodoc_typehints = "none"
numpydoc_show_class_members = False
numpydoc_class_members_toctree = False
default_role = "py:obj"  # `polar` in a docstring or an example is a link, `a` is code

myst_enable_extensions = ["dollarmath", "amsmath", "deflist"]
myst_heading_anchors = 3

html_theme = "pydata_sphinx_theme"
html_title = "orthola"
html_show_sourcelink = False
html_theme_options = {"show_toc_level": 2, "navigation_with_keys": False}

sphinx_gallery_conf = {
    "examples_dirs": str(ROOT / "examples"),
    "gallery_dirs": "auto_examples",
    "filename_pattern": r"plot_",
    "image_scrapers": ("matplotlib",),
    "matplotlib_animations": False,
    "show_memory": False,
    "abort_on_example_error": True,
}


def _as_wide_as_the_page(app, doctree):
    """Pictures of studies fit the page, and lead to themselves in full size."""
    for image in doctree.findall(nodes.image):
        if "docs/images" in image["uri"] or image["uri"].startswith("images/"):
            image.setdefault("width", "100%")


def setup(app):  # noqa: D103  Sphinx looks for this name
    app.connect("doctree-read", _as_wide_as_the_page)
    # After numpydoc, which would take the names for attributes and show what Python says of them.
    app.connect("autodoc-process-docstring", append_fields, priority=900)
