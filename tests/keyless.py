"""What a process that starts without its database must be told: that nobody has made an API key."""

from pathlib import Path

from app.services.key_ring import NOTE


def note_no_keys(data_dir: Path) -> None:
    """Write the note that a process leaves which could read the keys and found none."""
    (data_dir / NOTE).write_bytes(b'{"configured": false, "keys": []}')
