"""Whether a document is AsyncAPI 3.0: asyncapi.py SCHEMA DOCUMENT."""

import json
import pathlib
import sys

import jsonschema_rs

schema, document = (json.loads(pathlib.Path(path).read_text()) for path in sys.argv[1:])
# The schema carries those that it refers to.
errors = list(jsonschema_rs.validator_for(schema).iter_errors(document))
for error in errors:
    print(f"{'/'.join(map(str, error.instance_path))}: {error.message[:500]}")
sys.exit(1 if errors else 0)
