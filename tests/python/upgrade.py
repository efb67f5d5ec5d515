"""Does what `mlflow db upgrade` does, with the MLflow at hand."""

import logging
import sys

import mlflow.store.db.utils

logging.disable(logging.CRITICAL)
engine = mlflow.store.db.utils.create_sqlalchemy_engine_with_retry(f"sqlite:///{sys.argv[1]}")
mlflow.store.db.utils._upgrade_db(engine)
