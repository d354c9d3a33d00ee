"""The figures of studies and claims: a drawing function each, with its caption beside it."""

import os

os.environ["MPLBACKEND"] = "agg"  # before matplotlib, which would take the user's
