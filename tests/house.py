"""The table the house test reads: who may import whom, and the limits on size."""

MODULE_LINES = 400
FUNCTION_LINES = 60

# Layers from the ground up; packages in one layer never import each other.
LAYERS: tuple[tuple[str, ...], ...] = (
    ("version",),
    ("errors",),
    ("catalogue", "frames"),
    ("instruments",),
    ("responses", "multilevel"),
    ("psychometrics",),
    ("quality", "comparison", "disclosure", "qualitative"),
    ("integration", "evaluation"),
    ("frameworks",),
    ("study",),
    ("reporting", "fielding"),
    ("cli",),
)
