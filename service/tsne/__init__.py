"""t-SNE (van der Maaten & Hinton 2008, https://jmlr.org/papers/v9/vandermaaten08a.html), made for CPUs.

`together` → `embedding` → `neighbours` → `affinities` → `initial` → `descent` → repulsion, `exact` or by `grid`
"""

from service.tsne.embedding import (
    EXAGGERATED,
    Embedding,
    OnProgress,
    Progress,
    Stopped,
    embed,
)
from service.tsne.together import Listener, embed_all, warm_up

__all__ = [
    "EXAGGERATED",
    "Embedding",
    "Listener",
    "OnProgress",
    "Progress",
    "Stopped",
    "embed",
    "embed_all",
    "warm_up",
]
