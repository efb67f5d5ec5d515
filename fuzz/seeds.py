"""Fills `corpus/` with what the tests of mlctl-models have and make.

    python fuzz/seeds.py [MADE...]

MADE are folders that the `make.py` of `models/tests` wrote; models in `models/tests/fixtures` come in by themselves.
Large files are left out: they only slow the search down.
"""

import hashlib
import io
import json
import struct
import sys
import zipfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
BYTES_MAX = 30_000

JSON = [
    '{"dataframe_split": {"columns": ["a", "b", "c", "d", "e", "f"], "index": [0, 1],'
    ' "data": [[1.5, 2, "x", true, 4, NaN], [-Infinity, 3, null, false, 5, null]]}}',
    '{"dataframe_records": [{"a": 1e300, "b": 9007199254740993, "c": "\\u00e9\\ud83d\\ude00", "d": true, "e": 1}],'
    ' "params": {"t": [1]}}',
    '{"instances": [{"a": 1, "b": [1, 2]}, {"a": 2, "b": [3, 4]}]}',
    '{"instances": [[[1, 2], [3, 4]], [[5, 6], [7, 8]]]}',
    '{"inputs": {"a": [1.0, 2.0], "b": [1, 2], "c": ["x", "y"]}}',
    '{"inputs": [[1, 2.5, null], [NaN, 4, 5]]}',
    '{"inputs": "one"}',
]
CSV = [
    'a,b,c,d,e,f\n1.5,2,x,true,4,\n-inf,3,"y ""z""\r\n",False,5,nan\n',
    'a,b\r\n\r\n1,2\r\n,NA\r\n',
    'a;b\n1;2\n',
]


def keep(target, data):
    if 0 < len(data) <= BYTES_MAX:
        folder = HERE / "corpus" / target
        folder.mkdir(parents=True, exist_ok=True)
        (folder / hashlib.sha1(data).hexdigest()).write_bytes(data)


def renamed(node, names):
    """Points a schema to `0.npy` and so on; what is no array stays as it is."""
    if isinstance(node, list):
        return [renamed(one, names) for one in node]
    if not isinstance(node, dict):
        return node
    node = {key: renamed(value, names) for key, value in node.items()}
    if str(node.get("file", "")).endswith(".npy"):
        node["file"] = f"{names.setdefault(node['file'], len(names))}.npy"
    return node


def keep_skops(data):
    keep("skops", data)
    with zipfile.ZipFile(io.BytesIO(data)) as file:
        names = {}
        schema = renamed(json.loads(file.read("schema.json")), names)
        arrays = [file.read(name) for name in names]
    parts = [json.dumps(schema).encode(), *arrays]
    keep("skops_schema", b"".join(struct.pack("<I", len(part)) + part for part in parts))
    for array in arrays:
        keep("npy", array)


def keep_parquet():
    import numpy as np
    import pandas as pd

    table = pd.DataFrame({
        "a": [1.5, None, -2.0], "b": [1, 2, 3], "c": ["x", None, "yy"], "d": [True, False, True],
        "e": np.array([1, 2, 3], "int32"), "f": np.array([1, 2, 3], "float32"),
        "g": pd.to_datetime(["2026-01-01", "2026-01-02", None]),
    })
    for compression in ("snappy", "zstd", "gzip", "none"):
        for rows in (0, 1, 3):
            out = io.BytesIO()
            table.head(rows).to_parquet(out, compression=compression, index=False)
            keep("request_parquet", out.getvalue())


def main():
    for text in JSON:
        keep("request_json", text.encode())
    for text in CSV:
        keep("request_csv", text.encode())
    keep_parquet()
    targets = {"model.onnx": "onnx", "model.ubj": "xgboost_ubj", "model.json": "xgboost_json", "model.lgb": "lightgbm"}
    for root in [HERE.parent / "models/tests/fixtures", *map(Path, sys.argv[1:])]:
        for path in sorted(root.rglob("*")):
            if path.name.startswith("MLmodel"):
                keep("mlmodel", path.read_bytes())
            elif path.name in targets:
                keep(targets[path.name], path.read_bytes())
            elif path.name == "model.skops":
                keep_skops(path.read_bytes())


if __name__ == "__main__":
    main()
