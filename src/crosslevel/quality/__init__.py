"""Were the answers honest, complete and representative."""

__all__: list[str] = []
