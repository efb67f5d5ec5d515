"""Differences that are wanted. Each is on docs/differences.md too."""

import json


def accepted(request, ours, theirs):
    """Tells why mlctl may answer otherwise than MLflow; None when it may not."""
    for rule in RULES:
        if reason := rule(request, ours, theirs):
            return reason
    return None


def refused_not_dropped(request, ours, theirs):
    """A field of a wrong type or an unknown enum's name is refused, where MLflow drops it."""
    wrong = request.get("wrong")
    if wrong and refused(ours):
        return f"a bad value is refused, where MLflow answers {theirs['status']}: {wrong}"
    return None


def constraint_of_a_table(request, ours, theirs):
    """MLflow answers what its tables refuse with SQL; mlctl says what is wrong, or does it."""
    if theirs["status"] == 400 and theirs["code"] == "BAD_REQUEST":
        return f"a table's constraint: {request['path'].partition('{')[0]} {ours['status']}"
    return None


def missing_run(request, ours, theirs):
    """A history of a run that does not exist is empty in MLflow."""
    if request["path"] == "metrics/get-history" and ours["status"] == 404:
        return theirs.get("body") == {} and "the history of a missing run"
    return None


def more_of_a_run(request, ours, theirs):
    """Folders keep the dataset of a run's metric, and a search shows the input models of runs."""
    if not request["path"].startswith(("runs/", "metrics/")) or ours["status"] != 200:
        return None
    search, runs = request["path"] == "runs/search", request["path"].startswith("runs/")
    return without_more(ours, search, runs) == theirs and "the dataset of a metric or an input model"


def without_more(value, search, runs):
    if isinstance(value, list):
        made = [without_more(one, search, runs) for one in value]
        if runs and made and isinstance(made[0], dict) and "timestamp" in made[0]:
            # They were ordered with what is left out now.
            made.sort(key=lambda one: json.dumps(one, sort_keys=True))
        return made
    if not isinstance(value, dict):
        return value
    dropped = {"dataset_name", "dataset_digest"} | ({"model_inputs"} if search else set())
    return {key: without_more(one, search, runs) for key, one in value.items() if key not in dropped}


def deleted_model(request, ours, theirs):
    """MLflow changes logged models that are deleted, and deletes them again."""
    if request.get("gone") and ours["status"] == 404 and theirs["status"] == 200:
        return "a change of a deleted logged model"
    return None


def impossible_key(request, ours, theirs):
    """A key that no tag can have is refused, where MLflow does not find it."""
    if request["path"].endswith(("delete-tag", "delete-experiment-tag")) and refused(ours):
        return theirs["status"] == 404 and "a tag that cannot exist is deleted"
    return None


def broken(request, ours, theirs):
    """Where MLflow breaks, mlctl answers or says what is wrong."""
    if theirs["status"] == 500 and ours["status"] in (200, 400, 404):
        return f"an internal error of MLflow: {request['path'].partition('{')[0]} {ours['status']}"
    return None


def refused(answer):
    return answer["status"] == 400 and answer["code"] == "INVALID_PARAMETER_VALUE"


RULES = [
    refused_not_dropped, constraint_of_a_table, missing_run, more_of_a_run,
    deleted_model, impossible_key, broken,
]
