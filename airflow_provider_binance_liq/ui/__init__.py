"""The coverage page: an app below Airflow's API server, a plugin that registers it, and a file for auditors.

`plugin` is imported by every component of Airflow, so it imports nothing heavy. `lakes` reads the Variables,
`snapshots` keeps what was read of a lake, `document` says what the page shows, `days` what is known of one
day, `estimates` what extracting days costs and the backfills that do so, `files` gives out objects and
manifests, `app` has the routes and their rights, `command` and `page` write the file. `static` is what the
browser loads.
"""
