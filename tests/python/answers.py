"""What must be made alike before two answers are compared: ids, times, made-up names, order."""

import copy
import json
import math
import re
import time

# Answers' fields that the server fills with its clock.
CLOCK = {"creation_time", "last_update_time", "creation_timestamp_ms", "last_updated_timestamp_ms"}
# Lists without an order of their own, and what orders them here.
UNORDERED = {"metrics", "params", "tags", "dataset_inputs", "model_inputs", "model_outputs",
             "dataset_summaries"}
# Histories are lists of metrics too, but their order counts.
ORDERED_PATHS = {"metrics/get-history", "metrics/get-history-bulk",
                 "metrics/get-history-bulk-interval"}
HOLE = re.compile(r"\{(\w+)\}")
# A long text, such as `<x*501>`.
LONG = re.compile(r"<(\w)\*(\d+)>")


class Names:
    """The names that a sequence gives to what a server made up, such as `{r1}` for a run's id."""

    def __init__(self, label):
        self.ids = {"label": label}

    def fill(self, request):
        """Puts this server's ids into a request."""
        text = json.dumps({key: value for key, value in request.items() if key != "raw"})
        filled = json.loads(HOLE.sub(lambda hole: self.ids.get(hole[1]) or unknown(hole[1]), text))
        filled = json.loads(LONG.sub(lambda long: long[1] * int(long[2]), json.dumps(filled)))
        for name, count in filled.get("repeat", {}).items():
            filled["body"][name] *= count
        if "raw" in request:
            filled["raw"] = HOLE.sub(lambda hole: self.ids.get(hole[1], hole[0]), request["raw"])
        return filled

    def learn(self, request, answer):
        """Notes the ids and names that an answer introduces."""
        bind, (status, body) = request.get("bind"), answer
        if bind is None or status != 200:
            return
        if "experiment_id" in body:
            self.ids[bind] = body["experiment_id"]
        elif "run" in body:
            self.ids[bind] = body["run"]["info"]["run_id"]
            self.ids[bind + "name"] = body["run"]["info"]["run_name"]
        elif "model" in body:
            self.ids[bind] = body["model"]["info"]["model_id"]
            self.ids[bind + "name"] = body["model"]["info"]["name"]
        # The clocks of both must tick between two things that are ordered by it.
        time.sleep(0.002)

    def neutral(self, value, key):
        """Puts the sequence's names in the place of a server's ids."""
        for name, known in self.ids.items():
            if name.startswith("e"):
                # In a database this is a small number, which may be the value of anything.
                whole = rf"^{known}$" if key == "experiment_id" else rf"(?<=:/){known}(?=/|$)"
                value = re.sub(whole, f"{{{name}}}", value)
            elif name.endswith("name"):
                value = f"{{{name}}}" if value == known else value
            elif name != "label":
                value = value.replace(known, f"{{{name}}}")
        return value.replace(self.ids["label"], "{label}")


def unknown(name):
    """Makes an id for what was never made; an experiment's is a number."""
    return "987654" if name.startswith("e") else "none" + name


def normal(request, answer, names):
    """Makes an answer comparable: its status, its error's kind or its whole body."""
    status, body = answer
    if status != 200:
        code = body.get("error_code") if isinstance(body, dict) else None
        message = body.get("message", "") if isinstance(body, dict) else ""
        return {"status": status, "code": code, "says": message}
    ordered = request["path"] in ORDERED_PATHS
    return {"status": status, "body": walk(copy.deepcopy(body), names, None, ordered)}


def walk(value, names, key, ordered):
    if isinstance(value, dict):
        if value.get("key") == "mlflow.log-model.history":
            value["value"] = sorted_text(value["value"])
        return {name: walk(one, names, name, ordered) for name, one in value.items()}
    if isinstance(value, list):
        made = [walk(one, names, key, ordered) for one in value]
        if key in UNORDERED and not ordered:
            made.sort(key=lambda one: json.dumps(one, sort_keys=True))
        return made
    if key == "next_page_token":
        return "{token}"
    if key in CLOCK:
        # Before the first change they are 0 or the time of creation.
        return "{time}" if value else value
    if isinstance(value, str):
        return names.neutral(value, key) if key != "key" else value
    if isinstance(value, float) and math.isnan(value):
        # MLflow's bulk history writes it without quotes.
        return "NaN"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return int(value)
    return value


def sorted_text(text):
    """Spells a JSON text that a server wrote in one way."""
    try:
        return json.dumps(json.loads(text), sort_keys=True)
    except ValueError:
        return text
