//! Looking into JSON text without reading it whole: the text of objects that are kept, which this crate wrote itself.

use std::borrow::Cow;

use serde_json::Value;

/// A JSON value as text, without white space around or between its parts.
///
/// Text that is not such JSON has nothing in it; it never panics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Raw<'a>(&'a str);

impl<'a> Raw<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Self(text)
    }

    pub(crate) fn as_str(self) -> &'a str {
        self.0
    }

    /// The members of an object; none where it is no object.
    pub(crate) fn members(self) -> Members<'a> {
        Members { text: self.0, at: if self.0.starts_with('{') { 1 } else { self.0.len() } }
    }

    /// The items of a list; none where it is no list.
    pub(crate) fn items(self) -> Items<'a> {
        Items { text: self.0, at: if self.0.starts_with('[') { 1 } else { self.0.len() } }
    }

    /// The member of an object.
    pub(crate) fn get(self, key: &str) -> Option<Self> {
        self.members().find(|(name, _)| is_key(name, key)).map(|(_, value)| value)
    }

    /// The value at a path of keys.
    pub(crate) fn at(self, path: &[&str]) -> Option<Self> {
        path.iter().try_fold(self, |value, key| value.get(key))
    }

    pub(crate) fn is_null(self) -> bool {
        self.0 == "null"
    }

    pub(crate) fn number(self) -> Option<i64> {
        self.0.parse().ok()
    }

    /// A text; `None` for anything else.
    pub(crate) fn text(self) -> Option<Cow<'a, str>> {
        let inner = self.0.strip_prefix('"')?.strip_suffix('"')?;
        if inner.contains('\\') { serde_json::from_str(self.0).ok().map(Cow::Owned) } else { Some(Cow::Borrowed(inner)) }
    }

    /// A text without escapes, as names, labels and ids are.
    pub(crate) fn plain(self) -> Option<&'a str> {
        let inner = self.0.strip_prefix('"')?.strip_suffix('"')?;
        (!inner.contains('\\')).then_some(inner)
    }

    /// Reads it.
    pub(crate) fn value(self) -> Value {
        serde_json::from_str(self.0).unwrap_or_default()
    }

    /// Where in a text this part of it begins and ends.
    pub(crate) fn place_in(self, whole: &str) -> std::ops::Range<usize> {
        let from = (self.0.as_ptr() as usize).saturating_sub(whole.as_ptr() as usize);
        from..from.saturating_add(self.0.len())
    }
}

/// Whether the name of a member, as it is written, is `key`.
fn is_key(name: &str, key: &str) -> bool {
    name == key || (name.contains('\\') && serde_json::from_str::<String>(&format!("\"{name}\"")).is_ok_and(|n| n == key))
}

/// A member's name without its escapes.
pub(crate) fn unescaped(name: &str) -> Cow<'_, str> {
    if !name.contains('\\') {
        return Cow::Borrowed(name);
    }
    serde_json::from_str(&format!("\"{name}\"")).map_or(Cow::Borrowed(name), Cow::Owned)
}

/// The end of the string that begins at `at`, its quotes included.
fn string_end(bytes: &[u8], at: usize) -> Option<usize> {
    let mut at = at.checked_add(1)?;
    loop {
        match *bytes.get(at)? {
            b'"' => return at.checked_add(1),
            b'\\' => at = at.checked_add(2)?,
            _ => at = at.checked_add(1)?,
        }
    }
}

/// The end of the value that begins at `at`.
fn value_end(bytes: &[u8], at: usize) -> Option<usize> {
    match *bytes.get(at)? {
        b'"' => string_end(bytes, at),
        b'{' | b'[' => {
            let (mut at, mut depth) = (at, 0_usize);
            loop {
                match *bytes.get(at)? {
                    b'"' => {
                        at = string_end(bytes, at)?;
                        continue;
                    }
                    b'{' | b'[' => depth = depth.checked_add(1)?,
                    b'}' | b']' => {
                        depth = depth.checked_sub(1)?;
                        if depth == 0 {
                            return at.checked_add(1);
                        }
                    }
                    _ => {}
                }
                at = at.checked_add(1)?;
            }
        }
        _ => {
            let rest = bytes.get(at..)?;
            let length = rest.iter().position(|b| matches!(b, b',' | b'}' | b']')).unwrap_or(rest.len());
            at.checked_add(length)
        }
    }
}

/// The members of an object, their names still escaped.
#[derive(Debug)]
pub(crate) struct Members<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Iterator for Members<'a> {
    type Item = (&'a str, Raw<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        let bytes = self.text.as_bytes();
        if bytes.get(self.at) == Some(&b',') {
            self.at = self.at.checked_add(1)?;
        }
        if bytes.get(self.at) != Some(&b'"') {
            self.at = bytes.len();
            return None;
        }
        let name_end = string_end(bytes, self.at)?;
        let name = self.text.get(self.at.checked_add(1)?..name_end.checked_sub(1)?)?;
        let from = name_end.checked_add(1)?;
        let end = value_end(bytes, from)?;
        let value = self.text.get(from..end)?;
        self.at = end;
        Some((name, Raw(value)))
    }
}

/// The items of a list.
#[derive(Debug)]
pub(crate) struct Items<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Iterator for Items<'a> {
    type Item = Raw<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        let bytes = self.text.as_bytes();
        if bytes.get(self.at) == Some(&b',') {
            self.at = self.at.checked_add(1)?;
        }
        if matches!(bytes.get(self.at), None | Some(b']')) {
            self.at = bytes.len();
            return None;
        }
        let end = value_end(bytes, self.at).filter(|end| *end > self.at)?;
        let value = self.text.get(self.at..end)?;
        self.at = end;
        Some(Raw(value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn it_finds_what_a_parser_finds() {
        let text = json!({"a": {"b\"c": [1, "x]\\\"", {"d": null}]}, "e": true}).to_string();
        let raw = Raw::new(&text);
        let list = raw.at(&["a", "b\"c"]).unwrap();
        assert_eq!(list.items().map(Raw::as_str).collect::<Vec<_>>(), ["1", r#""x]\\\"""#, r#"{"d":null}"#]);
        assert_eq!(list.items().nth(1).unwrap().text().unwrap(), "x]\\\"");
        assert_eq!(raw.get("e").unwrap().as_str(), "true");
        assert_eq!(raw.get("f"), None);
    }

    proptest! {
        #[test]
        fn no_text_stops_it(text in "[\\[\\]{}\":,\\\\a1]{0,24}") {
            let raw = Raw::new(&text);
            let _ = (raw.members().count(), raw.items().count(), raw.get("a"), raw.text());
        }
    }
}
