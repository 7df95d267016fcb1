"""Checks manifests against the schemas of Kubernetes, and prints them as JSON. Arguments: version, files."""

import json
import sys
from pathlib import Path

import kubernetes_validate
import yaml


class OnceOnly(yaml.SafeLoader):
    """A key that is there twice is an error, as it is for `kubectl apply`."""

    def construct_mapping(self, node, deep=False):
        keys = [key.value for key, _ in node.value]
        if len(keys) != len(set(keys)):
            raise yaml.YAMLError(f"a key is there twice{node.start_mark}")
        return super().construct_mapping(node, deep)


version, *files = sys.argv[1:]
found = []
for file in files:
    for document in yaml.load_all(Path(file).read_text(), OnceOnly):
        if document["apiVersion"].startswith("kustomize."):
            continue
        kubernetes_validate.validate(document, version, strict=True)
        found.append(document)
print("manifests " + json.dumps(found))
