"""Drives the Open Inference Protocol with Triton's own client: `triton.py HOST:PORT MODEL`.

The model takes ten columns of doubles.
"""

import sys

import numpy
import tritonclient.http as triton
from tritonclient.utils import InferenceServerException

url, name = sys.argv[1:]
client = triton.InferenceServerClient(url)
assert client.is_server_live() and client.is_server_ready()
assert client.is_model_ready(name) and not client.is_model_ready("other")
server = client.get_server_metadata()
assert server["name"] == "mlctl" and "binary_tensor_data" in server["extensions"], server
metadata = client.get_model_metadata(name)
columns = [one["name"] for one in metadata["inputs"]]
assert len(columns) == 10 and metadata["inputs"][0]["datatype"] == "FP64", metadata
output = metadata["outputs"][0]["name"]

rows = numpy.arange(30, dtype=numpy.float64).reshape(3, 10) / 100


def inputs(is_binary):
    for at, column in enumerate(columns):
        tensor = triton.InferInput(column, [3, 1], "FP64")
        tensor.set_data_from_numpy(rows[:, at : at + 1], binary_data=is_binary)
        yield tensor


answers = []
for in_binary in (False, True):
    for out_binary in (False, True):
        wanted = triton.InferRequestedOutput(output, binary_data=out_binary)
        result = client.infer(
            name, list(inputs(in_binary)), outputs=[wanted], request_id="7", model_version="1"
        )
        told = result.get_response()
        assert told["id"] == "7" and told["model_name"] == name, told
        answers.append(result.as_numpy(output))


def only(result):
    return result.as_numpy(result.get_response()["outputs"][0]["name"])


answers.append(only(client.infer(name, list(inputs(True)))))
matrix = triton.InferInput("rows", [3, 10], "FP64")
matrix.set_data_from_numpy(rows)
for answer in answers:
    assert answer is not None and answer.shape[0] == 3, answer
    assert numpy.array_equal(answer, answers[0]), answers


def refused(ask):
    try:
        ask()
    except InferenceServerException as problem:
        return problem.message()
    raise AssertionError("it was taken")


assert "missing inputs" in refused(lambda: client.infer(name, [matrix]))
bad = triton.InferInput("age", [3, 1], "FP64")
bad.set_data_from_numpy(rows[:, :1])
assert "missing inputs" in refused(lambda: client.infer(name, [bad]))
assert "no model with this name" in refused(lambda: client.get_model_metadata("other"))
unknown = [triton.InferRequestedOutput("other")]
assert "has no output" in refused(lambda: client.infer(name, list(inputs(True)), outputs=unknown))

index = client.get_model_repository_index()
assert index == [{"name": name, "version": "1", "state": "READY", "reason": ""}], index
client.unload_model(name)
assert not client.is_model_ready(name) and not client.is_server_ready()
assert client.get_model_repository_index()[0]["state"] == "UNAVAILABLE"
assert "not loaded" in refused(lambda: client.infer(name, list(inputs(True))))
client.load_model(name)
assert client.is_model_ready(name)
assert numpy.array_equal(only(client.infer(name, list(inputs(True)))), answers[0])
