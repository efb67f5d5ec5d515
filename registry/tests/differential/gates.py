"""MLflow's own client on a registry with stages of a model's own and with gates."""

import sys
import time

from mlflow import MlflowClient
from mlflow.exceptions import RestException
from mlflow.store.artifact.utils.models import get_model_name_and_version

client = MlflowClient(tracking_uri=sys.argv[1], registry_uri=sys.argv[1])


def refused(act):
    """Returns what the client is told, at once: a code that it would try again is no answer."""
    began = time.monotonic()
    try:
        act()
    except RestException as error:
        assert time.monotonic() - began < 30, "the client tried again"
        return error.error_code, error.message
    raise AssertionError("it was not refused")


def move(stage, archive=False):
    return client.transition_model_version_stage("churn", "1", stage, archive)


client.create_registered_model("churn")
client.create_model_version("churn", "s3://bucket/churn")
client.set_registered_model_tag("churn", "mlctl.stages", "Staging -> Shadow -> Production")
client.set_registered_model_tag("churn", "mlctl.gates", "Production: tag reviewed")

code, message = refused(lambda: move("Production"))
assert code == "INVALID_PARAMETER_VALUE", code
assert "from None it may go to Staging and Archived" in message, message
code, message = refused(lambda: move("Prod"))
assert "Value must be one of None, Staging, Shadow, Production, Archived." in message, message
assert move("staging").current_stage == "Staging"
assert move("shadow", archive=True).current_stage == "Shadow"
assert [v.version for v in client.get_latest_versions("churn", ["Shadow"])] == ["1"]
assert get_model_name_and_version(client, "models:/churn/Shadow") == ("churn", "1")
assert client.get_registered_model("churn").latest_versions[0].current_stage == "Shadow"
code, message = refused(lambda: move("Production"))
assert code == "PERMISSION_DENIED", code
assert message.endswith("may not enter Production: tag `reviewed` is missing"), message
client.set_model_version_tag("churn", "1", "reviewed", "by bob")
assert move("Production", archive=True).current_stage == "Production"
