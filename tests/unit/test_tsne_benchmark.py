"""The benchmark of t-SNE: how its results are told."""

from pathlib import Path

import pytest

from benchmarks.tsne.contestants import CONTESTANTS, OURS, Cost
from benchmarks.tsne.judge import Quality
from benchmarks.tsne.results import Results, Run
from benchmarks.tsne.table import to_markdown

_PEER = CONTESTANTS[1].name
_MACHINE = {
    "processor": "a processor",
    "cpus": 2,
    "memory_gb": 24,
    "system": "Linux",
    "python": "3.11",
    "date": "today",
}


def _results(divergences: dict[str, list[float | None]]) -> Results:
    """Runs of 500 latents with these divergences, where there are any; the peers take twice as long."""
    results = Results(_MACHINE, {}, repeats=len(divergences[OURS.name]))
    for name, found in divergences.items():
        cost = Cost(1.0 if name == OURS.name else 2.0, 1.0, 100.0)
        for repeat, divergence in enumerate(found):
            quality = None if divergence is None else Quality(divergence, 0.95, 0.8, 0.1)
            results.runs.append(Run(500, "latent", name, repeat, cost, quality))
    return results


def test_maps_of_the_same_vectors_are_compared_in_pairs() -> None:
    """Draws that differ tenfold do not hide that every one of our maps is 2 to 4 % better."""
    text = to_markdown(_results({OURS.name: [0.98, 9.6, 0.98, 9.6], _PEER: [1.0, 10.0, 1.0, 10.0]}))
    assert f"| {_PEER} | -3.00 ± 0.58 | +0.0000 ± 0.0000 | +0.00 ± 0.00 |" in text
    assert f"| **{OURS.name}** | 1.00 (1.00 to 1.00) | 1.0 |" in text
    assert f"| {_PEER} | 2.00 (2.00 to 2.00) | 2.0 |" in text


@pytest.mark.parametrize("theirs", [[1.0, 1.0, 1.0], [None] * 4, [1.0, 1.0, 1.0, None]])
def test_few_pairs_are_not_averaged(theirs: list[float | None]) -> None:
    """Of three draws, or of maps without measures, no mean is given."""
    assert "pair by pair" not in to_markdown(_results({OURS.name: [1.0] * 4, _PEER: theirs}))


def test_results_survive_their_file(tmp_path: Path) -> None:
    """What was saved reads as it was, and is told alike."""
    results, path = (
        _results({OURS.name: [1.0, None], _PEER: [1.1, None]}),
        tmp_path / "tsne.json",
    )
    results.save(path)
    assert Results.load(path) == results
    assert to_markdown(Results.load(path)) == to_markdown(results)
