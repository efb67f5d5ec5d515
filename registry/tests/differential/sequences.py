"""Random sequences of registry requests, each made from its seed alone."""

import random

WORDS = ["", "a", "A", "x%", "_", "0.5", "ünï", "it's", "two words", "true"]
KEYS = ["k", "a/b", "x y", "k.z", "m:1", "ü"]
BAD_KEYS = ["", "a//b", "../x", "a!", "k" * 251, "."]
STAGES = ["None", "Staging", "Production", "Archived", "production", "STAGING"]
ALIASES = ["champion", "Champion", "ü", "a-b_1", "1"]
BAD_ALIASES = ["latest", "v3", "V12", "a b", "a.b", ""]
SOURCES = ["s3://bucket/a", "s3://bucket/b/", "gs://b/x%20y", "dbfs:/x"]
BAD_SOURCES = ["/etc", "file:///etc", "s3://b/../x", "s3:x", "http://h/x", "hdfs://h/x", "x",
               "runs:/abc/model", "models:/m-1", "models:bad", "mlflow-artifacts:/0/a", "",
               "dummy-source", "models://h/a/1", "s3://b/%2e%2e/x"]
PROMPT = "mlflow.prompt.is_prompt"
WEIGHTS = {
    "create_model": 3, "get_model": 3, "update_model": 2, "rename_model": 1, "delete_model": 0.5,
    "tag_model": 3, "untag_model": 1, "search_models": 6,
    "create_version": 8, "get_version": 4, "update_version": 2, "delete_version": 1,
    "tag_version": 4, "untag_version": 1, "search_versions": 8, "download_uri": 2,
    "transition": 6, "latest": 3, "set_alias": 4, "get_alias": 3, "delete_alias": 1,
}


def post(path, body, **more):
    return {"method": "POST", "path": path, "body": body, **more}


def get(path, query, **more):
    return {"method": "GET", "path": path, "query": query, **more}


class Sequence:
    """Makes one sequence; it remembers what it made so that later requests name it."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.names = ["{label}-" + name for name in ("a", "B", "ü x", "%")]

    def make(self, count):
        requests = [post("registered-models/create", {"name": name}) for name in self.names[:3]]
        kinds = list(WEIGHTS)
        while len(requests) < count:
            kind = self.random.choices(kinds, [WEIGHTS[kind] for kind in kinds])[0]
            request = getattr(self, kind)()
            requests.append(self.mutated(request) if self.chance(0.05) else request)
        return requests

    def mutated(self, request):
        """Takes a field away, or gives it a value of another type."""
        where = "query" if request["method"] == "GET" else "body"
        fields = dict(request[where])
        if not fields:
            return request
        key = self.pick(sorted(fields))
        if self.chance(0.5) or where == "query":
            del fields[key]
            return dict(request, **{where: fields})
        fields[key] = self.pick([5, 1.5, True, ["x"], {"x": 1}])
        return dict(request, wrong=True, **{where: fields})

    def chance(self, share):
        return self.random.random() < share

    def pick(self, things):
        return self.random.choice(things)

    def maybe(self, share, **fields):
        return fields if self.chance(share) else {}

    def name(self):
        return "{label}-none" if self.chance(0.03) else self.pick(self.names)

    def version(self):
        odd = ["0", "-1", "x", "01", " 1", "99", "1.5"]
        return self.pick(odd) if self.chance(0.05) else str(self.random.randint(1, 6))

    def key(self):
        return self.pick(BAD_KEYS) if self.chance(0.05) else self.pick(KEYS)

    def alias(self):
        return self.pick(BAD_ALIASES) if self.chance(0.1) else self.pick(ALIASES)

    def tags(self):
        return [{"key": self.pick(KEYS), "value": self.pick(WORDS)}
                for _ in range(self.random.randint(0, 3))]

    # Models.

    def create_model(self):
        name = self.pick(["", " ", "..", "a/b"]) if self.chance(0.1) else self.name()
        tags = self.tags() + ([{"key": PROMPT, "value": "true"}] if self.chance(0.1) else [])
        body = {"name": name} | self.maybe(0.5, tags=tags)
        return post("registered-models/create", body | self.maybe(0.4, description=self.pick(WORDS)))

    def get_model(self):
        return get("registered-models/get", {"name": self.name()})

    def update_model(self):
        body = {"name": self.name()} | self.maybe(0.8, description=self.pick(WORDS))
        return {"method": "PATCH", "path": "registered-models/update", "body": body}

    def rename_model(self):
        to = "a/b" if self.chance(0.05) else self.name()
        return post("registered-models/rename", {"name": self.name(), "new_name": to})

    def delete_model(self):
        return {"method": "DELETE", "path": "registered-models/delete", "body": {"name": self.name()}}

    def tag_model(self):
        body = {"name": self.name(), "key": self.key()} | self.maybe(0.9, value=self.pick(WORDS))
        return post("registered-models/set-tag", body)

    def untag_model(self):
        body = {"name": self.name(), "key": self.key()}
        return {"method": "DELETE", "path": "registered-models/delete-tag", "body": body}

    def filter(self, attributes):
        parts = ["name LIKE '{label}-%'"]
        for _ in range(self.random.randint(0, 2)):
            word = self.pick(WORDS).replace("'", "")
            parts.append(self.pick([
                *attributes(word),
                f"tags.`{self.pick(KEYS)}` {self.pick(['=', '!=', 'LIKE', 'ILIKE'])} '{word}'",
                f"name {self.pick(['=', '!='])} '{self.pick(self.names)}'",
                f"name ILIKE '%{word}%'",
                f"name IN ('{self.pick(self.names)}', 'x')",
            ]))
        if self.chance(0.15):
            value = self.pick(["= 'true'", "= 'false'", "!= 'true'", "!= 'false'"])
            parts.append(f"tags.`{PROMPT}` {value}")
        return " AND ".join(parts)

    def bad_filter(self):
        return self.pick(["colour = 'x'", "name = ", "name > 'a'", "foo.a = 'x'", "name = 5"])

    def search_models(self):
        filter = self.bad_filter() if self.chance(0.05) else self.filter(lambda word: [])
        query = {"filter": filter} | self.maybe(0.5, max_results=self.random.randint(1, 4))
        orders = ["name", "name DESC", "timestamp", "last_updated_timestamp DESC", "colour"]
        query |= self.maybe(0.5, order_by=[self.pick(orders)])
        return get("registered-models/search", query, pages=5)

    # Versions.

    def create_version(self):
        source = self.pick(SOURCES)
        if self.chance(0.15):
            source = self.pick(BAD_SOURCES)
        elif self.chance(0.2):
            which = self.pick(["/1", "/2", "@champion", "/latest", "/Production", "/9"])
            source = f"models:/{self.name()}{which}"
        body = {"name": self.name(), "source": source}
        body |= self.maybe(0.3, run_id=self.pick(["r1", "r2", ""])) | self.maybe(0.5, tags=self.tags())
        body |= self.maybe(0.3, description=self.pick(WORDS)) | self.maybe(0.2, run_link="http://x")
        return post("model-versions/create", body)

    def of_version(self, **more):
        return {"name": self.name(), "version": self.version()} | more

    def get_version(self):
        return get("model-versions/get", self.of_version())

    def update_version(self):
        body = self.of_version() | self.maybe(0.8, description=self.pick(WORDS))
        return {"method": "PATCH", "path": "model-versions/update", "body": body}

    def delete_version(self):
        return {"method": "DELETE", "path": "model-versions/delete", "body": self.of_version()}

    def tag_version(self):
        body = self.of_version(key=self.key()) | self.maybe(0.9, value=self.pick(WORDS))
        return post("model-versions/set-tag", body)

    def untag_version(self):
        body = self.of_version(key=self.key())
        return {"method": "DELETE", "path": "model-versions/delete-tag", "body": body}

    def search_versions(self):
        compare = self.pick(["=", "!=", "<", "<=", ">", ">="])
        attributes = lambda word: [
            f"version_number {compare} {self.random.randint(1, 4)}",
            f"run_id {self.pick(['=', '!='])} '{self.pick(['r1', ''])}'",
            "run_id IN ('r1', 'r3')",
            f"source_path LIKE '{self.pick(['s3%', '%b%', word])}'",
        ]
        filter = self.bad_filter() if self.chance(0.05) else self.filter(attributes)
        query = {"filter": filter} | self.maybe(0.5, max_results=self.random.randint(1, 4))
        orders = ["name", "version_number", "version_number DESC", "creation_timestamp",
                  "last_updated_timestamp DESC", "colour"]
        query |= self.maybe(0.5, order_by=[self.pick(orders)])
        return get("model-versions/search", query, pages=6)

    def download_uri(self):
        return get("model-versions/get-download-uri", self.of_version())

    def transition(self):
        stage = self.pick(["Prod", ""]) if self.chance(0.05) else self.pick(STAGES)
        body = self.of_version(stage=stage)
        body |= self.maybe(0.7, archive_existing_versions=self.chance(0.7))
        return post("model-versions/transition-stage", body)

    def latest(self):
        stages = [self.pick(STAGES + ["Bad"] * self.chance(0.1)) for _ in range(self.random.randint(0, 3))]
        fields = {"name": self.name()} | ({"stages": stages} if stages else {})
        if self.chance(0.5):
            return get("registered-models/get-latest-versions", fields)
        return post("registered-models/get-latest-versions", fields)

    # Aliases.

    def set_alias(self):
        return post("registered-models/alias", self.of_version(alias=self.alias()))

    def get_alias(self):
        alias = self.pick(["latest", "LATEST"]) if self.chance(0.1) else self.alias()
        return get("registered-models/alias", {"name": self.name(), "alias": alias})

    def delete_alias(self):
        body = {"name": self.name(), "alias": self.alias()}
        return {"method": "DELETE", "path": "registered-models/alias", "body": body}
