//! The `jsonpath` function of Workflows: evilmonkeyinc/jsonpath, the dialect with `$`, unions, slices and filters.

use std::sync::Arc;

use crate::Value;
use crate::go::json;

/// Deepest nesting of brackets and of `..`.
const MOST_DEPTH: usize = 100;
/// Most values that a path may visit.
const MOST_VALUES: usize = 1_000_000;

#[derive(Debug)]
enum Step {
    Key(String),
    Index(i64),
    All,
    Descend,
    Slice(Option<i64>, Option<i64>, Option<i64>),
    Union(Vec<Value>),
    Filter(Test),
    Script(Test),
}

#[derive(Debug)]
enum Test {
    Literal(Value),
    /// From the element (`@`) or the document (`$`).
    Path(bool, Vec<Step>),
    Not(Box<Test>),
    Binary(&'static str, Box<Test>, Box<Test>),
}

/// What a path finds in a JSON text: one value for a definite path, a list for one that may find several.
///
/// # Errors
/// When the text is no JSON, the path is none, or a definite path leads nowhere.
pub(super) fn find(text: &str, path: &str) -> Result<Value, String> {
    let document = json::decode(text)?;
    let bad = |why: &str| format!("invalid JSONPath selector '{path}' {why}");
    let mut reader = Reader { rest: path.trim(), depth: 0 };
    if !reader.eat("$") {
        let first = path.chars().next().unwrap_or(' ');
        return Err(bad(&format!("unexpected token '{first}' at index 0")));
    }
    let steps = reader.steps().map_err(|e| bad(&e))?;
    if !reader.rest.is_empty() {
        return Err(bad(&format!("unexpected token '{}'", reader.rest)));
    }
    let mut budget = MOST_VALUES;
    walk(&document, &document, &steps, &mut budget)
}

struct Reader<'a> {
    rest: &'a str,
    depth: usize,
}

impl Reader<'_> {
    fn eat(&mut self, symbol: &str) -> bool {
        match self.rest.strip_prefix(symbol) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn blanks(&mut self) {
        self.rest = self.rest.trim_start();
    }

    fn steps(&mut self) -> Result<Vec<Step>, String> {
        let mut out = Vec::new();
        loop {
            if self.eat("..") {
                out.push(Step::Descend);
                if self.rest.starts_with('[') {
                    continue;
                }
                out.push(self.name()?);
            } else if self.eat(".") {
                out.push(self.name()?);
            } else if self.eat("[") {
                out.push(self.bracket()?);
            } else {
                return Ok(out);
            }
        }
    }

    fn name(&mut self) -> Result<Step, String> {
        if self.eat("*") {
            return Ok(Step::All);
        }
        // Within a filter `-` is the operator.
        let dash = self.depth == 0;
        let end = self.rest.find(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '$') || c == '-' && dash)).unwrap_or(self.rest.len());
        let (name, rest) = self.rest.split_at(end);
        if name.is_empty() {
            return Err("invalid token. '' does not match any token format".to_owned());
        }
        self.rest = rest;
        Ok(Step::Key(name.to_owned()))
    }

    fn bracket(&mut self) -> Result<Step, String> {
        self.blanks();
        let close = |reader: &mut Self| {
            reader.blanks();
            if reader.eat("]") { Ok(()) } else { Err("invalid token. '[' does not match any token format".to_owned()) }
        };
        if self.eat("*") {
            close(self)?;
            return Ok(Step::All);
        }
        if self.eat("?(") {
            let test = self.test(0)?;
            self.blanks();
            if !self.eat(")") {
                return Err("a ')' is missing".to_owned());
            }
            close(self)?;
            return Ok(Step::Filter(test));
        }
        if self.eat("(") {
            let test = self.test(0)?;
            self.blanks();
            if !self.eat(")") {
                return Err("a ')' is missing".to_owned());
            }
            close(self)?;
            return Ok(Step::Script(test));
        }
        let mut items = Vec::new();
        let mut bounds: Vec<Option<i64>> = Vec::new();
        let mut current: Option<Value> = None;
        loop {
            self.blanks();
            if self.eat(":") {
                bounds.push(match current.take() {
                    Some(Value::Int(n)) => Some(n),
                    None => None,
                    _ => return Err("a slice takes numbers".to_owned()),
                });
            } else if self.eat(",") {
                items.push(current.take().ok_or("a key is missing before ','")?);
            } else if self.eat("]") {
                break;
            } else if current.is_some() {
                return Err("unexpected token".to_owned());
            } else {
                current = Some(self.item()?);
            }
        }
        if !bounds.is_empty() {
            let last = match current {
                Some(Value::Int(n)) => Some(n),
                None => None,
                _ => return Err("a slice takes numbers".to_owned()),
            };
            bounds.push(last);
            let mut bounds = bounds.into_iter();
            let mut next = || bounds.next().flatten();
            return Ok(Step::Slice(next(), next(), next()));
        }
        let last = current.ok_or("a key is missing before ']'")?;
        if items.is_empty() {
            return Ok(match last {
                Value::Int(n) => Step::Index(n),
                other => Step::Key(other.to_string()),
            });
        }
        items.push(last);
        Ok(Step::Union(items))
    }

    fn item(&mut self) -> Result<Value, String> {
        if self.rest.starts_with(['\'', '"']) {
            return self.quoted().map(Value::from);
        }
        let end = self.rest.find([',', ':', ']', '[', ' ']).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        if word.is_empty() {
            return Err("invalid token. '[' does not match any token format".to_owned());
        }
        self.rest = rest;
        Ok(word.parse::<i64>().map_or_else(|_| Value::from(word), Value::Int))
    }

    fn quoted(&mut self) -> Result<String, String> {
        let mut chars = self.rest.char_indices();
        let quote = chars.next().map_or('\'', |(_, c)| c);
        let mut out = String::new();
        while let Some((at, c)) = chars.next() {
            if c == quote {
                self.rest = self.rest.get(at + c.len_utf8()..).unwrap_or_default();
                return Ok(out);
            }
            if c == '\\' {
                out.extend(chars.next().map(|(_, c)| c));
            } else {
                out.push(c);
            }
        }
        Err("a quote is not closed".to_owned())
    }

    fn test(&mut self, least: u8) -> Result<Test, String> {
        const OPERATORS: [(&str, u8); 14] = [
            ("||", 1),
            ("&&", 2),
            ("==", 3),
            ("!=", 3),
            ("<=", 3),
            (">=", 3),
            ("=~", 3),
            ("<", 3),
            (">", 3),
            ("+", 4),
            ("-", 4),
            ("*", 5),
            ("/", 5),
            ("%", 5),
        ];
        self.depth += 1;
        if self.depth > MOST_DEPTH {
            return Err("nested too deeply".to_owned());
        }
        let mut left = self.operand()?;
        loop {
            self.blanks();
            let Some((symbol, power)) = OPERATORS.iter().find(|(s, _)| self.rest.starts_with(s)).filter(|(_, p)| *p > least) else { break };
            self.eat(symbol);
            let right = self.test(*power)?;
            left = Test::Binary(symbol, Box::new(left), Box::new(right));
        }
        self.depth -= 1;
        Ok(left)
    }

    fn operand(&mut self) -> Result<Test, String> {
        self.blanks();
        if self.eat("!") {
            self.depth += 1;
            if self.depth > MOST_DEPTH {
                return Err("nested too deeply".to_owned());
            }
            return Ok(Test::Not(Box::new(self.operand()?)));
        }
        if self.eat("(") {
            let inner = self.test(0)?;
            self.blanks();
            return if self.eat(")") { Ok(inner) } else { Err("a ')' is missing".to_owned()) };
        }
        if self.eat("@") {
            return Ok(Test::Path(true, self.steps()?));
        }
        if self.eat("$") {
            return Ok(Test::Path(false, self.steps()?));
        }
        if self.rest.starts_with(['\'', '"']) {
            return self.quoted().map(|s| Test::Literal(s.into()));
        }
        let end = self.rest.find(|c: char| !(c.is_alphanumeric() || matches!(c, '.' | '_' | '-'))).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        match word {
            "true" => Ok(Test::Literal(true.into())),
            "false" => Ok(Test::Literal(false.into())),
            "null" | "nil" => Ok(Test::Literal(Value::Nil)),
            _ => word.parse::<f64>().map(|n| Test::Literal(n.into())).map_err(|_| format!("unexpected token '{word}'")),
        }
    }
}

fn walk(root: &Value, value: &Value, steps: &[Step], budget: &mut usize) -> Result<Value, String> {
    *budget = budget.checked_sub(1).ok_or("the path visits too many values")?;
    let Some((step, rest)) = steps.split_first() else { return Ok(value.clone()) };
    let each = |found: Vec<Value>, budget: &mut usize| -> Result<Value, String> {
        let mut out = Vec::new();
        for one in found {
            match walk(root, &one, rest, budget) {
                // What an inner indefinite step finds is part of the one list.
                Ok(Value::List(list)) if rest.iter().any(indefinite) => out.extend(list.iter().cloned()),
                Ok(found) => out.push(found),
                Err(error) if *budget == 0 => return Err(error),
                Err(_) => {}
            }
        }
        Ok(out.into())
    };
    match step {
        Step::Key(key) => walk(root, &member(value, key)?, rest, budget),
        Step::Index(n) => walk(root, &index(value, *n)?, rest, budget),
        Step::All => match value {
            Value::List(list) => each(list.to_vec(), budget),
            Value::Map(map) => each(map.values().cloned().collect(), budget),
            other => Err(format!("wildcard: invalid token target. expected [array map slice] got [{}]", other.kind())),
        },
        Step::Descend => {
            let mut found = Vec::new();
            descend(value, &mut found, 0)?;
            each(found, budget)
        }
        Step::Slice(from, to, by) => {
            let Value::List(list) = value else {
                return Err(format!("range: invalid token target. expected [array slice string] got [{}]", value.kind()));
            };
            each(sliced(list, *from, *to, by.unwrap_or(1))?, budget)
        }
        Step::Union(keys) => {
            let found: Result<Vec<Value>, String> = keys
                .iter()
                .map(|key| match key {
                    Value::Int(n) => index(value, *n),
                    key => member(value, &key.to_string()),
                })
                .collect();
            each(found?, budget)
        }
        Step::Filter(test) => {
            let items = match value {
                Value::List(list) => list.to_vec(),
                Value::Map(map) => map.values().cloned().collect(),
                other => return Err(format!("filter: invalid token target. expected [array map slice] got [{}]", other.kind())),
            };
            let mut kept = Vec::new();
            for item in items {
                if truthy(&evaluate(test, root, &item, budget)) {
                    kept.push(item);
                }
            }
            each(kept, budget)
        }
        #[allow(clippy::cast_possible_truncation)]
        Step::Script(test) => match evaluate(test, root, value, budget) {
            Value::Int(n) => walk(root, &index(value, n)?, rest, budget),
            Value::Float(n) => walk(root, &index(value, n as i64)?, rest, budget),
            Value::String(key) => walk(root, &member(value, &key)?, rest, budget),
            other => Err(format!("unexpected script result. expected [integer string] got [{}]", other.kind())),
        },
    }
}

fn indefinite(step: &Step) -> bool {
    matches!(step, Step::All | Step::Descend | Step::Slice(..) | Step::Union(_) | Step::Filter(_))
}

fn descend(value: &Value, out: &mut Vec<Value>, depth: usize) -> Result<(), String> {
    if depth > MOST_DEPTH || out.len() > MOST_VALUES {
        return Err("the document is too large for '..'".to_owned());
    }
    out.push(value.clone());
    match value {
        Value::List(list) => list.iter().try_for_each(|v| descend(v, out, depth + 1)),
        Value::Map(map) => map.values().try_for_each(|v| descend(v, out, depth + 1)),
        _ => Ok(()),
    }
}

fn member(value: &Value, key: &str) -> Result<Value, String> {
    match value {
        Value::Map(map) => match map.get(key) {
            Some(found) => Ok(found.clone()),
            None if key == "length" => Ok(map.len().into()),
            None => Err(format!("key: invalid token key '{key}' not found")),
        },
        Value::List(list) if key == "length" => Ok(list.len().into()),
        Value::String(s) if key == "length" => Ok(s.len().into()),
        other => Err(format!("key: invalid token target. expected [map] got [{}]", other.kind())),
    }
}

fn index(value: &Value, n: i64) -> Result<Value, String> {
    match value {
        Value::List(list) => {
            let length = i64::try_from(list.len()).unwrap_or(i64::MAX);
            let at = if n < 0 { n.saturating_add(length) } else { n };
            usize::try_from(at).ok().and_then(|i| list.get(i).cloned()).ok_or_else(|| "index: invalid token out of range".to_owned())
        }
        Value::Map(map) if map.contains_key(n.to_string().as_str()) => member(value, &n.to_string()),
        other => Err(format!("index: invalid token target. expected [array slice string] got [{}]", other.kind())),
    }
}

fn sliced(list: &Arc<[Value]>, from: Option<i64>, to: Option<i64>, by: i64) -> Result<Vec<Value>, String> {
    if by == 0 {
        return Err("range: invalid token out of range".to_owned());
    }
    let length = i64::try_from(list.len()).unwrap_or(i64::MAX);
    let clamp = |n: i64| if n < 0 { n.saturating_add(length) } else { n }.clamp(if by < 0 { -1 } else { 0 }, length);
    let (mut at, end) = if by > 0 {
        (clamp(from.unwrap_or(0)), clamp(to.unwrap_or(length)))
    } else {
        (from.map_or(length - 1, clamp).min(length - 1), to.map_or(-1, clamp))
    };
    let mut out = Vec::new();
    while if by > 0 { at < end } else { at > end } {
        out.extend(usize::try_from(at).ok().and_then(|i| list.get(i).cloned()));
        at = at.saturating_add(by);
    }
    Ok(out)
}

fn truthy(value: &Value) -> bool {
    match value {
        Value::Nil => false,
        Value::Bool(b) => *b,
        Value::String(s) => !s.is_empty(),
        Value::List(list) => !list.is_empty(),
        _ => true,
    }
}

fn evaluate(test: &Test, root: &Value, element: &Value, budget: &mut usize) -> Value {
    match test {
        Test::Literal(value) => value.clone(),
        Test::Path(own, steps) => walk(root, if *own { element } else { root }, steps, budget).unwrap_or_default(),
        Test::Not(inner) => (!truthy(&evaluate(inner, root, element, budget))).into(),
        Test::Binary(symbol, a, b) => {
            let a = evaluate(a, root, element, budget);
            match *symbol {
                "||" => return (truthy(&a) || truthy(&evaluate(b, root, element, budget))).into(),
                "&&" => return (truthy(&a) && truthy(&evaluate(b, root, element, budget))).into(),
                _ => {}
            }
            let b = evaluate(b, root, element, budget);
            match *symbol {
                "==" => (a == b).into(),
                "!=" => (a != b).into(),
                "=~" => match (a.as_str(), b.as_str().map(crate::sprig::regexes::compile)) {
                    (Some(s), Some(Ok(pattern))) => pattern.is_match(s).into(),
                    _ => false.into(),
                },
                symbol => compare(symbol, &a, &b),
            }
        }
    }
}

fn compare(symbol: &str, a: &Value, b: &Value) -> Value {
    if let (Some(x), Some(y)) = (a.as_f64(), b.as_f64()) {
        match symbol {
            "+" => return (x + y).into(),
            "-" => return (x - y).into(),
            "*" => return (x * y).into(),
            "/" => return (x / y).into(),
            "%" => return (x % y).into(),
            _ => {}
        }
    }
    let order = match (a, b) {
        (Value::String(x), Value::String(y)) => Some(x.cmp(y)),
        _ => a.as_f64().zip(b.as_f64()).and_then(|(x, y)| x.partial_cmp(&y)),
    };
    order
        .is_some_and(|o| match symbol {
            "<" => o.is_lt(),
            "<=" => o.is_le(),
            ">" => o.is_gt(),
            ">=" => o.is_ge(),
            _ => false,
        })
        .into()
}

#[cfg(test)]
mod tests {
    use super::find;

    #[test]
    fn paths() {
        let doc = r#"{"a":[{"n":"x","v":1},{"n":"y","v":5},{"n":"z","v":7}],"b":{"c":[1,2,3]}}"#;
        for (path, expected) in [
            ("$.a[*].n", r#"["x","y","z"]"#),
            ("$.a[?(@.v > 2 && @.n != 'z')].n", r#"["y"]"#),
            ("$.b.c[-2:]", "[2,3]"),
            ("$.b['c'][0]", "1"),
            ("$..c", "[[1,2,3]]"),
            ("$.b.c[(@.length-1)]", "3"),
            ("$.a.length", "3"),
            ("$.b.c[0,2]", "[1,3]"),
        ] {
            assert_eq!(find(doc, path).unwrap().to_json_text().unwrap(), expected, "{path}");
        }
        for bad in ["", "a", "$[", "$.", "$.x", "$.a[9]", "$.a[?(]", "$x"] {
            assert!(find(doc, bad).is_err(), "{bad}");
        }
        let deep = format!("$[?({}@)]", "(".repeat(100_000));
        assert!(find(doc, &deep).is_err());
    }
}
