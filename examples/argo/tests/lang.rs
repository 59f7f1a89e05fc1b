//! `argo lang`: every language can be tried and checked, and errors point at their place.
#![allow(clippy::unwrap_used)]

use std::process::{Command, Output};

fn argo(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_argo")).args(arguments).output().unwrap()
}

#[test]
fn each_language_runs() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("env.yaml");
    let env = "num: 3\ntext: abc\nafter: 2024-02-28T12:00:00Z\ntime: 2024-02-29T00:00:00Z\nlist: [1, 2]\ndocument: {a: 1}\nvalue: 2\nA: Succeeded\n";
    std::fs::write(&file, env).unwrap();
    let file = file.to_str().unwrap();
    for (language, program, expected) in [
        ("expr", "num + 1", "4"),
        ("tags", "{{num}}-{{= num * 2 }}", "3-6"),
        ("when", "a == a && 2 > 1", "true"),
        ("govaluate", "num > 2", "true"),
        ("depends", "A.Succeeded", "true"),
        ("template", "{{ .text | upper }}{{ range .list }}{{ . }}{{ end }}", "ABC12"),
        ("jsonpath", "{.list[1]}", "2"),
        ("gjson", "list.#", "2"),
        ("sjson", "b.c", r#"{"a":1,"b":{"c":2}}"#),
        ("jq", ".list[] | . + 1", "2\n3"),
        ("lua", "return num + 1, text", "4\n\"abc\""),
        ("glob", "a*", "true"),
        ("strftime", "%Y/%m", "2024/02"),
        ("duration", "90m", "1h30m0s"),
    ] {
        let out = argo(&["lang", "eval", language, program, "--env", file]);
        let (stdout, stderr) = (String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
        assert_eq!(stdout.trim_end(), expected, "{language}: {stderr}");
        assert!(argo(&["lang", "check", language, program]).status.success(), "{language}");
    }
    let out = argo(&["lang", "eval", "cron", "0 0 29 2 *", "--env", file]);
    assert!(String::from_utf8_lossy(&out.stdout).starts_with("2024-02-29T00:00:00Z\n2028-02-29"), "{out:?}");
}

#[test]
fn errors_point_at_their_place() {
    for (language, program, caret) in [
        ("expr", "1 +", " | 1 +\n | ...^"),
        ("tags", "x {{= 1 + }}", " | x {{= 1 + }}\n | .........^"),
        ("when", "(a", " | (a\n"),
        ("govaluate", "1 +", " | 1 +\n"),
        ("depends", "A &&", " | A &&\n"),
        ("template", "{{ nope }}", " | {{ nope }}\n | ...^"),
        ("jsonpath", "{.a", " | {.a\n"),
        ("jq", "1 | nope", " | 1 | nope\n | ....^"),
        ("cron", "* * *", " | * * *\n | .....^"),
        ("lua", "return +", " | return +\n"),
        ("glob", "a[", " | a[\n | .^"),
        ("duration", "1x", " | 1x\n | ^"),
    ] {
        let out = argo(&["lang", "check", language, program]);
        let stderr = String::from_utf8_lossy(&out.stderr);
        assert!(!out.status.success() && stderr.contains(caret), "{language}: {stderr}");
    }
    let out = argo(&["lang", "eval", "lua", "local x\nreturn x.y"]);
    assert!(String::from_utf8_lossy(&out.stderr).contains("(2:9)\n | return x.y\n | ........^"), "{out:?}");
}
