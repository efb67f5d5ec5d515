"""Makes the models of the benchmark `serving`, and bodies to send.

    serving.py FOLDER

MLflow saves them, with a signature and an example, in the format that both programs read.
"""

import json
import sys
import warnings
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
import pyarrow as pa
from mlflow.models import infer_signature
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.linear_model import LogisticRegression

warnings.filterwarnings("ignore")
FOLDER = Path(sys.argv[1])
WIDTH = 20


def main():
    numbers = np.random.default_rng(0)
    columns = [f"x{at}" for at in range(WIDTH)]
    x = pd.DataFrame(numbers.normal(size=(4000, WIDTH)), columns=columns)
    y = (x.x0 * x.x1 + x.x2 - x.x3**2 + 0.5 * numbers.normal(size=4000) > -1).astype(np.int64)
    models = {
        "logistic": LogisticRegression(),
        "boosting": GradientBoostingClassifier(n_estimators=100, max_depth=6, random_state=0),
    }
    for name, model in models.items():
        model.fit(x, y)
        mlflow.sklearn.save_model(
            model,
            FOLDER / name,
            serialization_format="skops",
            skops_trusted_types=[
                "sklearn.tree._tree.Tree",
                "sklearn._loss.link.LogitLink",
                "sklearn._loss.loss.HalfBinomialLoss",
                "sklearn._loss.link.Interval",
                "sklearn._loss._loss.CyHalfBinomialLoss",
                "sklearn.dummy.DummyClassifier",
                "numpy.random.mtrand.RandomState",
                "_loss.__pyx_unpickle_CyHalfBinomialLoss",
            ],
            signature=infer_signature(x, y),
            input_example=x[:2],
            pip_requirements=["mlflow"],
        )
    for rows in (1, 1000):
        split = x[:rows].to_dict(orient="split", index=False)
        (FOLDER / f"{rows}.json").write_text(json.dumps({"dataframe_split": split}))
    table = pa.Table.from_pandas(x[:1000], preserve_index=False)
    with pa.OSFile(str(FOLDER / "1000.arrow"), "wb") as file:
        with pa.ipc.new_stream(file, table.schema) as stream:
            stream.write_table(table)
    print("ready")


if __name__ == "__main__":
    main()
