"""MLflow's registry store on a file that ours uses too: tables.py write|read FILE."""

import json
import sys

from mlflow.entities.webhook import WebhookEvent, WebhookStatus
from mlflow.store.model_registry.sqlalchemy_store import SqlAlchemyStore

what, path = sys.argv[1:]
store = SqlAlchemyStore(f"sqlite:///{path}")

if what == "write":
    store.create_webhook(
        "theirs",
        "https://example.com/hook?a=b",
        [WebhookEvent.from_str("model_version_tag.set"), WebhookEvent.from_str("budget_policy.exceeded")],
        description="what MLflow wrote",
        secret="gehéim",
        status=WebhookStatus.DISABLED,
    )
    event = [WebhookEvent.from_str("prompt.created")]
    gone = store.create_webhook("gone", "https://example.com/", event)
    store.delete_webhook(gone.webhook_id)
else:
    webhooks = {webhook.name: webhook for webhook in store.list_webhooks()}
    told = {
        name: {
            "secret": webhook.secret,
            "events": [str(event) for event in webhook.events],
            "status": str(webhook.status),
            "url": webhook.url,
            "created": webhook.creation_timestamp,
        }
        for name, webhook in webhooks.items()
    }
    store.delete_webhook(webhooks["ours"].webhook_id)
    print(json.dumps(told))
