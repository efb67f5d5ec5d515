"""A server that requests are sent to."""

import http.client
import json
import urllib.parse


class Side:
    """One server, over one connection that stays open."""

    def __init__(self, url):
        parts = urllib.parse.urlsplit(url)
        self.host, self.port = parts.hostname, parts.port
        self.connection = None
        # Whether it keeps folders, where an experiment's id need not be a number.
        self.is_folders = False

    def send(self, request):
        """Sends a request; returns its status and its body, decoded where it is JSON."""
        prefix = request.get("prefix", "/api/2.0/mlflow/")
        path = prefix + urllib.parse.quote(request["path"])
        query = []
        for key, value in request.get("query", {}).items():
            query += [(key, one) for one in (value if isinstance(value, list) else [value])]
        if query:
            path += "?" + urllib.parse.urlencode(query)
        body, headers = None, {}
        if request["method"] != "GET" or "raw" in request:
            body = request["raw"] if "raw" in request else json.dumps(request.get("body", {}))
            headers["Content-Type"] = request.get("type", "application/json")
        status, text = self.exchange(request["method"], path, body, headers)
        try:
            return status, json.loads(text)
        except ValueError:
            return status, text

    def exchange(self, method, path, body, headers):
        for last in (False, True):
            try:
                if self.connection is None:
                    self.connection = http.client.HTTPConnection(self.host, self.port)
                self.connection.request(method, path, body and body.encode(), headers)
                answer = self.connection.getresponse()
                return answer.status, answer.read().decode()
            except (http.client.HTTPException, ConnectionError):
                # The server may end an idle connection at any time.
                self.connection = None
                if last:
                    raise
        raise AssertionError("unreachable")
