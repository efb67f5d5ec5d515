"""The same requests to MLflow's server and to ours: compare.py OURS OUR_RECEIVER THEIR_RECEIVER.

MLflow's server runs in this process. Answers must agree in status, code and form; what webhooks
were told is compared by whoever runs this.
"""

import os
import sys

ours, our_receiver, their_receiver = sys.argv[1:]
os.environ["_MLFLOW_SERVER_FILE_STORE"] = f"sqlite:///{os.getcwd()}/mlflow.db"
os.environ["_MLFLOW_SERVER_REGISTRY_STORE"] = f"sqlite:///{os.getcwd()}/mlflow.db"
os.environ["_MLFLOW_SERVER_ARTIFACT_ROOT"] = f"{os.getcwd()}/mlruns"

import requests
from mlflow.server import app
from mlflow.webhooks import delivery

flask = app.test_client()
session = requests.Session()
ids = {}
differences = []


def ask(method, path, body, receiver, at):
    """Sends one request; RECEIVER and $NAME stand for what differs."""

    def filled(value):
        if isinstance(value, dict):
            return {key: filled(one) for key, one in value.items()}
        if isinstance(value, str):
            return value.replace("RECEIVER", receiver)
        return value

    for name, both in ids.items():
        path = path.replace(f"${name}", both[at])
    path = f"/api/2.0/mlflow/{path}"
    if at == "ours":
        answer = session.request(method, ours + path, json=None if body is None else filled(body))
        return answer.status_code, answer.json()
    kept = {} if body is None else {"json": filled(body)}
    answer = flask.open(path, method=method, **kept)
    return answer.status_code, answer.get_json(force=True)


HIDDEN = ("webhook_id", "creation_timestamp", "last_updated_timestamp", "next_page_token")


def form(value, receiver):
    """Leaves out what may differ."""
    if isinstance(value, dict):
        if "error_code" in value:
            return value["error_code"]
        return {
            key: type(one).__name__ if key in HIDDEN else form(one, receiver)
            for key, one in value.items()
        }
    if isinstance(value, list):
        return [form(one, receiver) for one in value]
    return value.replace(receiver, "RECEIVER") if isinstance(value, str) else value


def both(method, path, body=None, name=None):
    status, answer = ask(method, path, body, our_receiver, "ours")
    their_status, theirs = ask(method, path, body, their_receiver, "theirs")
    got, want = (status, form(answer, our_receiver)), (their_status, form(theirs, their_receiver))
    if got != want and not (path.startswith(("registered-models", "model-versions")) and status == their_status):
        differences.append(f"{method} {path} {body}\n  ours:   {got}\n  theirs: {want}")
    if name:
        ids[name] = {
            "ours": answer["webhook"]["webhook_id"],
            "theirs": theirs["webhook"]["webhook_id"],
        }


def event(text):
    entity, action = text.upper().split(".")
    return {"entity": entity, "action": action}


ALL = [
    "registered_model.created", "model_version.created", "model_version_tag.set",
    "model_version_tag.deleted", "model_version_alias.created", "model_version_alias.deleted",
    "prompt.created", "prompt_version.created", "prompt_tag.set", "prompt_tag.deleted",
    "prompt_version_tag.set", "prompt_version_tag.deleted", "prompt_alias.created",
    "prompt_alias.deleted", "budget_policy.exceeded",
]

both("GET", "webhooks")
both("POST", "webhooks", {"name": "all", "url": "RECEIVER", "secret": "s",
                          "events": [event(text) for text in ALL]}, name="ALL")
plain = {"name": "hook", "url": "RECEIVER/x", "events": [event("prompt.created")]}
both("POST", "webhooks", plain | {"description": "d", "status": "DISABLED"}, name="HOOK")
both("GET", "webhooks/$HOOK")
both("GET", "webhooks?max_results=1")
both("GET", "webhooks?max_results=0")
for text in ALL:
    both("POST", "webhooks/$ALL/test", {"event": event(text)})
both("POST", "webhooks/$ALL/test", {})
for change in [
    {}, {"name": "new.name"}, {"description": ""}, {"status": "ACTIVE"}, {"events": []},
    {"events": [event("prompt_tag.set"), event("model_version.created")]}, {"url": "RECEIVER/y"},
    {"secret": ""}, {"secret": "other"}, {"status": "DISABLED", "name": ""},
]:
    both("PATCH", "webhooks/$HOOK", change)
for wrong in [
    {"name": None}, {"name": ""}, {"name": 5}, {"name": "a b"}, {"name": "-a"}, {"name": "a" * 64},
    {"name": "a" * 63, "url": ""}, {"url": " "}, {"url": "ftp://x/"}, {"url": "x"}, {"url": 5},
    {"url": "http://"}, {"events": None}, {"events": []}, {"events": 5}, {"description": 5},
    {"events": [event("model_version.deleted")]}, {"secret": 5},
]:
    both("POST", "webhooks", {**plain, **wrong})
for path in ["webhooks/none", "webhooks?max_results=1001", "webhooks?max_results=-1"]:
    both("GET", path)
both("PATCH", "webhooks/none", {"name": "a b"})
both("PATCH", "webhooks/$HOOK", {"name": "a b"})
both("DELETE", "webhooks/none")
both("POST", "webhooks/none/test", {})

# What happens in a registry, for which the webhook that listens to all is told.
yes = [{"key": "mlflow.prompt.is_prompt", "value": "true"}, {"key": "k", "value": "v"}]
text = [{"key": "mlflow.prompt.text", "value": "Hi {{you}}"}]
kind = [{"key": "_mlflow_prompt_type", "value": "text"}]
both("POST", "registered-models/create", {"name": "churn"})
both("POST", "registered-models/create", {"name": "told", "description": "d", "tags": [{"key": "k", "value": "v"}]})
both("POST", "registered-models/create", {"name": "churn"})
both("POST", "registered-models/create", {"name": "prompt", "tags": yes + kind})
both("POST", "model-versions/create", {"name": "churn", "source": "s3://b/m"})
both("POST", "model-versions/create", {"name": "churn", "source": "s3://b/n", "description": "d", "tags": [{"key": "k", "value": "v"}]})
both("POST", "model-versions/create", {"name": "churn", "source": "models:/churn/1"})
both("POST", "model-versions/create", {"name": "prompt", "source": "dummy-source", "tags": yes + text + kind})
for name in ["churn", "prompt"]:
    tag = {"name": name, "key": "t", "value": "é"}
    both("POST", "registered-models/set-tag", tag)
    both("POST", "model-versions/set-tag", tag | {"version": "1"})
    both("DELETE", "model-versions/delete-tag", {"name": name, "version": "1", "key": "t"})
    both("DELETE", "registered-models/delete-tag", {"name": name, "key": "t"})
    both("POST", "registered-models/alias", {"name": name, "alias": "a", "version": "1"})
    both("DELETE", "registered-models/alias", {"name": name, "alias": "a"})
both("POST", "registered-models/alias", {"name": "churn", "alias": "moves", "version": "1"})
both("POST", "registered-models/alias", {"name": "churn", "alias": "moves", "version": "2"})
both("POST", "model-versions/transition-stage", {"name": "churn", "version": "1", "stage": "Staging"})
both("PATCH", "registered-models/update", {"name": "churn", "description": "d"})
both("DELETE", "webhooks/$ALL")
both("GET", "webhooks/$ALL")
both("GET", "webhooks")

delivery._webhook_delivery_executor.shutdown(wait=True)
if differences:
    print("\n".join(differences))
    sys.exit(1)
print("answers agree")
