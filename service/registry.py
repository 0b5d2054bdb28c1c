"""The models folder, followed while the service runs: new versions are verified, warmed and take over."""

import asyncio
import logging
import re
from collections import OrderedDict
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from service.autoencoder import set_threads
from service.batcher import Batching
from service.bundle import Bundle, list_versions
from service.errors import InvalidBundle, NoSuchModel, NoSuchVersion, NotReady
from service.limits import input_limits
from service.manifest import NAME_PATTERN
from service.served import ServedModel
from service.settings import Settings
from service.telemetry import Telemetry
from service.workers import Workers

_log = logging.getLogger("hourglass.registry")

Fingerprint: TypeAlias = frozenset[tuple[str, int, int]]
"""Path, time of change and size of every file of a bundle: what tells a repaired bundle from the broken one."""


@dataclass(frozen=True)
class _Serving:
    """The newest valid version of a model, what its files were like, and the versions that lie beside it."""

    model: ServedModel
    fingerprint: Fingerprint
    versions: tuple[int, ...]


@dataclass
class Registry:
    """Serves the newest valid version of every model, and older ones when they are asked for.

    A request takes its `ServedModel` once and keeps it, so that a version that takes over meanwhile cannot mix answers.
    """

    settings: Settings
    workers: Workers
    telemetry: Telemetry
    is_loaded: bool = False
    """Whether the models folder has been gone through once."""
    _serving: dict[str, _Serving] = field(default_factory=dict)
    _older: "OrderedDict[tuple[str, int], ServedModel]" = field(default_factory=OrderedDict)
    _refused: dict[Path, Fingerprint] = field(default_factory=dict)
    _chosen_default: str | None = None
    _wake: asyncio.Event = field(default_factory=asyncio.Event)
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def default_name(self) -> str | None:
        """The model that answers where none is named; None while it is not served."""
        default = self.settings.default_model or self._chosen_default
        return default if default in self._serving else None

    @property
    def served(self) -> list[ServedModel]:
        """The newest valid version of every model, by name."""
        return [self._serving[name].model for name in sorted(self._serving)]

    def versions(self, name: str) -> tuple[int, ...]:
        """The versions of a served model that `get` may be asked for, ascending; not those that failed their checks."""
        folder = self.settings.models_dir / name
        paths = [folder / str(version) for version in self._serving[name].versions]
        return tuple(int(path.name) for path in paths if path not in self._refused)

    async def get(self, name: str | None = None, version: int | None = None) -> ServedModel:
        """The model that a request chose; an older version is loaded when it is first asked for.

        Raises:
            NotReady: The models are still being loaded, or there are none.
            NoSuchModel, NoSuchVersion: There is none of this name, or of this version.
        """
        chosen = name or self.default_name
        if chosen is None or (chosen not in self._serving and not self.is_loaded):
            raise NotReady("No model is loaded yet; GET /health/ready tells when.", headers={"Retry-After": "1"})
        if chosen not in self._serving:
            raise NoSuchModel("No model of this name is served; GET /models lists them.")
        newest = self._serving[chosen].model
        return newest if version in {None, newest.version} else await self._get_older(chosen, version or 0)

    def find(self, name: str | None, version: int | None) -> ServedModel | None:
        """The model that `get` gives without waiting, or None where that waits or refuses."""
        serving = self._serving.get(name or self.default_name or "")
        return serving.model if serving is not None and version in {None, serving.model.version} else None

    def look(self) -> None:
        """Look for new versions now."""
        self._wake.set()

    async def follow(self) -> None:
        """Load the models folder, then look again at every poll interval and after every `look()`, for ever."""
        while True:
            self._wake.clear()
            try:
                await self.refresh()
            except Exception:  # whatever befalls one look at the folder, the next one must come
                _log.exception("looking for models failed")
            try:
                await asyncio.wait_for(self._wake.wait(), self.settings.models_poll_interval_s or None)
            except TimeoutError:
                continue

    async def refresh(self) -> None:
        """Bring what is served up to the models folder, one model after the other."""
        async with self._lock:
            names = await asyncio.to_thread(list_models, self.settings.models_dir)
            if names is None:
                _log.error("the models folder %s cannot be read; what is served stays", self.settings.models_dir)
                self.is_loaded = True
                return
            for name in names:
                await self._refresh_model(name)
            for gone in self._serving.keys() - set(names):
                del self._serving[gone]
                self._forget_older(gone, ())
                del self.telemetry.model_versions[gone]
                _log.warning("%s has left the models folder and is no longer served", gone)
            self._choose_default()
            self.is_loaded = True

    def _choose_default(self) -> None:
        """Keep the default model for as long as it is served, whatever models come: their latents are another space."""
        if self.settings.default_model is None and self._chosen_default not in self._serving:
            self._chosen_default = min(self._serving, default=None)
            if len(self._serving) > 1:
                _log.warning("%s is the default model; name one as HOURGLASS_DEFAULT_MODEL", self._chosen_default)

    async def _refresh_model(self, name: str) -> None:
        """Serve the highest version that is valid; while none is, what is being served stays."""
        serving = self._serving.get(name)
        versions = await asyncio.to_thread(list_versions, self.settings.models_dir, name)
        for version in reversed(versions):
            path = self.settings.models_dir / name / str(version)
            fingerprint = await asyncio.to_thread(fingerprint_of, path)
            is_known = serving is not None and serving.model.version == version
            if serving is not None and is_known and serving.fingerprint == fingerprint:
                self._serve(serving.model, fingerprint, versions)
                return
            if (model := await self._load(path, fingerprint)) is not None:
                self._serve(model, fingerprint, versions)
                return
            if is_known:
                return

    def _serve(self, model: ServedModel, fingerprint: Fingerprint, versions: list[int]) -> None:
        """Let a model answer from the next request on."""
        before = self._serving.get(model.name)
        known = tuple(version for version in versions if version <= model.version)
        self._serving[model.name] = _Serving(model, fingerprint, known)
        self._forget_older(model.name, known)
        if before is None or before.model is not model:
            self._older.pop((model.name, model.version), None)
            if before is not None and before.model.version in known[:-1]:
                self._keep(before.model)
            self.telemetry.model_versions[model.name] = model.version
            _log.info("serving %s version %d", model.name, model.version)

    async def _get_older(self, name: str, version: int) -> ServedModel:
        if (name, version) not in self._older:
            async with self._lock:
                if (name, version) not in self._older:
                    self._keep(await self._load_older(name, version))
        self._older.move_to_end((name, version))
        return self._older[name, version]

    async def _load_older(self, name: str, version: int) -> ServedModel:
        path = self.settings.models_dir / name / str(version)
        if name in self._serving and version in self._serving[name].versions:
            model = await self._load(path, await asyncio.to_thread(fingerprint_of, path))
            if model is not None:
                return model
        raise NoSuchVersion("This version is not there, or failed its checks; GET /models lists those that are.")

    def _keep(self, model: ServedModel) -> None:
        """Keep an older version, and let go of those that were asked for longest ago."""
        self._older[model.name, model.version] = model
        while len(self._older) > self.settings.max_loaded_old_versions:
            self._older.popitem(last=False)

    def _forget_older(self, name: str, known: Collection[int]) -> None:
        """Let go of the versions of a model that have left the models folder."""
        for key in [key for key in self._older if key[0] == name and key[1] not in known]:
            del self._older[key]

    async def _load(self, path: Path, fingerprint: Fingerprint) -> ServedModel | None:
        """Load a bundle, or log and count that it is refused; what was refused is not tried again until it changes."""
        if self._refused.get(path) == fingerprint:
            return None
        try:
            model = await asyncio.to_thread(_load, path, self.workers, self.settings)
        except Exception as error:  # operators put anything into a folder; no bundle may stop the others
            self._refused[path] = fingerprint
            self.telemetry.bundles_refused.labels(path.parent.name).inc()
            _log.error("refused %s: %s", path, error, exc_info=not isinstance(error, InvalidBundle))
            return None
        self._refused.pop(path, None)
        return model


def list_models(models_dir: Path) -> list[str] | None:
    """The names of the models that have a bundle, sorted; None where the folder itself cannot be read."""
    try:
        names = [entry.name for entry in models_dir.iterdir() if re.fullmatch(NAME_PATTERN, entry.name)]
    except OSError:
        return None
    return sorted(name for name in names if list_versions(models_dir, name))


def fingerprint_of(path: Path) -> Fingerprint:
    """What the files of a bundle are like, without reading them; empty while they are being moved."""
    try:
        files = [(entry, entry.stat()) for entry in path.rglob("*") if entry.is_file()]
        return frozenset((str(entry.relative_to(path)), stat.st_mtime_ns, stat.st_size) for entry, stat in files)
    except OSError:
        return frozenset()


def _load(path: Path, workers: Workers, settings: Settings) -> ServedModel:
    set_threads(1)  # as on the event loop: the warm-up learns what is quick there
    bundle = Bundle.open(path)
    if (bundle.manifest.name, str(bundle.manifest.version)) != (path.parent.name, path.name):
        raise InvalidBundle(f"{path} says that it is {bundle.manifest.name} version {bundle.manifest.version}")
    batching = Batching(settings.max_batch_size, settings.max_batch_delay_ms / 1000)
    return ServedModel.load(bundle, workers, batching, input_limits(settings, bundle.manifest.image))
