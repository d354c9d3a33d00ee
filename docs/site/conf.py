"""How Sphinx makes the site of the pages that stage.py gathers."""

import re
from pathlib import Path

from pygments.lexers.python import PythonLexer

project = "Local learning rules and sharp minima"
copyright = "the authors of this project"
extensions = ["myst_nb", "autoapi.extension", "sphinx.ext.napoleon", "sphinx_copybutton"]
exclude_patterns = ["docs/site/*", "README.md"]

html_theme = "furo"
html_title = project
html_show_sphinx = False
html_copy_source = False
html_static_path = ["_static"]
html_js_files = ["sort.js"]

myst_heading_anchors = 4
myst_enable_extensions = ["colon_fence"]
nb_execution_mode = "off"
suppress_warnings = ["autoapi.python_import_resolution"]  # of constants

autoapi_dirs = [str(Path(__file__).resolve().parents[2] / "lsnn")]
autoapi_root = "api"
autoapi_options = ["members", "undoc-members", "show-inheritance", "show-module-summary"]
autoapi_add_toctree_entry = False
autoapi_python_class_content = "both"
napoleon_numpy_docstring = False
napoleon_use_ivar = True


# Code, emphasis, or else a sign that would be read as markup.
MARKUP = re.compile(r"(``.*?``|`[^`]*`|\*\w[^*]*\w\*)|(\||\*|(?<=\w)_(?!\w))")


def escape(app, what, name, obj, options, lines):
    """Take | and * in a docstring, and a _ at the end of a word, for what they are."""
    lines[:] = [MARKUP.sub(lambda found: found[1] or "\\" + found[2], line) for line in lines]


def setup(app):
    """Let docstrings be read as they were written, and Snakefiles as what they nearly are."""
    app.add_lexer("snakemake", PythonLexer)
    app.connect("autodoc-process-docstring", escape, priority=1)  # before napoleon
