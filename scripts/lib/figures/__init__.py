"""The figures of studies and claims: a drawing function each, and their captions."""

import os

os.environ["MPLBACKEND"] = "agg"  # before matplotlib, which would take the user's
