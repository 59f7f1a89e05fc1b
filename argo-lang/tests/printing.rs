//! What a program prints reads back as the same program, and runs to the same value: programs are made from each language's grammar.
#![allow(clippy::unwrap_used)]

use argo_lang::jsonpath::Missing;
use argo_lang::{
    Budget, Env, Function, ParseError, Value, cron, expr, fasttemplate, glob, gotemplate, govaluate, jq, jsonpath, tags, when,
};
use proptest::prelude::*;
use proptest::sample::select;

const BUDGET: Budget = Budget { steps: 20_000, bytes: 5_000_000, depth: 1_000 };

fn data() -> Value {
    Value::from(serde_json::json!({"a": {"b": [1, 2.5, "x"], "c": "x"}, "b": true, "n": 3, "s": "a b", "list": [3, 1, 2], "null": null}))
}

fn env(name: &str) -> Option<Value> {
    match data() {
        Value::Map(map) => map.get(name).cloned(),
        _ => None,
    }
}

fn text(choices: &'static [&'static str]) -> BoxedStrategy<String> {
    select(choices).prop_map(str::to_owned).boxed()
}

/// One of the forms, in which `1` and `2` (as `①` and `②`) stand for smaller programs; brackets around those as it comes.
fn grammar(
    leaves: &'static [&'static str],
    forms: &'static [&'static str],
    open: &'static str,
    close: &'static str,
) -> BoxedStrategy<String> {
    text(leaves)
        .prop_recursive(5, 40, 3, move |inner| {
            let part = (inner, any::<bool>()).prop_map(move |(t, bare)| if bare { t } else { format!("{open}{t}{close}") });
            (select(forms), part.clone(), part.clone(), part)
                .prop_map(|(form, a, b, c)| form.replace('①', &a).replace('②', &b).replace('③', &c))
        })
        .boxed()
}

fn expressions() -> BoxedStrategy<String> {
    grammar(
        &[
            "1",
            "2.5",
            "1e300",
            "'x'",
            "\"a\\n'\\\"\\\\\"",
            "true",
            "nil",
            "a",
            "a.b",
            "list",
            "n",
            "s",
            "a?.z.y",
            "#",
            ".b",
            "#index",
            "$env",
            "::n",
            "1_000",
            "0x1f",
            "{}",
            "[]",
        ],
        &[
            "① + ②",
            "① - ②",
            "① * ②",
            "① / ②",
            "① % ②",
            "① ** ②",
            "① ^ ②",
            "① ?? ②",
            "① == ②",
            "① < ②",
            "① < ② <= ③",
            "① .. ②",
            "① in ②",
            "① not in ②",
            "① matches 'a|b'",
            "① matches ②",
            "① not startsWith ②",
            "① && ②",
            "① or ②",
            "not ①",
            "!①",
            "-①",
            "+①",
            "① ? ② : ③",
            "① ?: ②",
            "if ① {②} else {③}",
            "①.b",
            "①?.b",
            "①[②]",
            "①?.[②]",
            "①[②:③]",
            "①[:②]",
            "①[②:]",
            "[①, ②]",
            "{a: ①, 'b c': ②, (③): 1}",
            "let y = ①; ②",
            "①; ②",
            "(①; ②)",
            "len(①)",
            "① | len()",
            "filter(①, ②)",
            "map(①, {②})",
            "① | map(②) | first()",
            "reduce(①, ②, ③)",
            "sum(①)",
            "sprig.trim(①)",
            "count(①, #)",
            "① // c\n+ ②",
        ],
        "(",
        ")",
    )
}

fn conditions() -> BoxedStrategy<String> {
    grammar(
        &[
            "1",
            "0x1f",
            "2.5",
            "true",
            "'x'",
            "\"it\\'s\"",
            "'2024-01-02'",
            "'1960-01-01'",
            "n",
            "[n]",
            "[a b]",
            "a.c",
            "a.c(1)",
            "f()",
            "[x\\]y]",
            "b",
        ],
        &[
            "① + ②",
            "① - ②",
            "① * ②",
            "① / ②",
            "① ** ②",
            "① << ②",
            "① & ②",
            "① | ②",
            "① == ②",
            "① > ②",
            "① in ②",
            "① in (②)",
            "① in (②, ③)",
            "① =~ ②",
            "① =~ '^x'",
            "① !~ 'a' + 'b'",
            "① && ②",
            "① || ②",
            "!①",
            "-①",
            "~①",
            "① ? ②",
            "① ? ② : ③",
            "① ?? ②",
            "f(①)",
            "f(①, ②)",
        ],
        "(",
        ")",
    )
}

fn filters() -> BoxedStrategy<String> {
    grammar(
        &[
            ".",
            "..",
            ".a",
            ".a.b[0]",
            ".\"x y\"",
            "1",
            "1.0",
            "1e1000",
            "\"a\\n\\\"\"",
            "null",
            "true",
            "$__loc__",
            "@base64",
            "@json \"x\"",
            "empty",
            "$v",
            "[]",
            "{}",
            "input_line_number",
        ],
        &[
            "① | ②",
            "①, ②",
            "① // ②",
            "① = ②",
            "① |= ②",
            "① += ②",
            "① //= ②",
            "① or ②",
            "① and ②",
            "① == ②",
            "① < ②",
            "① + ②",
            "① - ②",
            "① * ②",
            "① % ②",
            "-①",
            "①.a",
            "①.\"b c\"",
            "①[②]",
            "①[②:③]",
            "①[:②]",
            "①[]",
            "①?",
            "①.[0]",
            "[①]",
            "{a: ①, \"b\\(②)\": ③}",
            "{\"c\", $v, (①): ②}",
            "{a, \"b\\(①)\"}",
            "{a: ① | ②}",
            "\"<\\(①)>\\(②)\"",
            "@csv \"\\(①)\"",
            "if ① then ② else ③ end",
            "if ① then ② end",
            "if ① then ② elif ③ then 1 else 2 end",
            "try ①",
            "try ① catch ②",
            "① as $v | ②",
            "① as [$v, {a: $w}] ?// {$v, (②): $w} | ③",
            "reduce ① as $v (②; ③)",
            "foreach ① as {\"k\": $v} (②; ③)",
            "foreach ① as $v (.; ②; ③)",
            "label $f | ①, break $f",
            "def f: ①; ② | f",
            "def f(g; $x): ①; f(②; ③)",
            "map(①)",
            "limit(①; ②)",
            "① # c\n | ②",
            "path(①)",
        ],
        "(",
        ")",
    )
}

fn paths() -> BoxedStrategy<String> {
    let part = grammar(
        &[
            ".a",
            ".a.b",
            "..c",
            "..",
            ".",
            "$",
            "@",
            " ",
            "[0]",
            "[-1:]",
            "[1:2:3]",
            "[*]",
            ".*",
            ".\\*",
            ".a\\.b",
            "['a.b']",
            "['a','c']",
            "[0,1]",
            "range",
            "end",
            "1",
            "-2.5",
            "true",
            "'x\\n'",
            "\"q\\\"\"",
            "'\\x5c'",
            "[:]",
            "[]",
            "[,]",
            "[0,?(.a)]",
            "['.x']",
        ],
        &["①②", "①②③", "[?(①)]", "[?(①==②)]", "[?(@.n != ①)]", "[?(①>=\"x\")]①", "① ②"],
        "",
        "",
    );
    prop::collection::vec((text(&["", "x", "} ", "\n"]), part), 1..4)
        .prop_map(|parts| parts.into_iter().map(|(text, part)| format!("{text}{{{part}}}")).collect())
        .boxed()
}

fn templates() -> BoxedStrategy<String> {
    let pipe = grammar(
        &[
            ".",
            ".a",
            ".a.b",
            "$",
            "$.s",
            "nil",
            "true",
            "1",
            "-2",
            "1.5",
            "1e3",
            "0x1p-2",
            "18446744073709551615",
            "'c'",
            "\"q\\\"\\n\"",
            "`r\\`",
            "len .list",
            "now",
        ],
        &["① | printf \"%v\"", "① | len", "print ① ②", "index . ①", "(①).b", "eq ① ②", "and ① ② ③", "$x := ①"],
        "(",
        ")",
    );
    let node =
        (text(&["", "{", "x ", "}", " {", "{{/* c */}}", " {{- /**/ -}} {"]), pipe.clone()).prop_map(|(t, p)| format!("{t}{{{{{p}}}}}"));
    node.boxed()
        .prop_recursive(3, 16, 2, move |inner| {
            let forms = select(&[
                "①②",
                "{{if ⓟ}}①{{end}}",
                "{{if ⓟ}}①{{else}}②{{end}}",
                "{{with ⓟ}}①{{else with ⓟ}}②{{end}}",
                "{{range $i, $v := ⓟ}}①{{$i}}{{end}}",
                "{{range ⓟ -}} ① {{- break}}{{end}}",
                "①{{template \"t\" ⓟ}}",
                "{{if ⓟ}}①{{else if ⓟ}}②{{end}}",
                "{{$y := ⓟ}}①{{$y = ⓟ}}②",
                "{{range 2}}{{continue}}①{{end}}{",
                "{{block \"b\" ⓟ}}①{{end}}",
            ]);
            (forms, inner.clone(), inner, pipe.clone()).prop_map(|(form, a, b, p)| form.replace('ⓟ', &p).replace('①', &a).replace('②', &b))
        })
        .prop_map(|body| format!("{{{{define \"t\"}}}}[{{{{.}}}}]{{{{end}}}}{body}"))
        .boxed()
}

fn schedules() -> BoxedStrategy<String> {
    let field = |most: u32, least: u32| {
        let number = least..=most;
        prop_oneof![
            text(&["*", "?", "*/2", "*/7", "*/90", ","]),
            number.clone().prop_map(|n| n.to_string()),
            (number.clone(), number.clone(), 1..9_u32).prop_map(|(a, b, step)| format!("{}-{}/{step}", a.min(b), a.max(b))),
            (number.clone(), number).prop_map(|(a, b)| format!("{a},{b}/3")),
        ]
    };
    let fields =
        (field(59, 0), field(23, 0), field(31, 1), field(12, 1), field(6, 0)).prop_map(|(a, b, c, d, e)| format!("{a} {b} {c} {d} {e}"));
    let named = text(&["@daily", "@hourly", "@every 90s", "@every 1h2m3.5s", "0 0 * JAN-mar sun,FRI"]);
    (text(&["", "TZ=UTC ", "CRON_TZ=America/New_York "]), prop_oneof![6 => fields, 1 => named])
        .prop_map(|(zone, rest)| format!("{zone}{rest}"))
        .boxed()
}

type Checked<T> = Result<Option<T>, TestCaseError>;

/// A program of a text, if it is one, and what its printed form reads back as.
fn twice<T: PartialEq + std::fmt::Debug + std::fmt::Display>(text: &str, parse: impl Fn(&str) -> Result<T, ParseError>) -> Checked<(T, T)> {
    let Ok(program) = parse(text) else { return Ok(None) };
    let printed = program.to_string();
    let again = parse(&printed).map_err(|e| TestCaseError::fail(format!("{printed}: {e}")))?;
    prop_assert_eq!(&again, &program, "{}", printed);
    prop_assert_eq!(again.to_string(), printed);
    Ok(Some((program, again)))
}

fn functions(name: &str) -> Option<Function> {
    (name == "f").then(|| Function::new("f", |_: &dyn Env, arguments: &[Value]| Ok(arguments.first().cloned().unwrap_or_default())))
}

fn words(text: &str) -> Result<govaluate::Program, ParseError> {
    when::parse(text).map_err(|e| match e {
        when::WhenError::Parse(e) => e,
        other => ParseError::new(other.to_string(), argo_lang::Span::default()),
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(1024) })]

    #[test]
    fn expressions_read_back(text in expressions()) {
        let run = |p: &expr::Program| p.run(&env, &BUDGET).map(|v| v.to_string()).map_err(|e| e.message);
        if let Some((one, two)) = twice(&text, expr::Program::parse)? {
            prop_assert_eq!(run(&one), run(&two));
        }
    }

    #[test]
    fn conditions_read_back(text in conditions()) {
        let run = |p: &govaluate::Program| p.run(&env, &BUDGET).map(|v| v.to_string()).map_err(|e| e.message);
        if let Some((one, two)) = twice(&text, |t| govaluate::Program::parse(t, &functions))? {
            prop_assert_eq!(run(&one), run(&two));
        }
        if let Some((one, two)) = twice(&text, words)? {
            prop_assert_eq!(run(&one), run(&two));
        }
    }

    #[test]
    fn filters_read_back(text in filters()) {
        let run = |p: &jq::Program| p.run(&data(), &env, &BUDGET).map(|v| v.iter().map(jq::text).collect::<Vec<_>>()).map_err(|e| e.message);
        let text = format!("1 as $v | 2 as $w | {text}");
        if let Some((one, two)) = twice(&text, jq::Program::parse)? {
            prop_assert_eq!(run(&one), run(&two));
        }
    }

    #[test]
    fn paths_read_back(text in paths()) {
        let run = |p: &jsonpath::Program| p.run(&data(), Missing::Nothing, &BUDGET).map_err(|e| e.message);
        if let Some((one, two)) = twice(&text, jsonpath::Program::parse)? {
            prop_assert_eq!(run(&one), run(&two));
        }
    }

    #[test]
    fn templates_read_back(text in templates()) {
        // Messages say where in the text.
        let run = |p: &gotemplate::Program| p.run(&data(), &env, &BUDGET).map_err(drop);
        if let Some((one, two)) = twice(&text, gotemplate::Program::parse)? {
            prop_assert_eq!(run(&one), run(&two));
        }
    }

    #[test]
    fn schedules_read_back(text in schedules()) {
        twice(&text, cron::Schedule::parse)?;
    }

    #[test]
    fn texts_with_tags_read_back(parts in prop::collection::vec(select(&["x", "{{", "}}", "{{a}}", "{{ s }}", "{{= a.b}}", "{{={ \"k\": {}}}}", "{"][..]), 0..6)) {
        let text = parts.concat();
        let run = |t: &tags::Template| t.render(&env, tags::Policy::KeepUnknown).map_err(|e| e.to_string());
        if let Some((one, two)) = twice(&text, tags::Template::parse)? {
            prop_assert_eq!(run(&one), run(&two));
        }
        twice(&text, |t| fasttemplate::Template::parse(t, "{{", "}}"))?;
    }

    #[test]
    fn globs_read_back(text in "[ab*?{},!\\[\\]\\\\-]{0,8}") {
        twice(&text, |t| glob::Pattern::parse(t, &['/']))?;
    }
}
