"""Gather the pages of the site: docs/, and what they link to in the rest of the repository.

Every file keeps its place, so that links lead where they do in the repository; a link to a folder
becomes plain text.
"""

import argparse
import os
import re
import shutil
import subprocess
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
LINK = re.compile(r"!?\[([^\]]*)\]\(([^)\s#]+)[^)\s]*\)")
PAGES = {"docs/site/index.myst": "index.md"}  # that have another place on the site
GENERATED = (".jinja", ".py")  # in docs/: what pages are made of, and what makes the site


def stage(folder):
    """Copy the pages, and what they link to, into an empty folder."""
    tracked = set(git("ls-files"))
    tracked |= set(git("ls-files", "--others", "--exclude-standard", "docs"))
    folders = {str(parent) for name in tracked for parent in Path(name).parents}
    waiting = [
        name for name in tracked if name.startswith("docs/") and not name.endswith(GENERATED)
    ]
    done = set()
    while waiting:
        name = waiting.pop()
        if name in done:
            continue
        done.add(name)
        page = PAGES.get(name, name)
        place = folder / page
        place.parent.mkdir(parents=True, exist_ok=True)
        if not page.endswith(".md"):
            shutil.copyfile(REPOSITORY / name, place)
            continue
        text = (REPOSITORY / name).read_text(encoding="utf-8")
        waiting += {path_of(target, page) for _, target in LINK.findall(text)} & tracked

        def without_folders(link, page=page):
            return link[1] if path_of(link[2], page) in folders else link[0]

        place.write_text(LINK.sub(without_folders, text), encoding="utf-8")


def git(*arguments):
    """Return what git prints, as lines."""
    done = subprocess.run(
        ["git", *arguments], cwd=REPOSITORY, check=True, capture_output=True, text=True
    )
    return done.stdout.splitlines()


def path_of(target, page):
    """Return the path in the repository of what a page links to."""
    return os.path.normpath(os.path.join(os.path.dirname(page), target))


def main():
    """Do what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    shutil.rmtree(folder, ignore_errors=True)
    stage(folder)
    shutil.copyfile(REPOSITORY / "README.md", folder / "README.md")  # the first page quotes it


if __name__ == "__main__":
    main()
