"""What the route `day` answers for a day with one proven window."""

from __future__ import annotations

NAME = "usdm_futures/account=desk/date=2026-11-13/20261113T000000Z_20261114T000000Z"
WINDOW = {
    "start": "2026-11-13T00:00:00Z",
    "end": "2026-11-14T00:00:00Z",
    "complete": True,
    "counts_as_proven": True,
    "rows": 412,
    "bytes": 128_311,
    "sha256": "9f2c4e1b7d80" * 5 + "abcd",
    "object_uri": f"s3://desk-lake/binance/{NAME}.ndjson",
    "object_path": f"{NAME}.ndjson",
    "manifest_path": f"{NAME}.manifest.json",
    "extracted_at": "2026-11-15T00:04:11Z",
    "method": "time_paging",
    "pages": 6,
    "requests": 7,
    "weight": 140,
    "premises": [
        {
            "code": "rows_settled",
            "status": "assumed",
            "sentence": "No row of the window appears two days after its end.",
        },
        {
            "code": "newest_first",
            "status": "documented",
            "sentence": "A page has the newest rows of its range.",
        },
    ],
    "incomplete_reasons": [],
    "second_look": {"looked_at": "2026-11-20T00:04:00Z", "rows_added": 0},
    "loaded": True,
}
DOUBTED = {
    **WINDOW,
    "complete": False,
    "counts_as_proven": False,
    "incomplete_reasons": [
        {"code": "isolated_rows", "sentence": "Rows of isolated accounts may have been left out."}
    ],
    "second_look": None,
    "loaded": False,
}
