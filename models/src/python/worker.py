"""Answers the requests of one model over a socket, in the model's own environment.

Called as `worker.py MODEL_FOLDER` with the socket as its standard input. A message is the length of its header (4 bytes, little
endian), the header (JSON) and, for each array that the header lists with `bytes`, these bytes.
"""

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
            if "bytes" in array:
                data = numpy.frombuffer(self.exactly(array["bytes"]), dtype=array["dtype"])
            else:
                data = numpy.array(array["values"], dtype=object)
            # Models may write into what they are given.
            array["data"] = data.reshape(array["shape"]).copy()
        return header

    def send(self, header, buffers=()):
        text = json.dumps(header).encode()
        self.socket.sendall(struct.pack("<I", len(text)) + text)
        for buffer in buffers:
            self.socket.sendall(buffer)


def request(header):
    arrays = [(array["name"], array["data"]) for array in header["arrays"]]
    if header["form"] == "tensor":
        return arrays[0][1]
    if header["form"] == "named":
        return dict(arrays)
    columns = {name: list(data) if data.ndim > 1 else data for name, data in arrays}
    return pandas.DataFrame(columns)


def array_of(name, values):
    """Describes an array and its bytes, or returns None when it is none of plain values."""
    values = numpy.asarray(values)
    if values.dtype == object or values.dtype.kind in "US":
        flat = values.ravel().tolist()
        if not all(value is None or isinstance(value, str) for value in flat):
            return None
        return {"name": name, "shape": values.shape, "dtype": "str", "values": flat}, None
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
    if isinstance(result, pandas.DataFrame):
        form, parts = "records", [(str(name), result[name]) for name in result.columns]
    elif isinstance(result, dict) and all(isinstance(v, numpy.ndarray) for v in result.values()):
        form, parts = "outputs", [(str(name), values) for name, values in result.items()]
    elif isinstance(result, (pandas.Series, numpy.ndarray, list)):
        form, parts = "array", [("predictions", result)]
    else:
        form, parts = "json", []
    try:
        arrays = [array_of(name, values) for name, values in parts]
    except ValueError:
        arrays = [None]
    if form == "json" or any(array is None for array in arrays):
        return {"form": "json", "arrays": [], "json": plain(result)}, []
    about = {"form": form, "arrays": [array for array, _ in arrays]}
    return about, [data for _, data in arrays if data is not None]


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
    return str(result)


def main(folder):
    channel = Channel(SOCKET)
    try:
        import mlflow.pyfunc

        model = mlflow.pyfunc.load_model(folder)
    except Exception as error:
        channel.send({"error": f"{type(error).__name__}: {error}", "arrays": []})
        return
    channel.send({"ready": True, "arrays": []})
    while True:
        header = channel.receive()
        try:
            params = header.get("params")
            data = request(header)
            result = model.predict(data, params=params) if params else model.predict(data)
            about, buffers = answer(result)
        except Exception as error:
            about, buffers = {"error": f"{type(error).__name__}: {error}", "arrays": []}, []
        channel.send(about, buffers)


main(sys.argv[1])
