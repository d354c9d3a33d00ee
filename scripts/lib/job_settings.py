"""The settings of a job: given whole, as by the workflow, or found in a configuration, by hand.

The workflow has checked them: what it starts reads no configuration and needs no schema.
"""

import argparse
import json
import logging

from lsnn.errors import ConfigError

# TensorFlow 2 warns of deprecations while it is imported, before it can be told to be silent.
logging.getLogger("tensorflow").setLevel(logging.ERROR)

# What every job of the model is told.
NEEDED = ("tensorflow", "task", "network", "loss", "source")


def parse(parser, of_study, needed, **selectors):
    """Return the parsed arguments of a program, and the settings of the job that they mean.

    Args:
        parser: of type :class:`argparse.ArgumentParser`; gets the arguments `--settings`,
            `--config`, `--data` and those of the selectors.
        of_study: called with a study (:class:`lsnn.study.config.Study`) and the selectors, by
            name, that choose one of its jobs; returns its settings.
        needed: names of the settings that this program needs besides those of a network.
        selectors: the type and the meaning of each.

    Raises:
        ConfigError: the configuration is not possible, or has no such job.
    """
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--config", metavar="FILE", help="configuration of the study (YAML)")
    source.add_argument(
        "--settings", metavar="JSON", type=_mapping, help="as the workflow gives them; no --config"
    )
    for name, (kind, meaning) in selectors.items():
        parser.add_argument("--" + name, type=kind, help=meaning + "; with --config")
    parser.add_argument("--data", metavar="FOLDER", help="of the data sets (default: the study's)")
    arguments = parser.parse_args()

    selected = {name: getattr(arguments, name) for name in selectors}
    if arguments.settings is not None:
        if not all(value is None for value in selected.values()) or arguments.data is None:
            none_of = ", and none of " + _options(selectors) if selectors else ""
            parser.error("--settings needs --data" + none_of)
        missing = [key for key in NEEDED + needed if key not in arguments.settings]
        if missing:
            parser.error("--settings lacks " + ", ".join(missing))
        return arguments, arguments.settings
    if any(value is None for value in selected.values()):
        parser.error("--config needs " + _options(selectors))
    # Imported here, because jobs of the workflow do without it.
    from lsnn.study.config import read_study

    study = read_study(arguments.config)
    arguments.data = arguments.data or study.data
    try:
        return arguments, of_study(study, **selected)
    except ConfigError as error:
        raise ConfigError("configuration {}: {}".format(arguments.config, error)) from None


def _options(selectors):
    return " and ".join("--" + name for name in selectors)


def _mapping(text):
    """Return the mapping that an argument holds as JSON."""
    try:
        return dict(json.loads(text))
    except (ValueError, TypeError) as error:
        raise argparse.ArgumentTypeError("not a mapping in JSON: {}".format(error)) from None
