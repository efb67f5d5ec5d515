"""Spoils requests the way that foreign clients do."""

import copy
import json

WRONG = [None, True, 5, 1.5, "x", "", [], ["x"], {}, {"a": 1}, "1e400", -7, 2**70]


def mutated(random, request):
    """Leaves a field out, gives it a strange value, or spoils the whole body."""
    request = copy.deepcopy(request)
    where = "query" if "query" in request else "body"
    fields = request.get(where)
    # Without the id that the path has already, MLflow refuses what is clear.
    names = [name for name in fields if name != "model_id"]
    way = random.choice(["without", "value", "value", "nested", "unknown", "body", "type"])
    if way == "without" and names:
        del fields[random.choice(names)]
    elif way == "value" and names and where == "body":
        name = random.choice(names)
        set_wrong(random, request, fields, name, name)
    elif way == "nested" and where == "body":
        lists = [name for name in names if isinstance(fields[name], list) and fields[name]]
        if lists:
            name = random.choice(lists)
            inner = random.choice(fields[name])
            if isinstance(inner, dict) and inner:
                one = random.choice(list(inner))
                set_wrong(random, request, inner, one, f"{name}.{one}")
    elif way == "unknown":
        fields["surprise"] = "yes"
    elif way == "body" and where == "body":
        request["raw"] = random.choice(["", "nonsense", "[]", "null", json.dumps(fields)[:-1]])
        request["wrong"] = "a body that is no object"
        request.pop("bind", None)
    elif way == "type" and where == "body":
        request["type"] = random.choice(["text/plain", "application/json; charset=utf-8", ""])
    return request


def set_wrong(random, request, fields, name, path):
    value = random.choice(WRONG)
    fields[name] = value
    request["wrong"] = f"{path}: {kind(value)}"


def kind(value):
    return "null" if value is None else type(value).__name__
