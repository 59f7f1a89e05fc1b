//! Functions that are written in the language itself.

use std::sync::OnceLock;

use super::ast::Definition;
use super::parser;

const SOURCE: &str = r#"
def map(f): [.[] | f];
def map_values(f): .[] |= f;
def values: select(. != null);
def nulls: select(. == null);
def booleans: select(type == "boolean");
def numbers: select(type == "number");
def strings: select(type == "string");
def arrays: select(type == "array");
def objects: select(type == "object");
def iterables: select(type | . == "array" or . == "object");
def scalars: select(type | . != "array" and . != "object");
def in(xs): . as $x | xs | has($x);
def inside(xs): . as $x | xs | contains($x);
def to_entries: [keys[] as $k | {key: $k, value: .[$k]}];
def from_entries:
  reduce .[] as $x ({};
    . + { ($x | if .key == null then .k // .name // .Name // .K // .Key else .key end):
          ($x | if has("value") then .value elif has("v") then .v else .Value end) });
def with_entries(f): to_entries | map(f) | from_entries;
def del(f): delpaths([path(f)]);
def paths: path(..) | select(. != []);
def paths(f): path(.. | select(f)) | select(. != []);
def pick(f): . as $v | reduce path(f) as $p (null; setpath($p; $v | getpath($p)));
def add(f): reduce f as $x (null; . + $x);
def any: any(.);
def any(f): any(.[]; f);
def all: all(.);
def all(f): all(.[]; f);
def first: .[0];
def last: .[-1];
def nth($n): .[$n];
def nth($n; f): if $n < 0 then error("nth doesn't support negative index") else first(skip($n; f)) end;
def combinations: if length == 0 then [] else .[0][] as $x | (.[1:] | combinations) as $w | [$x] + $w end;
def combinations($n): . as $dot | [range($n)] | map($dot) | combinations;
def walk(f): def w: if type == "object" or type == "array" then map_values(w) else . end | f; w;
def finites: select(isinfinite or isnan | not);
def normals: select(isnormal);
def todate: strftime("%Y-%m-%dT%H:%M:%SZ");
def fromdateiso8601: strptime("%Y-%m-%dT%H:%M:%S%z") | mktime;
def todateiso8601: strftime("%Y-%m-%dT%H:%M:%SZ");
def fromdate: fromdateiso8601;
def date: todate;
def match($re): match($re; null);
def test($re): test($re; null);
def capture($re): capture($re; null);
def capture($re; $flags): match($re; $flags) | [.captures[] | select(.name != null) | {key: .name, value: .string}] | from_entries;
def scan($re): scan($re; null);
def scan($re; $flags): match($re; "g" + $flags) | if .captures == [] then .string else [.captures[].string] end;
def splits($re): splits($re; null);
def splits($re; $flags): split($re; "g" + $flags) | .[];
def sub($re; str): sub($re; str; null);
def gsub($re; str): sub($re; str; "g");
def gsub($re; str; $flags): sub($re; str; $flags + "g");
def sub($re; str; $flags): . as $in
  | (reduce (match($re; $flags) | . as $m
      | ($m.captures | map(select(.name != null) | {key: .name, value: .string}) | from_entries) as $c | {m: $m, c: $c}) as $e
      ({out: [""], at: 0};
        $in[.at:$e.m.offset] as $gap
        | .out = [.out[] as $o | ($e.c | str) as $s | $o + $gap + $s]
        | .at = $e.m.offset + $e.m.length))
  | .at as $at | .out[] | . + $in[$at:];
def tostream: path(def r: (.[]? | r), .; r) as $p | getpath($p) | reduce path(.[]?) as $q ([$p, .]; [$p + $q]);
def fromstream(f): foreach f as $i ({x: null, e: false};
    if .e then {x: null, e: false} else . end
    | if ($i | length) == 2 then setpath(["e"]; ($i[0] | length) == 0) | setpath(["x"] + $i[0]; $i[1])
      else setpath(["e"]; ($i[0] | length) == 1) end;
    if .e then .x else empty end);
def truncate_stream(stream): . as $n | null | stream | . as $input
  | if (.[0] | length) > $n then setpath([0]; .[0][$n:]) else empty end;
def INDEX(stream; f): reduce stream as $row ({}; setpath([$row | f | tostring]; $row));
def INDEX(f): INDEX(.[]; f);
def IN(s): any(s == .; .);
def IN(src; s): any(src == s; .);
def isempty(g): label $go | (g | false, break $go), true;
def error: error(.);
def halt_error: halt_error(5);
def env: {};
def index($x): indices($x) | if . == null then null else .[0] end;
def rindex($x): indices($x) | if . == null then null else .[-1] end;

def debug: .;
def stderr: .;
def get_search_list: [];
def localtime: gmtime;
def strflocaltime($f): strftime($f);
"#;

/// All definitions.
pub(super) fn definitions() -> &'static [Definition] {
    static ALL: OnceLock<Vec<Definition>> = OnceLock::new();
    ALL.get_or_init(|| parser::definitions(SOURCE))
}

/// Names of all definitions with the numbers of their parameters.
pub(super) fn all() -> impl Iterator<Item = (&'static str, usize)> {
    definitions().iter().filter(|d| !d.name.starts_with('_')).map(|d| (d.name.as_str(), d.parameters.len()))
}

/// The definition of a name with that many parameters.
pub(super) fn find(name: &str, parameters: usize) -> Option<&'static Definition> {
    definitions().iter().find(|d| d.name == name && d.parameters.len() == parameters)
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_text_is_of_the_language() {
        assert!(super::definitions().len() > 60);
        for definition in super::definitions() {
            super::super::resolve::check_definition(definition).unwrap();
        }
    }
}
