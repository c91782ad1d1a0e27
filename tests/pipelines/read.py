"""Reads the files of examples/pipelines as their engines do.

read.py valid KIND FILE     ends with 0 where the engine would take the file, else says why
read.py commands KIND FILE  prints the shell commands that call trueup, in order, as JSON
read.py script FILE STEP    prints the script of a step of a composite action
read.py attempts KIND FILE  prints how often a job is begun for each exit code, as JSON
read.py branches KIND FILE  prints for which branches it is run, as JSON
read.py json FILE           prints a YAML file as JSON
"""

import json
import shlex
import sys

import botocore.session
import botocore.validate
import check_jsonschema
import kubernetes_validate
import yaml

SCHEMAS = {
    "action": ["--builtin-schema", "vendor.github-actions"],
    "workflow": ["--builtin-schema", "vendor.github-workflows"],
    "gitlab": ["--builtin-schema", "vendor.gitlab-ci", "--data-transform", "gitlab-ci"],
}


def documents(path):
    with open(path) as file:
        return list(yaml.safe_load_all(file))


def valid(kind, path):
    if kind in SCHEMAS:
        check_jsonschema.main([*SCHEMAS[kind], path])
    elif kind == "kubernetes":
        for document in documents(path):
            kubernetes_validate.validate(document, "1.31", strict=True)
    elif kind == "ecs":
        model = botocore.session.get_session().get_service_model("ecs")
        with open(path) as file:
            request = json.load(file)
        report = botocore.validate.ParamValidator().validate(request, model.operation_model("RunTask").input_shape)
        if report.has_errors():
            sys.exit(report.generate_report())
    else:
        sys.exit(f"unknown kind {kind}")


def commands(kind, path):
    if kind == "workflow":
        jobs = documents(path)[0]["jobs"].values()
        lines = [step["run"] for job in jobs for step in job["steps"] if "run" in step]
    elif kind == "gitlab":
        jobs = [job for job in documents(path)[0].values() if isinstance(job, dict)]
        lines = [line for job in jobs for line in job.get("script", [])]
    elif kind == "kubernetes":
        pod = documents(path)[0]["spec"]["template"]["spec"]
        lines = [shlex.join(one["command"]) for one in pod["initContainers"] + pod["containers"]]
    else:
        with open(path) as file:
            overrides = json.load(file)["overrides"]["containerOverrides"]
        lines = [shlex.join(one["command"]) for one in overrides]
    print(json.dumps([line for line in lines if "trueup" in line]))


def script(path, step):
    steps = documents(path)[0]["runs"]["steps"]
    print(next(one["run"] for one in steps if one.get("id") == step))


def is_final(rules, code):
    """Whether the first rule of a podFailurePolicy that is about this exit code ends the Job."""
    for rule in rules:
        codes = rule.get("onExitCodes")
        if codes and (code in codes["values"]) == (codes["operator"] == "In"):
            return rule["action"] == "FailJob"
    return False


def attempts(kind, path):
    document = documents(path)[0]
    if kind == "gitlab":
        retry = document[".trueup"]["retry"]
        begun = {code: 1 + retry["max"] * (code in retry["exit_codes"]) for code in range(1, 256)}
    else:
        job = document["spec"]
        rules = job["podFailurePolicy"]["rules"]
        begun = {code: 1 if is_final(rules, code) else 1 + job["backoffLimit"] for code in range(1, 256)}
    print(json.dumps(begun))


def branches(kind, path):
    document = documents(path)[0]
    # YAML 1.1 takes the word `on` for a truth value.
    runs = document[True] if kind == "workflow" else document["workflow"]["rules"]
    print(json.dumps(runs))


def as_json(path):
    print(json.dumps(documents(path)[0]))


COMMANDS = {
    "valid": valid,
    "commands": commands,
    "script": script,
    "attempts": attempts,
    "branches": branches,
    "json": as_json,
}

if __name__ == "__main__":
    COMMANDS[sys.argv[1]](*sys.argv[2:])
