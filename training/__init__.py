"""The offline half: turns images into a bundle under `models/`. `python -m training --help` starts here."""
