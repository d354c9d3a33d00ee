"""What the programs of scripts/ share. Importing it makes lsnn, beside scripts/, importable."""

import os
import sys

sys.path.insert(1, os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
