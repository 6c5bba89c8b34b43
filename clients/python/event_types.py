"""Writes which class an event of each type is, of the OpenAPI document: `event_types.py DOCUMENT > events.py`.

The generator knows the classes, but not what tells them apart.
"""

import json
import re
import sys


def main(path: str) -> None:
    with open(path, encoding="utf-8") as document:
        event = json.load(document)["components"]["schemas"]["Event"]
    mapping: dict[str, str] = event["discriminator"]["mapping"]
    classes = {kind: reference.rsplit("/", 1)[1] for kind, reference in mapping.items()}
    print('"""The events, by type. Written by event_types.py."""\n')
    print("from typing import Final\n")
    for name in sorted(classes.values()):
        module = re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()
        print(f"from .generated.models.{module} import {name}")
    print(f"\nKnownEvent = {' | '.join(sorted(classes.values()))}\n")
    print("CLASSES: Final[dict[str, type[KnownEvent]]] = {")
    for kind, name in sorted(classes.items()):
        print(f'    "{kind}": {name},')
    print("}")


main(sys.argv[1])
