//! What a user reads about the usual mistakes of each language: the message, what would have been right, and the place.
#![allow(clippy::unwrap_used)]

use argo_lang::{ParseError, cron, depends, expr, fasttemplate, glob, gotemplate, govaluate, jq, jsonpath, lua, when};

/// The first line of a rendered error, and the column of its caret.
fn said(text: &str, error: &ParseError) -> String {
    let rendered = error.render(text);
    assert!(error.expected.is_some(), "{text}: {rendered}");
    let (line, column) = error.span.line_column(text);
    let first = rendered.lines().next().unwrap();
    assert!(first.ends_with(&format!("({line}:{column})")), "{rendered}");
    assert!(rendered.ends_with(&format!("{}^", ".".repeat(column.min(81) - 1))), "{rendered}");
    first.to_owned()
}

fn check<T>(parse: impl Fn(&str) -> Result<T, ParseError>, cases: &[(&str, &str)]) {
    for (text, expected) in cases {
        let error = parse(text).err();
        assert_eq!(error.map(|error| said(text, &error)).as_deref(), Some(*expected), "{text}");
    }
}

#[test]
fn expressions() {
    let types = |name: &str| (name == "inputs").then_some(expr::Type::Any);
    check(
        |text| expr::Program::parse(text)?.check(&types),
        &[
            ("inputs.a == 'x", "literal not terminated, expected a closing ' (1:13)"),
            ("(1 + 2", "unexpected token EOF, expected ')' (1:7)"),
            ("inputs.a = 1", "unexpected token Operator(\"=\"), expected '==' to compare (1:10)"),
            ("inputs.a & true", "unexpected token Operator(\"&\"), expected '&&' (1:10)"),
            ("lenn(inputs)", "unknown name lenn, expected a known function, perhaps len (1:1)"),
            ("input.a", "unknown name input, expected a name that is known here (1:1)"),
            ("1 +", "unexpected token EOF, expected a value (1:4)"),
            ("[1, 2", "unexpected token EOF, expected ',' or ']' (1:6)"),
            ("{a: 1, }, 2", "unexpected token Operator(\",\"), expected an operator or the end (1:9)"),
            ("filter([1])", "expected at least 2 arguments, expected a predicate, such as # > 1 (1:11)"),
            ("if true {1}", "unexpected token EOF, expected 'else' (1:12)"),
            ("# > 1", "unexpected token Operator(\"#\"), expected a value: elements are named only in predicates (1:1)"),
            ("inputs.a b", "unexpected token Identifier(\"b\"), expected an operator or the end (1:10)"),
            (
                "1 ?? 2 + 3",
                "Operator (+) and coalesce expressions (??) cannot be mixed. Wrap either by parentheses., expected brackets around one of them (1:8)",
            ),
            ("'\\q'", "invalid char escape, expected an escape such as \\n, \\x41 or \\u00e9 (1:2)"),
            ("12ab", "bad number syntax: \"12a\", expected a number such as 10, 0.5, 1e6 or 0x1f (1:1)"),
            (
                "{{inputs.a}}",
                "a map key must be a quoted string, a number, a identifier, or an expression enclosed in parentheses (unexpected token Bracket(\"{\")), expected a key or '}' (1:2)",
            ),
        ],
    );
}

#[test]
fn conditions() {
    let words = |text: &str| match when::parse(text) {
        Err(when::WhenError::Parse(error)) => Err(error),
        other => Ok(other),
    };
    check(
        words,
        &[
            ("'x == y", "unclosed string literal, expected a closing quote (1:1)"),
            ("(1 == 2", "unbalanced parenthesis, expected ')' (1:8)"),
            ("a = b", "Invalid token: '=', expected '==' to compare (1:3)"),
            ("a === b", "Invalid token: '===', expected '==' to compare (1:3)"),
            ("a b", "Cannot transition token types from VARIABLE [a] to VARIABLE [b], expected an operator (1:3)"),
            ("a ==", "unexpected end of expression, expected an expression (1:5)"),
            ("== a", "Cannot transition token types from UNKNOWN [<nil>] to COMPARATOR [==], expected a value (1:1)"),
            ("1e3 == 1", "Cannot transition token types from NUMERIC [1] to VARIABLE [e3], expected an operator (1:2)"),
            ("{{inputs.a}} == 1", "Invalid token: '{{', expected a value: the tag was not filled in (1:1)"),
            ("a =~ '('", "error parsing regexp: unclosed group: `(`, expected a regular expression (1:6)"),
            ("[a == 1", "unclosed parameter bracket, expected ']' (1:1)"),
            ("a <> b", "Invalid token: '<>', expected '!=' (1:3)"),
        ],
    );
    check(
        |text| govaluate::Program::parse(text, &|_: &str| None),
        &[
            ("f(1)", "Undefined function f, expected an operator (1:2)"),
            ("a. == 1", "Hanging accessor on token 'a.', expected a name after the dot (1:1)"),
            ("!!a", "Invalid token: '!!', expected a value or an operator (1:1)"),
        ],
    );
}

#[test]
fn depended_tasks() {
    check(
        depends::Logic::parse,
        &[
            ("a &&", "unexpected end, expected the name of a task (1:5)"),
            ("(a", "unexpected end, expected ')', '&&' or '||' (1:3)"),
            ("a b", "unexpected 'b', expected '&&', '||' or the end (1:3)"),
            (
                "a.Succeded",
                "task result 'Succeded' for task 'a' is invalid: it is one of Succeeded, Failed, Errored, Skipped, Omitted, Daemoned, AnySucceeded, AllFailed, expected a known result, perhaps Succeeded (1:1)",
            ),
            ("a & b", "unexpected '&', expected '&&', '||' or the end (1:3)"),
            ("a || || b", "unexpected '|', expected the name of a task (1:6)"),
            ("!", "unexpected end, expected the name of a task (1:2)"),
            ("", "unexpected end, expected the name of a task (1:1)"),
            ("a)", "unexpected ')', expected '&&', '||' or the end (1:2)"),
            ("a and b", "unexpected 'a', expected '&&', '||' or the end (1:3)"),
        ],
    );
}

#[test]
fn filters() {
    check(
        jq::Program::parse,
        &[
            ("\"x", "unterminated string literal, expected a closing \" (1:1)"),
            ("(.a", "unexpected EOF, expected ')' (1:4)"),
            (".a | mpa(.b)", "function not defined: mpa/1, expected a known function, perhaps map (1:6)"),
            (".a | select", "function not defined: select/0, expected select with one argument (1:6)"),
            ("$x", "variable not defined: $x, expected a known variable (1:1)"),
            ("{a: 1", "unexpected EOF, expected ',' or '}' (1:6)"),
            ("[.a", "unexpected EOF, expected ']' (1:4)"),
            (".a |", "unexpected EOF, expected a filter (1:5)"),
            ("if .a then 1", "unexpected EOF, expected 'end' (1:13)"),
            (".a == 1 == 2", "unexpected token \"==\", expected brackets around one of the two: these do not chain (1:9)"),
            ("\"\\(.a\"", "unterminated string literal, expected a closing \" (1:6)"),
            (".a = = 1", "unexpected token \"=\", expected a filter (1:6)"),
            ("@base46", "format not defined: @base46, expected a known format, perhaps @base64 (1:1)"),
            ("reduce .a ($x; 1)", "unexpected token \"(\", expected 'as' (1:11)"),
            ("import \"a\" as a; .", "cannot load module: there are no modules here, expected a filter (1:1)"),
        ],
    );
}

#[test]
fn scripts() {
    check(
        lua::Program::parse,
        &[
            ("return 'x", "<string> line:1: unterminated string, expected a closing ' (1:8)"),
            ("f(1", "<string> at EOF:   syntax error, expected ')' (1:4)"),
            ("if x return 1 end", "<string> line:1(column:11) near 'return':   syntax error, expected 'then' (1:6)"),
            ("if x = 1 then end", "<string> line:1(column:6) near '=':   syntax error, expected '==' to compare (1:6)"),
            ("x != 1", "<string> line:1: Invalid token near '!', expected 'not' or '~=' (1:3)"),
            ("while true do", "<string> at EOF:   syntax error, expected 'end' (1:14)"),
            ("for i = 1 do end", "<string> line:1(column:12) near 'do':   syntax error, expected ',' (1:11)"),
            ("local t = {1, 2", "<string> at EOF:   syntax error, expected '}' (1:16)"),
            ("x", "<string> at EOF:   parse error, expected '=' or a call: a value alone is no statement (1:2)"),
            ("return 1 2", "<string> line:1(column:10) near '2':   syntax error, expected 'end': nothing follows a return (1:10)"),
            ("break", "<string>: no loop to break, expected a loop around (1:6)"),
            ("x += 1", "<string> line:1(column:3) near '+':   parse error, expected '=' or a call: a value alone is no statement (1:3)"),
            ("local 1 = 2", "<string> line:1(column:7) near '1':   syntax error, expected a name (1:7)"),
            ("--[[ x", "<string> line:1: unterminated multiline comment, expected ']]' (1:3)"),
        ],
    );
}

#[test]
fn templates() {
    check(
        gotemplate::Program::parse,
        &[
            ("{{ .a", "unclosed action, expected '}}' (1:1)"),
            ("{{ \"x }}", "unterminated quoted string, expected a closing \" (1:4)"),
            ("{{ (len .a }}", "unclosed left paren, expected ')' (1:1)"),
            ("{{ uper .a }}", "function \"uper\" not defined, expected a known function, perhaps upper (1:4)"),
            ("{{ $y }}", "undefined variable \"$y\", expected a known variable (1:4)"),
            ("{{ if .a }}x", "unexpected EOF, expected {{end}} of the if (1:13)"),
            ("{{ end }}", "unexpected {{end}}, expected a {{if}}, {{with}}, {{range}} or {{define}} before it (1:1)"),
            ("{{ if }}x{{ end }}", "missing value for if, expected a value (1:1)"),
            ("{{ .a.b-c }}", "bad character U+002D '-', expected a blank, a dot or '}}': other names are read with index (1:8)"),
            ("{{ .a = 1 }}", "unexpected \"=\" in command, expected a value (1:7)"),
            ("{{ 'ab' }}", "malformed character constant, expected one character in quotes: texts are in double quotes (1:4)"),
            ("{{ break }}", "{{break}} outside {{range}}, expected a {{range}} around (1:1)"),
            ("{{ .a | }}", "missing value for command, expected a value (1:1)"),
            ("{{ /* x }}", "unrecognized character in action: U+002F '/', expected a value, '|' or '}}' (1:4)"),
            ("{{ template x }}", "unexpected \"x\" in template clause, expected a name in quotes (1:13)"),
        ],
    );
}

#[test]
fn paths() {
    check(
        jsonpath::Program::parse,
        &[
            ("{.a", "unclosed action, expected '}' (1:4)"),
            ("{.a[0}", "unterminated array, expected ']' (1:4)"),
            ("{.a['x}", "unterminated array, expected ']' (1:4)"),
            ("{.a[x]}", "invalid array index x, expected an index, a slice, a key in single quotes or ?(…) (1:4)"),
            ("{.a[?(@.b == 1]}", "unterminated filter, expected ')' (1:4)"),
            ("{.a[?(@.b == 1)}", "unclosed array expect ], expected ']' (1:4)"),
            ("{\"x}", "unterminated quoted string, expected a quote (1:2)"),
            ("{&}", "unrecognized character in action: U+0026 '&', expected a field such as .name, an index such as [0], or '}' (1:2)"),
            ("{....a}", "invalid multiple recursive descent, expected a field (1:4)"),
            ("{1.2.3}", "cannot parse number 1.2.3, expected a number such as 10 or 0.5 (1:2)"),
        ],
    );
}

#[test]
fn schedules() {
    check(
        cron::Schedule::parse,
        &[
            ("", "empty spec string, expected five fields, such as 0 9 * * 1-5 (1:1)"),
            (
                "* * * *",
                "expected exactly 5 fields, found 4: [* * * *], expected minute, hour, day of month, month and day of week, or a descriptor such as @daily (1:8)",
            ),
            (
                "0 0 * * * *",
                "expected exactly 5 fields, found 6: [0 0 * * * *], expected minute, hour, day of month, month and day of week, or a descriptor such as @daily (1:11)",
            ),
            ("60 * * * *", "end of range (60) above maximum (59): 60, expected a second or minute from 0 to 59 (1:1)"),
            ("0 24 * * *", "end of range (24) above maximum (23): 24, expected an hour from 0 to 23 (1:3)"),
            ("0 0 0 * *", "beginning of range (0) below minimum (1): 0, expected a day of the month from 1 to 31 (1:5)"),
            (
                "0 0 * JNA *",
                "failed to parse int from JNA: strconv.Atoi: parsing \"JNA\": invalid syntax, expected a month from 1 to 12, or jan to dec (1:7)",
            ),
            ("0 0 * * 7", "end of range (7) above maximum (6): 7, expected a day of the week from 0 to 6, or sun to sat (1:9)"),
            ("@dayly", "unrecognized descriptor: @dayly, expected a known descriptor, perhaps @daily (1:1)"),
            (
                "@every 1",
                "failed to parse duration @every 1: time: missing unit in duration \"1\", expected a duration such as 90s or 1h30m (1:1)",
            ),
            (
                "TZ=Europe/Berln 0 0 * * *",
                "provided bad location Europe/Berln: unknown time zone Europe/Berln, expected a known time zone, perhaps Europe/Berlin (1:4)",
            ),
            ("TZ=UTC", "no schedule after the time zone in \"TZ=UTC\", expected a blank and five fields, such as 0 9 * * 1-5 (1:7)"),
            ("*/0 * * * *", "step of range should be a positive number: */0, expected a second or minute from 0 to 59 (1:1)"),
        ],
    );
}

#[test]
fn marks() {
    check(
        |text| fasttemplate::Template::parse(text, "{{", "}}"),
        &[("a {{b", "Cannot find end tag=\"}}\" in the template=\"a {{b\" starting from \"b\", expected \"}}\" (1:3)")],
    );
    check(
        |text| glob::Pattern::parse(text, &[]),
        &[
            ("[a", "the bracket is not closed, expected ']' (1:1)"),
            ("{a", "the brace is not closed, expected '}' (1:1)"),
            ("a\\", "unexpected end after a backslash, expected a character (1:2)"),
            ("[z-a]", "the range goes backwards, expected the lower end first (1:1)"),
        ],
    );
    let error = argo_lang::tags::Template::parse("a {{= 1 + }}").unwrap().check().unwrap_err();
    assert_eq!(said("a {{= 1 + }}", &error), "unexpected token EOF, expected a value (1:10)");
}
