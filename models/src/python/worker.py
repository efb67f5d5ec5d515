"""Answers the requests of one model over a socket, in the model's own environment.

Started with MODEL_FOLDER and the socket as its standard input, through which this text comes, too. A message is the length of its header (4 bytes, little
endian), the header (JSON) and, for each array that the header lists with `bytes`, these bytes. The
body of a request, which MLflow's own functions read, is such an array.
"""

import base64
import inspect
import io
import json
import os
import socket
import struct
import sys

# The socket is nobody else's, and what models print goes where errors go.
SOCKET = os.dup(0)
os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
os.dup2(2, 1)

import numpy
import pandas

# A message holds what was sent, which may be large.
MESSAGE_MAX = 4000

DTYPES = {"bool", "int32", "int64", "float32", "float64"}


class Channel:
    def __init__(self, number):
        self.socket = socket.socket(fileno=number)
        self.file = self.socket.makefile("rb", buffering=1 << 20)

    def exactly(self, count):
        data = self.file.read(count)
        if len(data) != count:
            sys.exit(0)
        return data

    def receive(self):
        (length,) = struct.unpack("<I", self.exactly(4))
        header = json.loads(self.exactly(length))
        for array in header["arrays"]:
            if array["dtype"] == "body":
                array["data"] = self.exactly(array["bytes"])
                continue
            if "bytes" in array:
                data = numpy.frombuffer(self.exactly(array["bytes"]), dtype=array["dtype"])
            else:
                data = texts(array["values"], header["form"] == "table")
            # Models may write into what they are given.
            array["data"] = data.reshape(array["shape"]).copy()
        return header

    def send(self, header, buffers=()):
        text = json.dumps(header).encode()
        self.socket.sendall(struct.pack("<I", len(text)) + text)
        for buffer in buffers:
            self.socket.sendall(buffer)


def texts(values, is_column):
    """Makes an array as MLflow makes it: numpy's own text for tensors, objects in a table."""
    if is_column or any(value is None for value in values):
        return numpy.array(values, dtype=object)
    return numpy.array(values, dtype=str)


def request(header):
    arrays = [(array["name"], array["data"]) for array in header["arrays"]]
    if header["form"] == "tensor":
        return arrays[0][1]
    if header["form"] == "named":
        return dict(arrays)
    columns = {name: list(data) if data.ndim > 1 else data for name, data in arrays}
    return pandas.DataFrame(columns)


class Refused(Exception):
    """A request that MLflow would change without a word."""


def read_body(array, metadata):
    """Reads a body as MLflow's server does: the input, the params, and whether the body is one of
    those that are answered without `predictions` around the answer."""
    from mlflow.pyfunc import scoring_server as server

    schema = metadata.get_input_schema()
    kind, body = array["name"], array["data"]
    if kind == "application/vnd.apache.parquet":
        return server.parse_parquet_input(io.BytesIO(body)), None, False
    body = body.decode("utf-8")
    if kind == "text/csv":
        return server.parse_csv_input(io.StringIO(body), schema), None, False
    try:
        given = json.loads(body)
    except ValueError:
        # MLflow says it in its own words.
        given = body
    if hasattr(server, "_parse_json_data"):
        data, params, is_bare = server._parse_json_data(given, metadata, schema)
    else:
        # Before 2.13.
        parts, params = server._split_data_and_params(given)
        data, is_bare = server.infer_and_parse_data(parts, schema), False
    if schema is not None and not is_bare:
        refuse_changes(given, data, schema)
    return data, params, is_bare


def refuse_changes(given, data, schema):
    """Refuses what MLflow would change without a word: 1.5 to 1 for an integer, 2 to true."""
    types, is_named = schema.input_types(), schema.has_input_names()
    names = schema.input_names() if is_named else range(len(types))
    kinds = {name: numpy_kind(kind) for name, kind in zip(names, types)}
    kinds = {name: kind for name, kind in kinds.items() if kind}
    forms = {"dataframe_split", "dataframe_records", "instances", "inputs"} & set(given)
    if not kinds or len(forms) != 1:
        return
    (form,) = forms
    given = given[form]
    if isinstance(data, pandas.DataFrame):
        from mlflow.utils.proto_json_utils import dataframe_from_parsed_json

        before = dataframe_from_parsed_json(given, pandas_orient=form[len("dataframe_"):])
        for at, name in enumerate(data.columns):
            kind = kinds.get(name if is_named else at)
            if kind:
                compare(name, before.iloc[:, at].tolist(), data.iloc[:, at], kind)
    elif isinstance(data, dict):
        for name in kinds.keys() & data.keys():
            compare(name, column(given, name), data[name], kinds[name])
    elif isinstance(data, list):
        for before, after in zip(given, data):
            for name in kinds.keys() & after.keys():
                compare(name, before[name], after[name], kinds[name])
    elif 0 in kinds:
        compare("0", given, data, kinds[0])


def column(given, name):
    """Finds what was given for a column in the forms that MLflow makes a dictionary of."""
    if isinstance(given, dict):
        return given[name]
    if given and isinstance(given[0], dict):
        return [row[name] for row in given if name in row]
    return given


def numpy_kind(kind):
    """Tells whether a type is one of whole numbers (i), truths (b) or short floats (f)."""
    try:
        dtype = numpy.dtype(kind.to_numpy() if hasattr(kind, "to_numpy") else kind)
    except (TypeError, ValueError):
        # Lists, objects and the like, which MLflow checks itself.
        return None
    if dtype == "float32" or dtype == "float16":
        return "f"
    return {"i": "i", "u": "i", "b": "b"}.get(dtype.kind)


TYPES = {"i": "an integer of its type", "b": "a boolean", "f": "a 32-bit float"}


def compare(name, given, read, kind):
    for before, after in zip(flat(given), flat(numpy.asarray(read).tolist())):
        if kind == "f":
            is_same = not (isinstance(before, (int, float)) and numpy.isfinite(before))
            is_same = is_same or numpy.isfinite(after)
        elif kind == "i" and isinstance(before, str):
            is_same = int(before) == after
        else:
            is_same = before is not None and before == after
        if not is_same:
            raise Refused(
                f"Invalid input. could not convert {json.dumps(before)} to {TYPES[kind]} "
                f"for column {name}"
            )


def flat(value):
    if isinstance(value, (list, numpy.ndarray)):
        return [one for part in value for one in flat(part)]
    return [value]


def array_of(name, values):
    """Describes an array and its bytes, or returns None when it is none of plain values."""
    if isinstance(values, list) and len({type(value) for value in values}) > 1:
        # An array would make text of numbers, and numbers of truths.
        return None
    values = numpy.asarray(values)
    if values.dtype == object or values.dtype.kind in "US":
        flat = values.ravel().tolist()
        if not all(value is None or isinstance(value, str) for value in flat):
            return None
        return {"name": name, "shape": values.shape, "dtype": "str", "values": flat}, None
    if values.dtype == "uint64" and values.size and values.max() > numpy.iinfo("int64").max:
        return None
    if values.dtype.kind in "iu" and str(values.dtype) not in DTYPES:
        values = values.astype("int64")
    if values.dtype == "float16":
        values = values.astype("float32")
    if str(values.dtype) not in DTYPES:
        return None
    data = numpy.ascontiguousarray(values).tobytes()
    about = {"name": name, "shape": values.shape, "dtype": str(values.dtype), "bytes": len(data)}
    return about, data


def answer(result):
    if hasattr(result, "toarray"):
        result = result.toarray()
    if isinstance(result, pandas.Series):
        # MLflow answers with rows of one column.
        result = pandas.DataFrame(result)
    if isinstance(result, pandas.DataFrame) and result.columns.is_unique:
        form, parts = "records", [(str(name), result[name]) for name in result.columns]
    elif isinstance(result, dict) and all(isinstance(v, numpy.ndarray) for v in result.values()):
        form, parts = "outputs", [(str(name), values) for name, values in result.items()]
    elif isinstance(result, (numpy.ndarray, list)):
        form, parts = "array", [("predictions", result)]
    else:
        form, parts = "json", []
    try:
        arrays = [array_of(name, values) for name, values in parts]
    except ValueError:
        arrays = [None]
    if form == "json" or any(array is None for array in arrays):
        return {"form": "json", "arrays": [], "json": jsonable(result)}, []
    about = {"form": form, "arrays": [array for array, _ in arrays]}
    return about, [data for _, data in arrays if data is not None]


def jsonable(result):
    """Makes of a result what MLflow writes; what JSON has no word for is null."""
    try:
        from mlflow.utils.proto_json_utils import NumpyEncoder, _get_jsonable_obj

        text = json.dumps(_get_jsonable_obj(result, pandas_orient="records"), cls=NumpyEncoder)
    except (ImportError, TypeError, ValueError):
        return plain(result)
    return json.loads(text, parse_constant=lambda name: None)


def plain(result):
    """Makes of anything what JSON can hold."""
    if isinstance(result, pandas.DataFrame):
        return plain(result.to_dict(orient="records"))
    if isinstance(result, (pandas.Series, numpy.ndarray)):
        return plain(result.tolist())
    if isinstance(result, numpy.generic):
        return plain(result.item())
    if isinstance(result, dict):
        return {str(key): plain(value) for key, value in result.items()}
    if isinstance(result, (list, tuple)):
        return [plain(value) for value in result]
    if result is None or isinstance(result, (bool, int, str)):
        return result
    if isinstance(result, float):
        return result if numpy.isfinite(result) else None
    if isinstance(result, bytes):
        return base64.encodebytes(result).decode("ascii")
    return str(result)


def failure(error):
    """Describes a failure; MLflow's own ones have a code and words for the client."""
    code = getattr(error, "error_code", None)
    if isinstance(error, Refused):
        return {"error": str(error), "code": "BAD_REQUEST", "arrays": []}
    if isinstance(code, str) and type(error).__module__.startswith("mlflow."):
        return {"error": error.message[:MESSAGE_MAX], "code": code, "arrays": []}
    return {"error": f"{type(error).__name__}: {error}"[:MESSAGE_MAX], "arrays": []}


def predict(model, header):
    params, is_bare = header.get("params"), False
    if header["form"] == "body":
        data, own, is_bare = read_body(header["arrays"][0], model.metadata)
        params = header.get("own_params", own)
    else:
        data = request(header)
    takes_params = "params" in inspect.signature(model.predict).parameters
    # What is no dictionary is refused by MLflow, and nothing is nothing.
    if takes_params and params is not None and params != {}:
        result = model.predict(data, params=params)
    else:
        result = model.predict(data)
    if is_bare:
        text = json.dumps(jsonable(result))
        return {"form": "bare", "arrays": [], "json": text}, []
    return answer(result)


def main(folder):
    channel = Channel(SOCKET)
    try:
        import mlflow.pyfunc

        # As MLflow's server says it: models may ask.
        os.environ["_MLFLOW_IS_IN_SERVING_ENVIRONMENT"] = "true"
        model = mlflow.pyfunc.load_model(folder)
    except Exception as error:
        channel.send({"error": f"{type(error).__name__}: {error}", "arrays": []})
        return
    channel.send({"ready": True, "arrays": []})
    while True:
        header = channel.receive()
        try:
            about, buffers = predict(model, header)
        except Exception as error:
            about, buffers = failure(error), []
        channel.send(about, buffers)


main(sys.argv[1])
