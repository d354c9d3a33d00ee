"""Run the notebook of docs/ from its first cell to its last, and write what it shows into it.

For developers; with the environment of `make notebook`, in the root of the project, on the results
of the demo. Times and the messages of programs are left out, so that running it again changes what
is shown alone.
"""

import argparse
from typing import Any

import nbformat
from nbclient import NotebookClient

NOTEBOOK = "docs/notebooks/analysis.ipynb"


def run_notebook(path: str) -> Any:
    """Return a notebook with the outputs that it has when it is run in the present folder."""
    notebook = nbformat.read(path, as_version=4)
    NotebookClient(notebook, resources={"metadata": {"path": "."}}, record_timing=False).execute()
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = [output for output in cell.outputs if output.output_type != "stream"]
    return notebook


def main() -> None:
    """Do what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.parse_args()
    nbformat.write(run_notebook(NOTEBOOK), NOTEBOOK)


if __name__ == "__main__":
    main()
