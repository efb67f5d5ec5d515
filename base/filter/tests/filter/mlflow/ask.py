"""Asks MLflow 3.17.2 what it makes of each form, and writes the answers beside the questions.

    python ask.py          # in an environment with mlflow==3.17.2; rewrites the .tsv files

A line of a .tsv file is: verdict, what the clauses are, whether they hold for the run that
`facts.rs` also describes (`-` where that is not asked), and the form. Tabs, line breaks and
backslashes in a form are written as in Python.
"""

import math
import pathlib

from mlflow.entities import (
    Dataset, DatasetInput, InputTag, Metric, Param, Run, RunData, RunInfo, RunInputs, RunTag,
)
from mlflow.utils.search_utils import (
    SearchExperimentsUtils, SearchModelVersionUtils, SearchUtils,
)

HERE = pathlib.Path(__file__).parent

RUN = Run(
    RunInfo(
        run_id="a" * 32, experiment_id="0", user_id="alice", status="FINISHED", start_time=100,
        end_time=None, lifecycle_stage="active", artifact_uri="file:///runs", run_name="Quick Fox",
    ),
    RunData(
        metrics=[
            Metric("rmse", 0.5, 0, 0), Metric("val/loss", 2.0, 0, 0),
            Metric("lost", math.nan, 0, 0), Metric("high", math.inf, 0, 0),
        ],
        params=[
            Param("lr", "0.1"), Param("note", "two\nlines"), Param("quote", "it's"),
            Param("path", "C:\\data\\"), Param("empty", ""),
        ],
        tags=[RunTag("team", "Blue"), RunTag("mlflow.user", "alice"), RunTag("naïve key", "é")],
    ),
    RunInputs(
        dataset_inputs=[
            DatasetInput(
                Dataset(name, digest, "code", "{}"), [InputTag("mlflow.data.context", context)]
            )
            for name, digest, context in [("train", "d1", "training"), ("test", "d2", "eval")]
        ],
        model_inputs=[],
    ),
)


def clause(utils, parsed):
    value = parsed["value"]
    is_number = parsed["type"] == "attribute" and parsed["key"] in utils.NUMERIC_ATTRIBUTES
    if parsed["type"] == "metric" or is_number:
        value = f"{float(value):.6f}"
    elif isinstance(value, tuple):
        value = "|".join(value)
    key = SearchUtils.translate_key_alias(parsed["key"])
    return " ".join([parsed["type"], key, parsed["comparator"].upper(), value or ""]).rstrip()


def filters(utils, form):
    try:
        clauses = utils.parse_search_filter(form)
        holds = "-"
        if utils is SearchUtils:
            # Only evaluation looks at the operators.
            holds = "holds" if SearchUtils.filter([RUN], form) else "fails"
        elif any(not known(utils, c) for c in clauses):
            return "refused", "", "-"
    except Exception:
        return "refused", "", "-"
    return "accepted", " & ".join(clause(utils, c) for c in clauses), holds


def known(utils, parsed):
    """The operators that the SQL store lets through; evaluation alone is laxer."""
    text = {"=", "!=", "LIKE", "ILIKE"}
    operator = parsed["comparator"].upper()
    if parsed["type"] == "tag":
        nulls = {"IS NULL", "IS NOT NULL"} if utils is SearchExperimentsUtils else set()
        return operator in text | nulls
    if parsed["key"] == "experiment_id":
        return operator in {"=", "!=", "IN", "NOT IN"}
    if parsed["key"] in utils.NUMERIC_ATTRIBUTES:
        return operator in utils.VALID_NUMERIC_ATTRIBUTE_COMPARATORS
    return operator in text | {"IN", "NOT IN"}


def orders(parse, form):
    try:
        kind, key, ascending = parse(form)
    except Exception:
        return "refused", "", "-"
    key = SearchUtils.translate_key_alias(key)
    return "accepted", f"{kind} {key} {'ASC' if ascending else 'DESC'}", "-"


def table(name, ask):
    path = HERE / f"{name}.tsv"
    lines = []
    for line in path.read_text(encoding="utf-8").splitlines():
        form = line.split("\t")[-1]
        text = form.encode("latin-1", "backslashreplace").decode("unicode_escape")
        answer = [cell.replace("\\", "\\\\").replace("\n", "\\n") for cell in ask(text)]
        lines.append("\t".join([*answer, form]))
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


table("runs", lambda form: filters(SearchUtils, form))
table("experiments", lambda form: filters(SearchExperimentsUtils, form))
table("versions", lambda form: filters(SearchModelVersionUtils, form))
table("run_orders", lambda form: orders(SearchUtils.parse_order_by_for_search_runs, form))
