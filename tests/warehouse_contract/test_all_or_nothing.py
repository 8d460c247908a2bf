"""One object that is not what it has to be, and nothing of the others is merged; the error names it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from support.lakehouse import row, tampered

from airflow_provider_binance_liq.exceptions import InconsistentManifest, StorageError, WarehouseError


def path_of(manifest):
    return Path(manifest.object.uri.removeprefix("file://"))


def without_object(manifest):
    path_of(manifest).unlink()
    return manifest


def cut_short(manifest):
    path = path_of(manifest)
    path.write_bytes(path.read_bytes()[:-10])
    return manifest


def changed_by_hand(manifest):
    path = path_of(manifest)
    path.write_bytes(path.read_bytes().replace(b"BTC", b"ETH"))
    return manifest


def miscounted(manifest):
    return replace(manifest, object=replace(manifest.object, rows=manifest.object.rows + 1))


def not_gzip(manifest):
    return replace(manifest, object=replace(manifest.object, compression="gzip"))


#: what is wrong with an object that was sound → the error
WRONGS = {
    tampered: InconsistentManifest,
    changed_by_hand: InconsistentManifest,
    cut_short: InconsistentManifest,
    miscounted: InconsistentManifest,
    without_object: StorageError,
    not_gzip: InconsistentManifest,
}
#: a line that is no such row
BAD_ROWS = {
    '{"orderId":2,': WarehouseError,
    "not json": WarehouseError,
    row(2) + row(3): WarehouseError,
    "[1]": WarehouseError,
    "5": WarehouseError,
    "null": WarehouseError,
    # A blank line is no row for one, and no JSON for another.
    "": (InconsistentManifest, WarehouseError),
    row(2, price='"cheap"'): WarehouseError,
}


@pytest.mark.parametrize("wrong", WRONGS, ids=lambda wrong: wrong.__name__)
def test_one_bad_object_and_nothing_is_merged(lake, warehouse, wrong):
    warehouse.load(lake.lay([row(1)]))
    before = warehouse.dump()
    sound = [lake.lay([row(10 + day)], day=day) for day in (11, 13)]
    bad = wrong(lake.lay([row(12)], day=12))
    with pytest.raises(WRONGS[wrong]) as caught:
        warehouse.load(sound, bad)
    assert Path(bad.object.uri).name in str(caught.value)
    assert all(one.object.uri not in str(caught.value) for one in sound)
    assert warehouse.dump() == before


@pytest.mark.parametrize("line", BAD_ROWS)
def test_one_bad_row_and_nothing_is_merged(lake, warehouse, line):
    warehouse.load(lake.lay([row(1)]))
    before = warehouse.dump()
    sound = [lake.lay([row(10 + day) for _ in range(3)], day=day) for day in (11, 13)]
    bad = lake.lay([row(20), line, row(21)], day=12)
    with pytest.raises(BAD_ROWS[line]) as caught:
        warehouse.load(sound, bad)
    assert bad.object.uri in str(caught.value)
    assert all(one.object.uri not in str(caught.value) for one in sound)
    assert str(caught.value).lower().endswith("nothing was merged")
    assert warehouse.dump() == before


def test_a_failed_load_leaves_no_local_files_behind(lake, warehouse, tmp_path, monkeypatch):
    import tempfile

    scratch = tmp_path / "scratch of [a*b]"
    scratch.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    warehouse.load(lake.lay([row(1)]))
    with pytest.raises(InconsistentManifest):
        warehouse.load(lake.lay([row(2)], day=11), tampered(lake.lay([row(3)], day=12)))
    assert list(scratch.iterdir()) == []


def test_after_the_object_is_mended_the_same_load_goes_through(lake, warehouse):
    manifests = [lake.lay([row(day)], day=day) for day in (11, 12)]
    body = path_of(manifests[1]).read_bytes()
    cut_short(manifests[1])
    with pytest.raises(InconsistentManifest):
        warehouse.load(manifests)
    path_of(manifests[1]).write_bytes(body)
    assert warehouse.load(manifests).inserted == 2
