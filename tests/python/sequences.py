"""Random sequences of requests, each made from its seed alone."""

import random

from mutations import mutated

KEYS = ["loss", "acc", "a/b", "x y", "k.z", "m:1"]
WORDS = ["", "a", "A", "ab", "b%", "_", "0.5", "10", "ünï", "it's", "Finished", "x" * 40]
VALUES = [0, 1, -1, 0.5, 0.1, -2.25, 1e-7, 1e30, 3, 100, "0.25", "NaN"]
BAD_KEYS = ["", "a//b", "../x", "a!", "k" * 251, ".", "/a"]
STATUSES = ["RUNNING", "SCHEDULED", "FINISHED", "FAILED", "KILLED"]
VIEWS = ["ACTIVE_ONLY", "DELETED_ONLY", "ALL"]
# How often each kind of request comes.
WEIGHTS = {
    "create_experiment": 2, "get_experiment": 2, "experiment_by_name": 1, "rename_experiment": 1,
    "delete_experiment": 1, "restore_experiment": 1, "tag_experiment": 2,
    "untag_experiment": 1, "search_experiments": 3,
    "create_run": 6, "get_run": 5, "update_run": 3, "delete_run": 1, "restore_run": 1,
    "tag_run": 3, "untag_run": 1, "log_metric": 6, "log_param": 4, "log_batch": 5,
    "log_inputs": 2, "log_outputs": 2, "log_model": 1, "search_runs": 10,
    "history": 3, "history_bulk": 1, "history_interval": 2, "search_datasets": 1,
    "create_model": 3, "get_model": 3, "finalize_model": 2, "delete_model": 0.5,
    "model_params": 1, "model_tags": 2, "untag_model": 1, "search_models": 5,
}


class Sequence:
    """Makes one sequence; it remembers what it made so that later requests name it."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.clock = 1000
        self.experiments, self.runs, self.models = [], [], []
        self.names = []
        self.deleted = set()

    def make(self, count):
        requests = [self.create_experiment(), self.create_run(), self.create_run()]
        kinds = list(WEIGHTS)
        while len(requests) < count:
            kind = self.random.choices(kinds, [WEIGHTS[kind] for kind in kinds])[0]
            request = getattr(self, kind)()
            if self.chance(0.06):
                request = mutated(self.random, request)
            requests.append(request)
        return requests

    # Small choices.

    def chance(self, share):
        return self.random.random() < share

    def pick(self, things):
        return self.random.choice(things)

    def maybe(self, share, **fields):
        return fields if self.chance(share) else {}

    def time(self):
        # Never twice the same: rows with equal times are ordered by ids, which differ.
        self.clock += self.random.randint(1, 50)
        return self.clock if self.chance(0.8) else str(self.clock)

    def key(self):
        return self.pick(BAD_KEYS) if self.chance(0.02) else self.pick(KEYS)

    def run(self):
        return "f" * 32 if self.chance(0.02) or not self.runs else "{" + self.pick(self.runs) + "}"

    def experiment(self):
        return "987654" if self.chance(0.02) else "{" + self.pick(self.experiments) + "}"

    def model(self):
        lost = self.chance(0.02) or not self.models
        return "m-" + "0" * 32 if lost else "{" + self.pick(self.models) + "}"

    def pairs(self, most):
        return [{"key": key, "value": self.pick(WORDS)}
                for key in self.random.sample(KEYS, self.random.randint(0, most))]

    def metric(self):
        metric = {"key": self.key(), "value": self.pick(VALUES), "timestamp": self.time()}
        metric |= self.maybe(0.6, step=self.random.randint(-1, 5))
        # A model's NaN is a 0 in MLflow.
        if self.chance(0.2) and self.models and metric["value"] != "NaN":
            metric["model_id"] = self.model()
            metric |= self.maybe(0.5, dataset_name="d1", dataset_digest="1")
        return metric

    # Experiments.

    def create_experiment(self):
        if self.names and self.chance(0.1):
            # It may succeed: after the first one was renamed.
            self.clock += 1
            return post("experiments/create", {"name": self.pick(self.names)}, bind=f"e{self.clock}")
        bind = f"e{len(self.experiments)}"
        name = "{label}-" + self.pick(["a", "B", "ü x", "%"]) + str(len(self.experiments))
        self.experiments.append(bind)
        self.names.append(name)
        body = {"name": name} | self.maybe(0.3, tags=self.pairs(3))
        body |= self.maybe(0.1, artifact_location="s3://bucket/" + bind)
        return post("experiments/create", body, bind=bind)

    def get_experiment(self):
        return get("experiments/get", {"experiment_id": self.experiment()})

    def experiment_by_name(self):
        return get("experiments/get-by-name", {"experiment_name": self.pick(self.names + ["none"])})

    def rename_experiment(self):
        name = "{label}-renamed" + str(len(self.names))
        self.names.append(name)
        body = {"experiment_id": self.experiment(), "new_name": name}
        return post("experiments/update", body)

    def delete_experiment(self):
        return post("experiments/delete", {"experiment_id": self.experiment()})

    def restore_experiment(self):
        return post("experiments/restore", {"experiment_id": self.experiment()})

    def tag_experiment(self):
        body = {"experiment_id": self.experiment(), "key": self.key(), "value": self.pick(WORDS)}
        return post("experiments/set-experiment-tag", body)

    def untag_experiment(self):
        body = {"experiment_id": self.experiment(), "key": self.key()}
        return post("experiments/delete-experiment-tag", body)

    def search_experiments(self):
        text = "name LIKE '{label}-%'"
        if self.chance(0.4):
            text += " AND " + self.pick([
                f"tags.{quoted(self.pick(KEYS))} {self.pick(['=', '!='])} '{self.word()}'",
                f"name {self.pick(['ILIKE', '!=', '='])} '%A%'", "last_update_time > 5",
                f"tags.{quoted(self.pick(KEYS))} LIKE '%{self.word()}%'",
            ])
        order = self.pick(["name", "name DESC", "creation_time ASC", "last_update_time"])
        fields = {"filter": text, "max_results": self.pick([1, 2, 5, "100"])}
        fields |= self.maybe(0.4, order_by=[order]) | self.maybe(0.5, view_type=self.pick(VIEWS))
        if self.chance(0.3):
            return get("experiments/search", fields, pages=3)
        return post("experiments/search", fields, pages=3)

    # Runs.

    def create_run(self):
        bind = f"r{len(self.runs)}"
        self.runs.append(bind)
        body = {"experiment_id": self.experiment(), "start_time": self.time()}
        # A made-up name would differ, and order runs otherwise.
        body["run_name"] = self.pick(["one", "two", "Ünd"]) + bind
        body |= self.maybe(0.3, user_id="ann") | self.maybe(0.3, tags=self.pairs(3))
        return post("runs/create", body, bind=bind)

    def get_run(self):
        return get("runs/get", {"run_id" if self.chance(0.8) else "run_uuid": self.run()})

    def update_run(self):
        body = {"run_id": self.run()} | self.maybe(0.6, status=self.status())
        body |= self.maybe(0.5, end_time=self.time())
        return post("runs/update", body | self.maybe(0.3, run_name=self.pick(["new", "", "b c"])))

    def status(self):
        return self.random.randint(1, 5) if self.chance(0.2) else self.pick(STATUSES)

    def delete_run(self):
        return post("runs/delete", {"run_id": self.run()})

    def restore_run(self):
        return post("runs/restore", {"run_id": self.run()})

    def tag_run(self):
        key = "mlflow.runName" if self.chance(0.15) else self.key()
        return post("runs/set-tag", {"run_id": self.run(), "key": key, "value": self.pick(WORDS)})

    def untag_run(self):
        return post("runs/delete-tag", {"run_id": self.run(), "key": self.key()})

    def log_metric(self):
        return post("runs/log-metric", {"run_id": self.run()} | self.metric())

    def log_param(self):
        body = {"run_id": self.run(), "key": self.key(), "value": self.pick(WORDS)}
        return post("runs/log-parameter", body)

    def log_batch(self):
        body = {"run_id": self.run()}
        body |= self.maybe(0.8, metrics=[self.metric() for _ in range(self.random.randint(0, 6))])
        body |= self.maybe(0.4, params=self.pairs(2)) | self.maybe(0.5, tags=self.pairs(3))
        return post("runs/log-batch", body)

    def log_inputs(self):
        sets = [self.dataset(digest) for digest in self.random.sample("123", 2)]
        body = {"run_id": self.run(), "datasets": sets[:self.random.randint(0, 2)]}
        if self.chance(0.3) and self.models:
            body["models"] = [{"model_id": self.model()}]
        return post("runs/log-inputs", body)

    def dataset(self, digest):
        dataset = {"name": self.pick(["d1", "d 2"]), "digest": digest, "source_type": "local",
                   "source": "{}"}
        dataset |= self.maybe(0.3, schema='{"a": 1}') | self.maybe(0.3, profile='{"rows": 1}')
        tag = {"key": "mlflow.data.context", "value": self.pick(["train", "eval"])}
        return {"dataset": dataset} | self.maybe(0.6, tags=[tag])

    def log_outputs(self):
        models = [{"model_id": self.model(), "step": self.random.randint(0, 3)}]
        return post("runs/outputs", {"run_id": self.run(), "models": models})

    def log_model(self):
        run = self.run()
        model = ('{"artifact_path": "model", "flavors": {}, "utc_time_created": "2026-01-01", '
                 '"run_id": "' + run + '"}')
        return post("runs/log-model", {"run_id": run, "model_json": model})

    def search_runs(self):
        ids = sorted({self.experiment() for _ in range(self.random.randint(1, 3))})
        body = {"experiment_ids": ids, "max_results": self.pick([1, 2, 3, 10, "100"])}
        tests = [self.run_test() for _ in range(self.random.randint(0, 2))]
        body |= {"filter": " AND ".join(tests)} if tests else {}
        body |= self.maybe(0.5, order_by=[self.run_order() for _ in range(self.pick([1, 2]))])
        view = self.pick(VIEWS + [1, 2, 3])
        return post("runs/search", body | self.maybe(0.5, run_view_type=view), pages=4)

    def run_test(self):
        key, sign = quoted(self.pick(KEYS)), self.pick(["=", "!=", "<", ">", "<=", ">="])
        equal, like = self.pick(["=", "!="]), self.pick(["LIKE", "ILIKE"])
        word = self.word()
        return self.pick([
            f"metrics.{key} {sign} {self.pick([0, 0.5, 1, -1, 100])}",
            f"metrics.{key} {sign} 0.25",
            f"params.{key} {equal} '{word}'", f"params.{key} {like} '%{word}%'",
            f"tags.{key} {equal} '{word}'", f"tags.{key} {like} '{word}%'",
            f"tags.{key} IS NULL", f"params.{key} IS NOT NULL", f"tags.{key} IS NOT NULL",
            f"attributes.status {equal} '{self.pick(STATUSES)}'",
            # Of letters beyond ASCII, SQLite does not know the other case.
            f"attributes.run_name {like} '%{self.pick(['o', 'N', 'nd'])}%'",
            f"start_time {sign} {self.clock - 100}", f"end_time {sign} {self.clock - 100}",
            f"run_id {equal} '{self.run()}'", "user_id = 'ann'",
            f"run_id IN ('{self.run()}', '{self.run()}')",
            f"datasets.name {equal} 'd1'", "dataset.context = 'train'",
            "dataset.digest IN ('1', '2')",
        ])

    def run_order(self):
        field = self.pick([f"metrics.{quoted(self.pick(KEYS))}", f"params.{quoted(self.pick(KEYS))}",
                           f"tags.{quoted(self.pick(KEYS))}", "attributes.start_time", "status",
                           "end_time", "run_name"])
        return field + self.pick(["", " ASC", " DESC", " desc"])

    def word(self):
        return self.pick([word for word in WORDS if "'" not in word and "%" not in word])

    # Histories.

    def history(self):
        fields = {"run_id": self.run(), "metric_key": self.pick(KEYS)}
        return get("metrics/get-history", fields | self.maybe(0.5, max_results=self.pick([1, 2, 3])),
                   pages=3)

    def history_bulk(self):
        fields = {"run_id": sorted({self.run() for _ in range(2)}), "metric_key": self.pick(KEYS)}
        fields |= self.maybe(0.3, max_results=self.pick([1, 2]))
        # The answer is ordered by ids, so that it takes one run to compare it.
        fields["run_id"] = fields["run_id"][:1]
        return dict(get("metrics/get-history-bulk", fields), prefix="/ajax-api/2.0/mlflow/")

    def history_interval(self):
        fields = {"run_ids": [self.run() for _ in range(2)], "metric_key": self.pick(KEYS)}
        fields |= self.maybe(0.7, max_results=self.pick([1, 2, 3, 4]))
        if self.chance(0.3):
            fields |= {"start_step": self.random.randint(-1, 2), "end_step": self.random.randint(1, 5)}
        return get("metrics/get-history-bulk-interval", fields)

    def search_datasets(self):
        body = {"experiment_ids": [self.experiment()]}
        return dict(post("experiments/search-datasets", body), prefix="/ajax-api/2.0/mlflow/")

    # Logged models.

    def create_model(self):
        bind = f"m{len(self.models)}"
        self.models.append(bind)
        body = {"experiment_id": self.experiment()}
        body["name"] = self.pick(["model", "Other", "z"]) + bind
        body |= self.maybe(0.5, model_type=self.pick(["sk", "agent"]))
        body |= self.maybe(0.5, source_run_id=self.run())
        body |= self.maybe(0.4, params=self.pairs(2)) | self.maybe(0.4, tags=self.pairs(2))
        return post("logged-models", body, bind=bind)

    def get_model(self):
        return self.of_model(lambda model: get("logged-models/" + model, {}))

    def of_model(self, make):
        """Makes a request about a model, marked when that was deleted before."""
        model = self.model()
        request = make(model)
        return request | {"gone": True} if model in self.deleted else request

    def finalize_model(self):
        status = self.pick(["LOGGED_MODEL_READY", "LOGGED_MODEL_UPLOAD_FAILED", 2,
                            "LOGGED_MODEL_PENDING"])
        return self.of_model(lambda model: dict(
            post("logged-models/" + model, {"model_id": model, "status": status}),
            method="PATCH"))

    def delete_model(self):
        request = self.of_model(lambda model: dict(post("logged-models/" + model, {}),
                                                   method="DELETE"))
        self.deleted.add(request["path"].partition("/")[2])
        return request

    def model_params(self):
        pairs = self.pairs(2)
        return self.of_model(lambda model: post(
            f"logged-models/{model}/params", {"model_id": model, "params": pairs}))

    def model_tags(self):
        pairs = self.pairs(2)
        return self.of_model(lambda model: dict(
            post(f"logged-models/{model}/tags", {"model_id": model, "tags": pairs}),
            method="PATCH"))

    def untag_model(self):
        key = self.pick(KEYS[:2])
        return self.of_model(lambda model: dict(
            post(f"logged-models/{model}/tags/{key}", {}), method="DELETE"))

    def search_models(self):
        body = {"experiment_ids": sorted({self.experiment() for _ in range(2)})}
        tests = [self.model_test() for _ in range(self.random.randint(0, 2))]
        body |= {"filter": " AND ".join(tests)} if tests else {}
        body |= self.maybe(0.6, max_results=self.pick([1, 2, 10]))
        body |= self.maybe(0.4, order_by=[self.model_order()])
        # Without a digest MLflow's server looks for points that have none.
        body |= self.maybe(0.1, datasets=[{"dataset_name": "d1", "dataset_digest": "1"}])
        return post("logged-models/search", body, pages=3)

    def model_test(self):
        key, equal = quoted(self.pick(KEYS)), self.pick(["=", "!="])
        return self.pick([
            f"metrics.{key} {self.pick(['>', '<', '=', '!='])} {self.pick([0, 0.5, 1])}",
            f"params.{key} {equal} '{self.word()}'", f"tags.{key} {equal} '{self.word()}'",
            f"name {equal} 'modelm0'", "name LIKE '%o%'", f"model_type {equal} 'sk'",
            f"source_run_id {equal} '{self.run()}'",
        ])

    def model_order(self):
        order = {"field_name": self.pick(["name", "creation_timestamp", "metrics.loss",
                                          "metrics.acc", "last_updated_timestamp"])}
        order |= self.maybe(0.5, ascending=self.chance(0.5))
        return order | self.maybe(0.1, dataset_name="d1")


def quoted(key):
    return key if key.isalnum() else f"`{key}`"


def post(path, body, **more):
    return {"method": "POST", "path": path, "body": body} | more


def get(path, query, **more):
    return {"method": "GET", "path": path, "query": query} | more
