"""Sends the same requests to mlctl and to MLflow, and compares what they answer.

    differential.py --ours URL --theirs URL --cases FILE --refusals FILE [--seed N] [--sequences N]
                    [--requests N]

First the recorded refusals are asked of both, which must still begin with the recorded words. Then
the recorded cases are replayed, then random sequences are. A sequence in which the two
answer differently is shortened as far as it still does, printed as a case, and fails the run.
Differences that are wanted are in `accepted.py`, and in docs/differences.md.
"""

import argparse
import json
import re
import sys

from accepted import accepted
from answers import Names, normal
from sequences import Sequence
from sides import Side


class Difference(Exception):
    """The two servers disagree about a request."""

    def __init__(self, number, request, ours, theirs):
        super().__init__(
            f"request {number}: {json.dumps(request)}\n"
            f"  mlctl : {json.dumps(ours)}\n  MLflow: {json.dumps(theirs)}"
        )
        # Two differences of one kind are taken for the same one.
        kinds = [(answer["status"], answer.get("code")) for answer in (ours, theirs)]
        self.kind = (request["path"].partition("{")[0], *kinds)


def compare(number, request, ours, theirs):
    """Compares two answers; returns why they may differ, or None when they do not."""
    if alike(ours, theirs):
        return None
    reason = accepted(request, ours, theirs)
    if reason is None:
        raise Difference(number, request, ours, theirs)
    return reason


def alike(ours, theirs):
    """Tells whether two answers agree: of two refusals, in the words that programs match on."""
    said, known = ours.get("says"), theirs.get("says")
    if known is None or said is None:
        return ours == theirs
    kind = ("status", "code")
    if [ours[name] for name in kind] != [theirs[name] for name in kind]:
        return False
    head = max((head for head in HEADS if known.startswith(head)), key=len, default="")
    return said.startswith(head)


def refuse(side, case, label):
    """Asks one server for everything that is refused; returns what it refuses in other words."""
    names, lost = Names(f"{label}{case['name']}"), []
    for request in case["requests"]:
        if side.is_folders and request.get("only") == "database":
            continue
        filled = names.fill(request)
        status, body = side.send(filled)
        names.learn(request, (status, body))
        says = filled.get("says")
        if says is None:
            continue
        message = body.get("message", "") if isinstance(body, dict) else body
        got = [status, isinstance(body, dict) and body.get("error_code")]
        if got != [request["status"], request["code"]] or not message.startswith(says):
            lost.append(f"{json.dumps(request)}\n  got {got} {message!r}")
    return lost


def heads(cases):
    """Collects the fixed words with which refusals begin, up to their first value."""
    says = [request["says"] for case in cases for request in case["requests"] if "says" in request]
    found = {re.split(r"[\d'\"`={(]", text)[0] for text in says}
    return {head for head in found if len(head) > 8}


HEADS = set()


def replay(sides, requests, label, reasons=None):
    """Sends a sequence to both sides; stops early where an accepted difference parts them."""
    names = [Names(label), Names(label)]
    sent = 0
    for number, request in enumerate(requests):
        answers = []
        for side, name in zip(sides, names):
            raw = side.send(name.fill(request))
            if raw is None:
                return sent
            name.learn(request, raw)
            answers.append((raw[0], raw[1]))
        both = [normal(request, raw, name) for raw, name in zip(answers, names)]
        sent += 1
        reason = compare(number, request, *both)
        if reason and reasons is not None:
            reasons[reason] = reasons.get(reason, 0) + 1
        if reason and changes(request) and len({one["status"] == 200 for one in both}) > 1:
            # From here on the two hold different data.
            return sent
        if "pages" in request:
            for extra in walk(sides, names, request, answers):
                sent += 1
                compare(number, request, *extra)
    return sent


def changes(request):
    reads = request["method"] == "GET" or request["path"].endswith("search")
    return not reads


def walk(sides, names, request, answers):
    """Follows page tokens to the end, on both sides at once."""
    for _ in range(request["pages"]):
        tokens = [body.get("next_page_token") if isinstance(body, dict) else None
                  for _, body in answers]
        if not all(tokens):
            return
        answers = []
        for side, name, token in zip(sides, names, tokens):
            where = "query" if request["method"] == "GET" else "body"
            next_request = dict(request, **{where: dict(request[where], page_token=token)})
            answers.append(side.send(name.fill(next_request)))
        yield [normal(request, raw, name) for raw, name in zip(answers, names)]


def differs(sides, requests, label):
    try:
        replay(sides, requests, label)
    except Difference as difference:
        return difference
    return None


def shortened(sides, requests, label, kind):
    """Leaves out requests as long as the rest still shows that kind of difference."""
    tries = 0
    size = len(requests) // 2
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


def report(sides, requests, label, difference):
    short = shortened(sides, requests, label, difference.kind)
    last = differs(sides, short, f"{label}last") or difference
    lines = ",\n".join(f"  {json.dumps(request)}" for request in short)
    print(f"{label}: mlctl and MLflow differ\n{last}\nas a case:\n"
          f'{{"name": "{label}", "requests": [\n{lines}\n]}}')


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ours", required=True)
    parser.add_argument("--theirs", required=True)
    parser.add_argument("--cases", required=True)
    parser.add_argument("--refusals", required=True)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--sequences", type=int, default=5)
    parser.add_argument("--requests", type=int, default=60)
    parser.add_argument("--label", default="")
    options = parser.parse_args()
    sides = [Side(options.ours), Side(options.theirs)]
    sides[0].is_folders = options.label.startswith("folders")
    with open(options.cases, encoding="utf-8") as file:
        todo = [(case["name"], case["requests"]) for case in json.load(file)]
    seeds = range(options.seed, options.seed + options.sequences)
    todo += [(f"seed{seed}", Sequence(seed).make(options.requests)) for seed in seeds]
    failures, sent, reasons = 0, 0, {}
    with open(options.refusals, encoding="utf-8") as file:
        refusals = json.load(file)
    HEADS.update(heads(refusals))
    for side, name in zip(sides, ["mlctl", "MLflow"]):
        for case in refusals:
            for lost in refuse(side, case, options.label):
                failures += 1
                print(f"{case['name']}: {name} refuses in other words\n{lost}")
    for name, requests in todo:
        label = f"{options.label}{name}"
        try:
            sent += replay(sides, requests, label, reasons)
        except Difference as difference:
            failures += 1
            report(sides, requests, label, difference)
    print(f"{len(todo)} sequences, {sent} requests, {failures} differ")
    for reason, count in sorted(reasons.items()):
        print(f"  accepted {count} times: {reason}")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
