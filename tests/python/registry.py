"""The registry of a server, used by the official Python client as its users do."""

import os
import tempfile
import warnings

import mlflow
import numpy as np
from client import refused
from each import call_each
from sklearn.linear_model import LinearRegression

warnings.filterwarnings("ignore", category=FutureWarning)


def fitted():
    x = np.array([[1.0], [2.0], [3.0]])
    return LinearRegression().fit(x, x[:, 0] * 2), x


def models_have_names_texts_and_tags(client):
    made = client.create_registered_model("churn", tags={"team": "growth"}, description="who goes")
    assert made.name == "churn" and made.tags == {"team": "growth"}
    assert made.description == "who goes"
    refused("RESOURCE_ALREADY_EXISTS", client.create_registered_model, "churn")
    client.update_registered_model("churn", description="who stays")
    client.set_registered_model_tag("churn", "team", "risk")
    client.set_registered_model_tag("churn", "more", "x")
    client.delete_registered_model_tag("churn", "more")
    known = client.get_registered_model("churn")
    assert known.description == "who stays" and known.tags == {"team": "risk"}
    client.rename_registered_model("churn", "loss")
    refused("RESOURCE_DOES_NOT_EXIST", client.get_registered_model, "churn")
    client.delete_registered_model("loss")
    assert client.search_registered_models() == []


def models_are_searched_in_pages(client):
    for number in range(25):
        tags = {"even": str(number % 2 == 0)}
        client.create_registered_model(f"model-{number:02}", tags=tags)
    found = client.search_registered_models("name LIKE 'model-1%'")
    assert [model.name for model in found] == [f"model-{number}" for number in range(10, 20)]
    found = client.search_registered_models("tags.even = 'True'", max_results=5)
    names = [model.name for model in found]
    while found.token:
        found = client.search_registered_models(
            "tags.even = 'True'", max_results=5, page_token=found.token
        )
        names += [model.name for model in found]
    assert names == [f"model-{number:02}" for number in range(0, 25, 2)]
    found = client.search_registered_models(order_by=["name DESC"], max_results=1)
    assert found[0].name == "model-24"


def versions_go_through_stages_and_aliases(client):
    run = client.create_run("0")
    source = f"{run.info.artifact_uri}/model"
    client.create_registered_model("churn")
    for number in ["1", "2", "3"]:
        version = client.create_model_version("churn", source, run_id=run.info.run_id)
        assert version.version in (number, int(number)), version
        assert version.current_stage == "None" and version.status == "READY"
    moved = client.transition_model_version_stage("churn", "1", "Production")
    assert moved.current_stage == "Production"
    client.transition_model_version_stage(
        "churn", "2", "Production", archive_existing_versions=True
    )
    stages = {v.version: v.current_stage for v in client.search_model_versions("name='churn'")}
    assert {str(v): s for v, s in stages.items()} == {
        "1": "Archived", "2": "Production", "3": "None",
    }
    latest = client.get_latest_versions("churn", ["Production"])
    assert [str(v.version) for v in latest] == ["2"]
    refused("INVALID_PARAMETER_VALUE", client.transition_model_version_stage, "churn", "2", "Odd")

    client.set_registered_model_alias("churn", "champion", "2")
    assert str(client.get_model_version_by_alias("churn", "champion").version) == "2"
    client.set_registered_model_alias("churn", "champion", "3")
    assert client.get_model_version("churn", "3").aliases == ["champion"]
    assert client.get_registered_model("churn").aliases in ({"champion": "3"}, {"champion": 3})
    client.delete_registered_model_alias("churn", "champion")
    refused("INVALID_PARAMETER_VALUE", client.get_model_version_by_alias, "churn", "champion")
    refused("INVALID_PARAMETER_VALUE", client.set_registered_model_alias, "churn", "latest", "1")

    client.set_model_version_tag("churn", "3", "checked", "yes")
    client.update_model_version("churn", "3", description="the third")
    known = client.get_model_version("churn", "3")
    assert known.tags == {"checked": "yes"} and known.description == "the third"
    client.delete_model_version("churn", "3")
    refused("RESOURCE_DOES_NOT_EXIST", client.get_model_version, "churn", "3")
    # A number is never given twice.
    again = client.create_model_version("churn", source, run_id=run.info.run_id)
    assert str(again.version) == "4", again


def a_logged_model_is_registered_and_loaded(client):
    model, x = fitted()
    with mlflow.start_run() as run:
        info = mlflow.sklearn.log_model(model, name="model", registered_model_name="churn")
    version = client.get_model_version("churn", "1")
    assert version.run_id == run.info.run_id
    assert version.source == f"models:/{info.model_id}", version.source
    tags = client.get_logged_model(info.model_id).tags
    # The server notes the version as a number, then the client as text: with MLflow's server too.
    noted = '[{"name": "churn", "version": 1}, {"name": "churn", "version": "1"}]'
    assert tags["mlflow.modelVersions"] == noted, tags
    client.transition_model_version_stage("churn", "1", "Staging")
    client.set_registered_model_alias("churn", "champion", "1")
    for uri in ["models:/churn/1", "models:/churn@champion", "models:/churn/Staging",
                "models:/churn/latest"]:
        loaded = mlflow.pyfunc.load_model(uri)
        assert np.allclose(loaded.predict(x), model.predict(x)), uri
    found = client.search_model_versions(f"run_id = '{run.info.run_id}'")
    assert [v.name for v in found] == ["churn"]


def the_model_of_a_run_is_registered_and_copied(client):
    model, x = fitted()
    with mlflow.start_run() as run, tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "saved")
        mlflow.sklearn.save_model(model, path)
        mlflow.log_artifacts(path, "saved")
    version = mlflow.register_model(f"runs:/{run.info.run_id}/saved", "churn", tags={"a": "b"})
    assert version.run_id == run.info.run_id and version.tags == {"a": "b"}
    loaded = mlflow.sklearn.load_model("models:/churn/1")
    assert np.allclose(loaded.predict(x), model.predict(x))
    copied = client.copy_model_version("models:/churn/1", "release")
    assert copied.name == "release" and str(copied.version) == "1"
    assert copied.source == "models:/churn/1", copied.source
    loaded = mlflow.sklearn.load_model("models:/release/1")
    assert np.allclose(loaded.predict(x), model.predict(x))


def sources_stay_in_their_place(client):
    client.create_registered_model("churn")
    run = client.create_run("0")
    for source in ["/etc", "file:///etc", f"{run.info.artifact_uri}/../../..", "http://host/x",
                   "mlflow-artifacts://other:5000/x"]:
        refused("INVALID_PARAMETER_VALUE", client.create_model_version, "churn", source,
                run_id=run.info.run_id)
    assert client.search_model_versions("name = 'churn'") == []


def call(name, client):
    globals()[name](client)


if __name__ == "__main__":
    call_each(call)
