"""MLflow's own client on a server of ours: client.py URL RECEIVER."""

import sys

from mlflow import MlflowClient
from mlflow.entities.webhook import WebhookEvent, WebhookStatus
from mlflow.exceptions import MlflowException

url, receiver = sys.argv[1:]
client = MlflowClient(tracking_uri=url, registry_uri=url)


def refused(code, work):
    try:
        work()
    except MlflowException as error:
        assert error.error_code == code, error
        return
    raise AssertionError(f"not refused with {code}")


made = client.create_webhook(
    name="hook",
    url=receiver,
    events=["model_version.created", "model_version_tag.set"],
    description="d",
    secret="geheim",
)
assert (made.name, made.url, made.description) == ("hook", receiver, "d"), made
assert [str(event) for event in made.events] == ["model_version.created", "model_version_tag.set"]
assert made.status == WebhookStatus.ACTIVE and made.secret is None
assert made.creation_timestamp == made.last_updated_timestamp > 1_700_000_000_000

found = client.get_webhook(made.webhook_id)
assert repr(found) == repr(made), (found, made)

tried = client.test_webhook(made.webhook_id)
assert tried.success and tried.response_status == 200 and tried.response_body == "thanks", tried
again = client.test_webhook(made.webhook_id, event=WebhookEvent.from_str("model_version_tag.set"))
assert again.success, again

changed = client.update_webhook(
    made.webhook_id, name="other", events=["registered_model.created"], status="DISABLED"
)
assert (changed.name, changed.status) == ("other", WebhookStatus.DISABLED), changed
assert [str(event) for event in changed.events] == ["registered_model.created"]
assert changed.url == receiver and changed.description == "d"

for number in range(3):
    client.create_webhook(name=f"hook{number}", url=receiver, events=["prompt.created"])
seen, token = [], None
while True:
    page = client.list_webhooks(max_results=2, page_token=token)
    seen += [webhook.name for webhook in page]
    token = page.token
    if not token:
        break
assert sorted(seen) == ["hook0", "hook1", "hook2", "other"], seen

client.delete_webhook(made.webhook_id)
refused("RESOURCE_DOES_NOT_EXIST", lambda: client.get_webhook(made.webhook_id))
refused("RESOURCE_DOES_NOT_EXIST", lambda: client.delete_webhook(made.webhook_id))
refused(
    "INVALID_PARAMETER_VALUE",
    lambda: client.create_webhook(name="a b", url=receiver, events=["prompt.created"]),
)
refused(
    "INVALID_PARAMETER_VALUE",
    lambda: client.create_webhook(name="a", url="ftp://x", events=["prompt.created"]),
)
refused("INVALID_PARAMETER_VALUE", lambda: client.list_webhooks(max_results=1001))
