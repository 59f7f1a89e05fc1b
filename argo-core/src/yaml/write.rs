//! Writing YAML as sigs.k8s.io/yaml does: keys in natural order, two spaces, lists not indented below their key, long lines folded at blanks.

use std::cmp::Ordering;

use serde::Serialize;
use serde_json::{Map, Value};

use super::{YamlError, scalar};
use crate::go;

/// Column after which a blank ends the line.
const WIDTH: usize = 80;
/// Longest key that stands before its colon on one line.
const SIMPLE_KEY: usize = 128;

/// Writes a value as YAML.
///
/// # Errors
/// When the value cannot be made JSON (a map with keys that are no strings).
pub fn to_string<T: Serialize>(value: &T) -> Result<String, YamlError> {
    let value = serde_json::to_value(value).map_err(|e| YamlError::Shape(e.to_string()))?;
    let mut writer = Writer { out: String::new(), column: 0 };
    writer.block(&value, 0, true);
    Ok(writer.out)
}

struct Writer {
    out: String,
    column: usize,
}

impl Writer {
    fn put(&mut self, text: &str) {
        self.out.push_str(text);
        self.column = self.column.saturating_add(text.chars().count());
    }

    fn line(&mut self) {
        self.out.push('\n');
        self.column = 0;
    }

    fn indent(&mut self, depth: usize) {
        for _ in 0..depth {
            self.put("  ");
        }
    }

    /// Writes a value that stands on its own lines; `started` says that the first line is begun already.
    fn block(&mut self, value: &Value, depth: usize, started: bool) {
        match value {
            Value::Object(map) if !map.is_empty() => {
                for (index, (key, value)) in natural_order(map).into_iter().enumerate() {
                    if index > 0 || !started {
                        self.indent(depth);
                    }
                    self.key(key, depth);
                    self.value(value, depth);
                }
            }
            Value::Array(list) if !list.is_empty() => {
                for (index, item) in list.iter().enumerate() {
                    if index > 0 || !started {
                        self.indent(depth);
                    }
                    self.put("- ");
                    self.block(item, depth.saturating_add(1), true);
                }
            }
            _ => {
                self.leaf(value, depth);
                self.line();
            }
        }
    }

    fn key(&mut self, key: &str, depth: usize) {
        if key.len() > SIMPLE_KEY {
            self.put("? ");
            self.text(key, depth, false);
            self.line();
            self.indent(depth);
        } else {
            self.text(key, depth, true);
        }
        self.put(":");
    }

    fn value(&mut self, value: &Value, depth: usize) {
        match value {
            Value::Object(inner) if !inner.is_empty() => {
                self.line();
                self.block(value, depth.saturating_add(1), false);
            }
            Value::Array(inner) if !inner.is_empty() => {
                self.line();
                self.block(value, depth, false);
            }
            _ => {
                self.put(" ");
                self.leaf(value, depth.saturating_add(1));
                self.line();
            }
        }
    }

    fn leaf(&mut self, value: &Value, depth: usize) {
        match value {
            Value::String(s) => self.text(s, depth, false),
            Value::Object(_) => self.put("{}"),
            Value::Array(_) => self.put("[]"),
            Value::Number(number) => match number.as_f64() {
                Some(float) if number.is_f64() => self.put(&float_text(float)),
                _ => self.put(&number.to_string()),
            },
            other => self.put(&other.to_string()),
        }
    }

    fn text(&mut self, s: &str, depth: usize, key: bool) {
        // At the top there is no key to be indented below.
        let depth = depth.max(1);
        let looks = Looks::of(s);
        // As a key, `<<` would be read as a merge; go-yaml writes it bare all the same.
        let special =
            (key && s == "<<") || !matches!(s, "<<" | "=") && (scalar::is_special(s) || scalar::is_base_60(s) || scalar::is_timestamp(s));
        let multiline = s.contains('\n');
        if multiline && looks.block && !key {
            self.literal(s, depth);
        } else if multiline || special || s.is_empty() {
            self.double_quoted(s, depth, key);
        } else if looks.plain {
            self.folded(s, depth, key, |_, c| c.to_string());
        } else if looks.single_quoted {
            self.put("'");
            self.folded(s, depth, key, |_, c| if c == '\'' { "''".to_owned() } else { c.to_string() });
            self.put("'");
        } else {
            self.double_quoted(s, depth, key);
        }
    }

    /// Writes characters, and ends the line at a single blank beyond the width.
    fn folded(&mut self, s: &str, depth: usize, key: bool, write: impl Fn(&mut Self, char) -> String) {
        let mut chars = s.chars().peekable();
        let (mut blank_before, mut first) = (false, true);
        while let Some(c) = chars.next() {
            let next_blank = chars.peek() == Some(&' ');
            if c == ' ' && !key && !blank_before && !first && self.column > WIDTH && chars.peek().is_some() && !next_blank {
                self.line();
                self.indent(depth);
            } else {
                let text = write(self, c);
                self.put(&text);
            }
            blank_before = c == ' ';
            first = false;
        }
    }

    fn double_quoted(&mut self, s: &str, depth: usize, key: bool) {
        self.put("\"");
        let mut chars = s.chars().peekable();
        let (mut blank_before, mut first) = (false, true);
        while let Some(c) = chars.next() {
            if c == ' ' && !key && !blank_before && !first && self.column > WIDTH && chars.peek().is_some() {
                self.line();
                self.indent(depth);
                if chars.peek() == Some(&' ') {
                    self.put("\\");
                }
            } else {
                self.put(&escaped(c));
            }
            blank_before = c == ' ';
            first = false;
        }
        self.put("\"");
    }

    fn literal(&mut self, s: &str, depth: usize) {
        self.put("|");
        if s.starts_with([' ', '\n']) {
            self.put("2");
        }
        let (body, mark) = match s.strip_suffix('\n') {
            Some("") => ("", "+"),
            Some(body) if body.ends_with('\n') => (body, "+"),
            Some(body) => (body, ""),
            None => (s, "-"),
        };
        self.put(mark);
        for line in body.split('\n') {
            self.line();
            if !line.is_empty() {
                self.indent(depth);
                self.put(line);
            }
        }
    }
}

/// A float as go-yaml writes the number that Go's JSON makes of it.
fn float_text(float: f64) -> String {
    let json = go::float_json(float);
    if json == "-0" {
        return "0".to_owned();
    }
    if json.parse::<i64>().is_ok() || json.parse::<u64>().is_ok() { json } else { go::float_g(float) }
}

fn is_printable(c: char) -> bool {
    matches!(c, '\n' | ' '..='~' | '\u{a0}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}') && c != '\u{feff}'
}

fn escaped(c: char) -> String {
    let short = match c {
        '\0' => "\\0",
        '\u{7}' => "\\a",
        '\u{8}' => "\\b",
        '\t' => "\\t",
        '\n' => "\\n",
        '\u{b}' => "\\v",
        '\u{c}' => "\\f",
        '\r' => "\\r",
        '\u{1b}' => "\\e",
        '"' => "\\\"",
        '\\' => "\\\\",
        '\u{85}' => "\\N",
        '\u{2028}' => "\\L",
        '\u{2029}' => "\\P",
        c if is_printable(c) => return c.to_string(),
        c => {
            let code = u32::from(c);
            return match code {
                0..=0xff => format!("\\x{code:02X}"),
                0x100..=0xffff => format!("\\u{code:04X}"),
                _ => format!("\\U{code:08X}"),
            };
        }
    };
    short.to_owned()
}

/// In which styles a text can be written so that it reads back.
struct Looks {
    plain: bool,
    single_quoted: bool,
    block: bool,
}

impl Looks {
    fn of(s: &str) -> Self {
        let is_break = |c: char| matches!(c, '\n' | '\r' | '\u{85}' | '\u{2028}' | '\u{2029}');
        let mut looks = Self { plain: true, single_quoted: true, block: true };
        if s.starts_with("---") || s.starts_with("...") {
            looks.plain = false;
        }
        let mut previous: Option<char> = None;
        let mut chars = s.chars().peekable();
        while let Some(c) = chars.next() {
            let next = chars.peek().copied();
            let blank_next = next.is_none_or(|n| n == ' ' || n == '\t');
            let blank_before = previous.is_none_or(|p| matches!(p, ' ' | '\t') || is_break(p));
            let indicator = match c {
                '#' if previous.is_some() => blank_before,
                '#' | ',' | '[' | ']' | '{' | '}' | '&' | '*' | '!' | '|' | '>' | '\'' | '"' | '%' | '@' | '`' => previous.is_none(),
                '?' | '-' => previous.is_none() && blank_next,
                ':' => blank_next,
                _ => false,
            };
            let edge = previous.is_none() || next.is_none();
            if indicator || is_break(c) || (c == ' ' && edge) {
                looks.plain = false;
            }
            if c == ' ' && next.is_none() {
                looks.block = false;
            }
            let after_break = previous.is_some_and(is_break);
            if c == ' ' && after_break {
                looks.plain = false;
                looks.single_quoted = false;
            }
            if !is_printable(c) || (is_break(c) && previous == Some(' ')) {
                looks = Self { plain: false, single_quoted: false, block: false };
                return looks;
            }
            previous = Some(c);
        }
        looks
    }
}

/// Keys as go-yaml sorts them: numbers inside by their value, letters after everything else.
fn natural_order(map: &Map<String, Value>) -> Vec<(&String, &Value)> {
    let mut entries: Vec<_> = map.iter().collect();
    entries.sort_by(|(a, _), (b, _)| natural(a, b));
    entries
}

fn natural(a: &str, b: &str) -> Ordering {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let Some(at) = a.iter().zip(&b).position(|(x, y)| x != y) else { return a.len().cmp(&b.len()) };
    let (Some(&x), Some(&y)) = (a.get(at), b.get(at)) else { return Ordering::Equal };
    match (x.is_alphabetic(), y.is_alphabetic()) {
        (true, true) => return x.cmp(&y),
        (true, false) => return Ordering::Greater,
        (false, true) => return Ordering::Less,
        (false, false) => {}
    }
    // Zeros inside a number count, leading ones do not.
    let inside = (x == '0' || y == '0') && a.get(..at).unwrap_or_default().iter().rev().take_while(|c| c.is_numeric()).any(|c| *c != '0');
    let number = |chars: &[char]| {
        let digits: Vec<u64> = chars.iter().skip(at).map_while(|c| c.to_digit(10).map(u64::from)).collect();
        let start = u64::from(inside);
        (digits.iter().fold(start, |n, d| n.saturating_mul(10).saturating_add(*d)), digits.len())
    };
    number(&a).cmp(&number(&b)).then(x.cmp(&y))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    fn write(value: serde_json::Value) -> String {
        super::to_string(&value).unwrap()
    }

    #[test]
    fn what_is_written_reads_back() {
        let value = json!({
            "a": ["x", {"b": "yes", "c": {}}], "d": "l1\nl2\n", "e": "", "f": "'q'", "g": [[1, 2], []], "h": "12", "i": "- x", "j": "\n\n", "k": " a\nb",
            "l": "a \nb", "m": "tab\t", "n": "😀", "o": "x ".repeat(90), "p": "# c", "q": "a: b", "r": "12:30", "s": "y z\u{2028}", "t".repeat(200): 1,
            "u": ["|", ">-\nx"], "v": "\u{feff}\u{1}",
        });
        let text = write(value.clone());
        assert_eq!(crate::yaml::parse_documents(&text).unwrap()[0].value, value, "{text}");
        assert!(text.contains("b: \"yes\""), "{text}");
    }

    #[test]
    fn keys_and_numbers_are_go_yamls() {
        assert_eq!(
            write(json!({"10": 5, "9": 1e-7, "B": 1e20, "a": -0.0, "a10": 1, "a9": 2})),
            "\"9\": 1e-07\n\"10\": 5\nB: 1e+20\na: 0\na9: 2\na10: 1\n"
        );
        assert_eq!(
            write(json!(["2001-01-01", "2001-13-01", "12:30", "12:60", "<<", "q\"\\", "a b"])),
            "- \"2001-01-01\"\n- 2001-13-01\n- \"12:30\"\n- 12:60\n- <<\n- q\"\\\n- a b\n"
        );
    }
}
