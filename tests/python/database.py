"""Shows a database as its owner sees it: its schema and its rows, in an order of no meaning."""

import json
import sqlite3
import sys

connection = sqlite3.connect(sys.argv[1])
schema = {}
for kind, name, sql in connection.execute("SELECT type, name, sql FROM sqlite_master"):
    if name.startswith(("sqlite_", "mlctl_")):
        continue
    first, *rest = (sql or "").replace('"', "").splitlines() or [""]
    # MLflow writes the constraints of a table in an order that changes from time to time.
    schema[f"{kind} {name}"] = [first, *sorted(line.strip(" \t,") for line in rest)]
rows = {}
for key in schema:
    kind, name = key.split(" ")
    if kind == "table":
        rows[name] = sorted(map(repr, connection.execute(f'SELECT * FROM "{name}"')))
print(json.dumps({"schema": schema, "rows": rows}))
