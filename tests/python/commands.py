"""Prints MLflow's commands and flags as JSON, for tests/python/mlflow_commands.json."""

import json

import click
import mlflow
from mlflow.cli import cli


def kind(parameter):
    """How a parameter's value is written."""
    if getattr(parameter, "is_flag", False):
        return "flag"
    if isinstance(parameter.type, click.Choice):
        return "choice"
    return {"integer": "number", "integer range": "number", "boolean": "boolean"}.get(
        parameter.type.name, "text"
    )


def described(parameter):
    about = {"kind": kind(parameter)}
    if isinstance(parameter, click.Argument):
        about["argument"] = parameter.name
        if parameter.nargs == -1:
            about["many"] = True
    else:
        about["spellings"] = sorted([*parameter.opts, *parameter.secondary_opts], key=len)
    if about["kind"] == "choice":
        about["choices"] = list(dict.fromkeys(parameter.type.choices))
    if parameter.required:
        about["required"] = True
    return about


def walk(command, path):
    if isinstance(command, click.Group):
        context = click.Context(command)
        names = sorted(set(command.list_commands(context)) | set(command.commands))
        commands = [(name, command.get_command(context, name)) for name in names]
        below = [one for name, child in commands for one in walk(child, [*path, name])]
        own = [one for one in command.params if one.name != "version"]
        return [entry(path, own), *below] if own else below
    return [entry(path, command.params)]


def entry(path, parameters):
    return {"command": path, "parameters": [described(one) for one in parameters]}


found = walk(cli, [])
print('{"mlflow": ' + json.dumps(mlflow.__version__) + ', "commands": [')
print(",\n".join(json.dumps(one) for one in found))
print("]}")
