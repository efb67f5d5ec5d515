"""Runs converted models in onnxruntime.

    python models/tests/convert/run.py FOLDER

Each `NAME.onnx` in FOLDER is checked by `onnx.checker` and fed with the rows of `NAME.rows.json`;
what it answers goes to `NAME.answers.json`, by output.
"""

import json
import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime

for path in sorted(Path(sys.argv[1]).glob("*.onnx")):
    onnx.checker.check_model(str(path), full_check=True)
    rows = json.loads(path.with_suffix(".rows.json").read_text())
    rows = np.array([[np.nan if cell is None else cell for cell in row] for row in rows])
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    answers = session.run(names, {"input": rows.astype(np.float32)})
    told = {name: answer.tolist() for name, answer in zip(names, answers)}
    path.with_suffix(".answers.json").write_text(json.dumps(told))
