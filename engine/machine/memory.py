"""How much memory there is: what a file declares is held against it before anything is allocated."""

from __future__ import annotations

from pathlib import Path


def free_memory() -> int:
    """Bytes that are free now; where the system does not say, 8 GiB."""
    meminfo = Path("/proc/meminfo")
    if meminfo.exists():
        for line in meminfo.read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    return 8 * 1024**3
