"""The scripts that made the embedded model stand outside of the package."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks" / "world_model"))
