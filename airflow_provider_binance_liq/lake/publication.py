"""Publication: replacing what stands at a place so that a kill or an error at any step loses nothing.

An object and its manifest have fixed names and no store replaces two of them at once, so for a moment no
manifest may be visible. What was proven before that moment may not depend on it. So where an object is to be
replaced under its own name:

1. the new object is stored whole under a hidden name, and read back; what stands is not touched;
2. a hidden note, the new manifest and the checksum that it replaces, commits it: from now on `finish`
   brings the rest to its end, whoever runs next;
3. the earlier manifest goes, the object takes its place, the manifest is written last;
4. the note and what else is hidden go.

Before the second step everything earlier stands; after it everything later is stored. `finish` may run twice,
or beside the run that it helps: each of its steps leaves the same behind. Where nothing stands, or something
of another name (another compression), the object is put straight to its place: nothing is in its way.
"""

from __future__ import annotations

import json
import logging
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from airflow_provider_binance_liq.core.manifest import Manifest, ManifestObject, from_dict, from_json
from airflow_provider_binance_liq.exceptions import InconsistentManifest, StorageError
from airflow_provider_binance_liq.lake.layout import SUFFIXES
from airflow_provider_binance_liq.lake.reading import standing
from airflow_provider_binance_liq.lake.storage import (
    make_directory,
    move,
    put,
    read_if_there,
    see_stored,
    sha256_of,
    stored_sha256,
    storing,
)

if TYPE_CHECKING:
    from airflow.sdk import ObjectStoragePath

    from airflow_provider_binance_liq.lake.drafts import Draft
    from airflow_provider_binance_liq.lake.layout import Place

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Unchecked:
    """Says that it does not matter what stands at a place."""


_UNCHECKED: Final = Unchecked()


@dataclass(frozen=True, slots=True)
class _Note:
    """A landing that is committed: what is to stand, and the checksum of what it replaces."""

    manifest: Manifest
    replaces: str

    def to_json(self) -> str:
        return json.dumps({"replaces": self.replaces, "manifest": self.manifest.to_dict()}) + "\n"

    @classmethod
    def of(cls, text: bytes, path: ObjectStoragePath) -> _Note:
        try:
            plain = json.loads(text)
            return cls(from_dict(plain["manifest"]), str(plain["replaces"]))
        except (
            ValueError,
            RecursionError,
            KeyError,
            TypeError,
            AttributeError,
            InconsistentManifest,
        ) as error:
            message = (
                f"{path} says that a landing is to be brought to its end, but not which ({error}). Nothing "
                "was changed; use the version that wrote it, or move it away with the hidden object beside it"
            )
            raise InconsistentManifest(message) from error


def publish(draft: Draft, place: Place) -> ManifestObject:
    """Store the object, whole: at its place, or beside it where that would overwrite one that is described.

    :raises StorageError: the destination does not take it; what stood there stands. Running again repairs it.
    """
    finish(place)
    target = place.object
    with storing("write", target):
        there = read_if_there(place.manifest)
        if not _describes(there, draft, place):
            make_directory(place.directory)
            if _is_in_the_way(there, place):
                _stage(draft, place)
            else:
                put(draft.path, target)
                see_stored(target, draft.sha256)
    return ManifestObject(str(target), draft.rows, draft.bytes, draft.sha256, place.compression)


def commit(
    manifest: Manifest, place: Place, directory: Path, *, seen: Manifest | Unchecked | None = _UNCHECKED
) -> None:
    """Write the manifest, last of all.

    :param seen: what stood at the place when the manifest was made, if that has to stand there still.
    :raises StorageError: the destination does not take it, or another run of the same window has landed
        meanwhile. Either everything earlier stands, or running again brings this landing to its end.
    """
    staged = place.staged(manifest.object.sha256)
    note = None
    with storing("write", place.manifest):
        if staged.exists():
            try:
                _see_unchanged(place, seen)
                note = _note(manifest, place, directory)
            except BaseException:
                staged.unlink(missing_ok=True)
                raise
            _take_place(place, manifest)
        else:
            _see_unchanged(place, seen)
        _describe(manifest, place, directory, note)
    _tidy(place, manifest, note)


def has_pending(place: Place) -> bool:
    """Tell whether a landing was committed and not brought to its end; it may be going on right now.

    :raises StorageError: it cannot be told.
    """
    with storing("look for a landing that was cut off at", place.pending):
        return read_if_there(place.pending) is not None


def finish(place: Place) -> None:
    """Bring a landing to its end that was committed and then cut off; nothing where there is none.

    :raises StorageError: the destination does not take it; running again goes on.
    :raises InconsistentManifest: what lies there is no note of this version, or of another extraction.
    """
    with storing("look for a landing that was cut off at", place.pending):
        text = read_if_there(place.pending)
    if text is None:
        return
    note = _Note.of(text, place.pending)
    manifest = note.manifest
    place.see_identity(manifest)
    place = place.in_form(manifest.object.compression)
    with storing("bring to its end what was landed at", place.object):
        if not _is_overtaken(note, place) and _is_stored(manifest, place):
            log.info("The landing of %s at %s is brought to its end", manifest.extracted_at, place.object)
            with tempfile.TemporaryDirectory(prefix="binance-liq-") as directory:
                _describe(manifest, place, Path(directory), text)
        else:
            log.warning("%s does not count any more: another run has landed since", place.pending)
            place.pending.unlink(missing_ok=True)
            place.staged(manifest.object.sha256).unlink(missing_ok=True)
            return
    _tidy(place, manifest, text)


def _stage(draft: Draft, place: Place) -> None:
    staged = place.staged(draft.sha256)
    try:
        put(draft.path, staged)
        see_stored(staged, draft.sha256)
    except BaseException:
        staged.unlink(missing_ok=True)
        raise


def _note(manifest: Manifest, place: Place, directory: Path) -> bytes:
    """Commit: from here on, the landing is brought to its end."""
    there = standing(place).manifest
    text = _Note(manifest, there.object.sha256 if there else "").to_json()
    local = directory / "pending.json"
    local.write_text(text, encoding="utf-8")
    put(local, place.pending)
    return text.encode()


def _take_place(place: Place, manifest: Manifest) -> None:
    """Replace the object; no manifest may be visible that describes the earlier one."""
    place.manifest.unlink(missing_ok=True)
    move(place.staged(manifest.object.sha256), place.object)


def _describe(manifest: Manifest, place: Place, directory: Path, note: bytes | None) -> None:
    """Write the manifest, and take it back where its object is not there any more."""
    local = directory / "manifest.json"
    local.write_text(manifest.to_json(), encoding="utf-8")
    put(local, place.manifest)
    see_stored(place.manifest, sha256_of(local))
    try:
        see_stored(place.object, manifest.object.sha256)
    except StorageError:
        # Another run of the same window was faster; what it has committed must not be undone by this note.
        _remove_own(place.manifest, local.read_bytes())
        if note is not None:
            _remove_own(place.pending, note)
        raise


def _is_overtaken(note: _Note, place: Place) -> bool:
    """Tell whether a later landing stands: then the note is only what was left of an earlier one."""
    there = standing(place).manifest
    return there is not None and there.object.sha256 not in (note.manifest.object.sha256, note.replaces)


def _is_stored(manifest: Manifest, place: Place) -> bool:
    """Bring the object to its place, if it is not there; tells whether it is."""
    sha256 = manifest.object.sha256
    if stored_sha256(place.object) == sha256:
        return True
    if stored_sha256(place.staged(sha256)) != sha256:
        return False
    _take_place(place, manifest)
    return True


def _tidy(place: Place, manifest: Manifest, note: bytes | None) -> None:
    """Remove what a landing leaves beside it; what stays does no harm, and goes with the next one."""
    try:
        with storing("remove what is left beside", place.object):
            for compression in SUFFIXES:
                if compression != place.compression:
                    place.in_form(compression).object.unlink(missing_ok=True)
            if note is not None:
                _remove_own(place.pending, note)
                place.staged(manifest.object.sha256).unlink(missing_ok=True)
    except StorageError as error:
        log.warning("The window is landed, but something that is not needed any more stays: %s", error)


def _remove_own(path: ObjectStoragePath, text: bytes) -> None:
    if read_if_there(path) == text:
        path.unlink(missing_ok=True)


def _see_unchanged(place: Place, seen: Manifest | Unchecked | None) -> None:
    if isinstance(seen, Unchecked):
        return
    there = standing(place).manifest
    if (there and (there.object.sha256, there.extracted_at)) != (
        seen and (seen.object.sha256, seen.extracted_at)
    ):
        message = (
            f"another run of the same window has landed at {place.object} since this one was compared with "
            "what stood there. Nothing was overwritten; running again compares with what stands now"
        )
        raise StorageError(message)


def _describes(there: bytes | None, draft: Draft, place: Place) -> bool:
    """Tell whether the very same object lies there, described: then nothing has to be written."""
    manifest = _read(there)
    if manifest is None or manifest.object.compression != place.compression:
        return False
    return manifest.object.sha256 == draft.sha256 == stored_sha256(place.object)


def _is_in_the_way(there: bytes | None, place: Place) -> bool:
    """Tell whether a manifest describes what lies where the object belongs, or may do so."""
    manifest = _read(there)
    return there is not None and (manifest is None or manifest.object.compression == place.compression)


def _read(text: bytes | None) -> Manifest | None:
    try:
        return None if text is None else from_json(text)
    except InconsistentManifest:
        return None
