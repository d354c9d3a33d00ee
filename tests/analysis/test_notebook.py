"""The notebook runs from its first cell to its last, and shows as much as it does in docs/."""

import nbformat

from run_notebook import NOTEBOOK, run_notebook


def shown(notebook):
    """What the cells show, each a list of types."""
    return [
        [sorted(output.data) for output in cell.outputs]
        for cell in notebook.cells
        if cell.cell_type == "code"
    ]


def test_the_notebook_runs():
    in_docs = shown(nbformat.read(NOTEBOOK, as_version=4))
    assert shown(run_notebook(NOTEBOOK)) == in_docs
    assert sum("image/png" in types for cell in in_docs for types in cell) == 4
