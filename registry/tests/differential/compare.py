"""Sends the same random requests to this registry and to MLflow's server, and compares answers.

    compare.py --ours URL --theirs URL [--seed N] [--sequences N] [--requests N]

Each sequence is made from its seed alone. One in which the two answer differently is shortened as
far as it still does, printed, and fails the run. Differences that are wanted are in `accepted`.
"""

import argparse
import http.client
import json
import re
import sys
import time
import urllib.parse

from sequences import Sequence

HOLE = re.compile(r"\{label\}")
counts = {"answers": 0, "successes": 0}


class Side:
    """A server, over one connection that stays open."""

    def __init__(self, url):
        parts = urllib.parse.urlsplit(url)
        self.host, self.port, self.connection = parts.hostname, parts.port, None

    def send(self, request):
        path = "/api/2.0/mlflow/" + request["path"]
        if request.get("query"):
            path += "?" + urllib.parse.urlencode(request["query"], doseq=True)
        body = None if request["method"] == "GET" else json.dumps(request.get("body", {}))
        headers = {"Content-Type": "application/json"} if body else {}
        for last in (False, True):
            try:
                if self.connection is None:
                    self.connection = http.client.HTTPConnection(self.host, self.port)
                self.connection.request(request["method"], path, body, headers)
                answer = self.connection.getresponse()
                return answer.status, json.loads(answer.read())
            except (http.client.HTTPException, ConnectionError):
                # The server may end an idle connection at any time.
                self.connection = None
                if last:
                    raise
        raise AssertionError("unreachable")


def normal(request, answer):
    """Makes an answer comparable: its status, its error's kind or its whole body."""
    status, body = answer
    if status != 200:
        missing = re.match(r"Missing value for required parameter '[^']*'", body["message"])
        return {"status": status, "code": body["error_code"], "says": missing and missing[0]}
    listed = request["path"].endswith("search") or request["path"] == "registered-models/get"
    return {"status": status, "body": even(body, listed)}


def even(value, listed):
    if isinstance(value, list):
        return [even(one, listed) for one in value]
    if not isinstance(value, dict):
        return value
    made = {key: even(one, listed or key == "registered_model") for key, one in value.items()}
    for key in ("tags", "latest_versions", "aliases"):
        if key in made:
            made[key].sort(key=lambda one: json.dumps(one, sort_keys=True))
    if "current_stage" in made and listed:
        # MLflow tells no aliases of versions in lists.
        made.pop("aliases", None)
    if "next_page_token" in made:
        made["next_page_token"] = "{token}"
    if "creation_timestamp" in made:
        changed = made["last_updated_timestamp"] != made["creation_timestamp"]
        made["last_updated_timestamp"] = "later" if changed else "same"
        made["creation_timestamp"] = "{time}"
    return made


def accepted(request, ours, theirs):
    """Tells why the two may differ; None when they may not."""
    if theirs["status"] == 500 and ours["status"] in (200, 400, 404):
        return f"an internal error of MLflow: {request['path']} {ours['status']}"
    if request.get("wrong") and ours["status"] == 400:
        return f"a bad value is refused, where MLflow answers {theirs['status']}"
    if ours["status"] == theirs["status"] == 400 and ours["code"] == theirs["code"]:
        return "what is missing is named" if ours["says"] and not theirs["says"] else None
    return None


class Difference(Exception):
    def __init__(self, number, request, ours, theirs):
        super().__init__(
            f"request {number}: {json.dumps(request)}\n"
            f"  ours  : {json.dumps(ours)}\n  MLflow: {json.dumps(theirs)}"
        )
        kinds = [(answer["status"], answer.get("code")) for answer in (ours, theirs)]
        self.kind = (request["path"], *kinds)


def replay(sides, requests, label, reasons):
    """Sends a sequence to both; stops early where an accepted difference parts them."""
    for number, request in enumerate(requests):
        request = json.loads(HOLE.sub(label, json.dumps(request)))
        pages = request.get("pages", 0)
        while True:
            answers = [side.send(one) for side, one in zip(sides, both(request))]
            ours, theirs = (normal(request, answer) for answer in answers)
            counts["answers"] += 1
            counts["successes"] += theirs["status"] == 200
            reason = None
            if ours != theirs:
                reason = accepted(request, ours, theirs)
                if reason is None:
                    raise Difference(number, request, ours, theirs)
                reasons[reason] = reasons.get(reason, 0) + 1
            tokens = [answer[1].get("next_page_token") for answer in answers]
            if not pages or not all(tokens):
                break
            pages -= 1
            request["tokens"] = tokens
        if request["method"] != "GET":
            if reason and 200 in (ours["status"], theirs["status"]):
                # From here on the two hold different data.
                return
            # The clocks of both must tick between two changes that are ordered by time.
            time.sleep(0.003)


def both(request):
    for at in (0, 1):
        tokens = request.get("tokens")
        query = request.get("query", {})
        yield dict(request, query=dict(query, page_token=tokens[at]) if tokens else query)


def differs(sides, requests, label):
    try:
        replay(sides, requests, label, {})
    except Difference as difference:
        return difference
    return None


def shortened(sides, requests, label, kind):
    """Leaves out requests as long as the rest still shows that kind of difference."""
    size, tries = len(requests) // 2, 0
    while size >= 1:
        start = 0
        while start < len(requests):
            shorter = requests[:start] + requests[start + size:]
            tries += 1
            found = differs(sides, shorter, f"{label}t{tries}")
            if found and found.kind == kind:
                requests = shorter
            else:
                start += size
        size //= 2
    return requests


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ours", required=True)
    parser.add_argument("--theirs", required=True)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--sequences", type=int, default=5)
    parser.add_argument("--requests", type=int, default=60)
    options = parser.parse_args()
    sides = [Side(options.ours), Side(options.theirs)]
    failures, reasons = 0, {}
    for seed in range(options.seed, options.seed + options.sequences):
        requests, label = Sequence(seed).make(options.requests), f"s{seed}-{int(time.time())}"
        difference = None
        try:
            replay(sides, requests, label, reasons)
        except Difference as found:
            difference = found
        if difference:
            failures += 1
            short = shortened(sides, requests, label, difference.kind)
            last = differs(sides, short, f"{label}last") or difference
            print(f"seed {seed}: the two differ\n{last}\nafter")
            print("\n".join(f"  {json.dumps(request)}" for request in short))
    told = f"{counts['answers']} answers, {counts['successes']} of them successes"
    print(f"{options.sequences} sequences, {told}, {failures} differ")
    for reason, count in sorted(reasons.items()):
        print(f"  accepted {count} times: {reason}")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
