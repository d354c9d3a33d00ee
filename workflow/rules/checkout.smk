# For a module that is on GitHub or GitLab, as snakedeploy writes it, Snakemake has a repository but no files. This
# workflow runs programs, so the version that is asked for is checked out, once, into the working folder.
import tempfile
from pathlib import Path

RULES = workflow.current_basedir

if hasattr(RULES, "hosted_repo"):
    repository = RULES.hosted_repo.repo
    version = repository.commit(RULES.ref).hexsha
    checkout = Path(".snakemake/checkouts").absolute() / version
    if not checkout.exists():
        checkout.parent.mkdir(parents=True, exist_ok=True)
        unfinished = Path(tempfile.mkdtemp(dir=checkout.parent))
        repository.clone(unfinished, no_checkout=True).git.checkout(version)
        unfinished.rename(checkout)
    RULES = checkout / "workflow/rules"
