"""Makes the helper files of this folder, and the disk whose power can be cut, importable by their names."""

import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent / "engine" / "stores")]
