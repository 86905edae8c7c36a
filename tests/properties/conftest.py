"""Makes the helper files of this folder importable by their names: test files are imported one by one."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
