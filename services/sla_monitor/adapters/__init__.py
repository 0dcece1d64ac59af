"""The monitor's outside edges."""
