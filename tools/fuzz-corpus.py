#!/usr/bin/env python3
"""Seeds for the fuzz targets, out of the conformance cases: fuzz/corpus/TARGET/ID."""
import hashlib
import json
import pathlib

top = pathlib.Path(__file__).resolve().parent.parent
data = top / "conformance/data"
# Target: file of cases, and the members of `in` that make an input, one a line.
sources = {
    "expr": ("lang/expr", ["expr"]), "tags": ("lang/fasttemplate", ["text"]), "when": ("lang/govaluate", ["expr"]),
    "govaluate": ("lang/govaluate", ["expr"]), "cron": ("lang/cron", ["spec"]), "fasttemplate": ("lang/fasttemplate", ["text"]),
    "gotemplate": ("lang/template", ["template"]), "jsonpath": ("lang/jsonpath", ["template"]), "gjson": ("lang/gjson", ["path"]),
    "sjson": ("lang/sjson", ["path"]), "jq": ("lang/jq", ["program"]), "lua": ("lang/lua", ["script"]), "core_yaml": ("core/yaml", ["yaml"]),
    "core_json": ("core/jsonpatch", ["doc"]), "core_quantity": ("core/quantity", ["a"]), "core_selector": ("core/selector", ["selector"]),
    "core_patches": ("core/jsonpatch", ["doc", "patch"]), "core_duration": ("core/scalar", ["text"]), "times": ("core/scalar", ["text"]),
}
for target, (name, members) in sources.items():
    folder = top / "fuzz/corpus" / target
    folder.mkdir(parents=True, exist_ok=True)
    for line in (data / f"{name}.jsonl").read_text().splitlines():
        given = json.loads(line).get("in", {})
        parts = [given[m] for m in members if isinstance(given.get(m), str)]
        if len(parts) == len(members):
            seed = "\n".join(parts).encode()
            (folder / hashlib.sha1(seed).hexdigest()).write_bytes(seed)
