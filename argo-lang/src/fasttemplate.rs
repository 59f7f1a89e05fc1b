//! Texts with tags between two marks, as valyala/fasttemplate reads them. [`crate::tags`] is what manifests of workflows use; this is the bare
//! engine, for `{{ }}` of ApplicationSets without Go templates and of data that is not JSON.
//!
//! ```
//! use argo_lang::fasttemplate::Template;
//! let template = Template::parse("hello {{name}}{{x}}", "{{", "}}").unwrap();
//! let filled = template.execute(|tag| (tag == "name").then(|| "you".to_owned())).unwrap();
//! assert_eq!(filled, "hello you");
//! ```

use std::sync::Arc;

use crate::{ParseError, Span};

/// Largest text that filling in makes.
const MOST_SIZE: usize = 100_000_000;

/// A text with tags; cheap to clone.
#[derive(Clone, Debug)]
pub struct Template {
    /// Texts around the tags: always one more than tags.
    texts: Arc<[String]>,
    tags: Arc<[String]>,
    marks: (Arc<str>, Arc<str>),
}

/// A text that could not be filled in.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FillError {
    /// A tag has no value and must have one.
    #[error("failed to resolve {0}")]
    Unknown(String),
    /// The result is too large.
    #[error("the result is too large")]
    TooLarge,
}

impl Template {
    /// Reads a text.
    ///
    /// # Errors
    /// When a mark is empty, or a tag is not closed.
    pub fn parse(text: &str, start: &str, end: &str) -> Result<Self, ParseError> {
        Self::read(text, start, end, true)
    }

    /// Reads a text in which a tag that is not closed is text.
    ///
    /// # Errors
    /// When a mark is empty.
    pub fn parse_lenient(text: &str, start: &str, end: &str) -> Result<Self, ParseError> {
        Self::read(text, start, end, false)
    }

    fn read(text: &str, start: &str, end: &str, strict: bool) -> Result<Self, ParseError> {
        for (mark, what) in [(start, "startTag"), (end, "endTag")] {
            if mark.is_empty() {
                return Err(ParseError::new(format!("{what} cannot be empty"), Span::default()));
            }
        }
        let (mut texts, mut tags) = (Vec::new(), Vec::new());
        let mut rest = text;
        while let Some((before, after)) = rest.split_once(start) {
            let Some((tag, tail)) = after.split_once(end) else {
                if strict {
                    let at = text.len().saturating_sub(after.len()).saturating_sub(start.len());
                    let message = format!("Cannot find end tag={end:?} in the template={text:?} starting from {after:?}");
                    return Err(ParseError::new(message, Span::new(at, text.len())));
                }
                break;
            };
            texts.push(before.to_owned());
            tags.push(tag.to_owned());
            rest = tail;
        }
        texts.push(rest.to_owned());
        Ok(Self { texts: texts.into(), tags: tags.into(), marks: (start.into(), end.into()) })
    }

    /// The tags in order, as they are written.
    pub fn tags(&self) -> impl Iterator<Item = &str> {
        self.tags.iter().map(String::as_str)
    }

    /// Fills in values; a tag without one becomes nothing.
    ///
    /// # Errors
    /// When the result is too large.
    pub fn execute(&self, value: impl Fn(&str) -> Option<String>) -> Result<String, FillError> {
        self.fill(|tag| Ok(value(tag).unwrap_or_default()))
    }

    /// Fills in values; a tag without one stays as it is written.
    ///
    /// # Errors
    /// When the result is too large.
    pub fn execute_keeping(&self, value: impl Fn(&str) -> Option<String>) -> Result<String, FillError> {
        let (start, end) = &self.marks;
        self.fill(|tag| Ok(value(tag).unwrap_or_else(|| format!("{start}{tag}{end}"))))
    }

    /// Fills in values; a tag without one is an error. Blanks around a tag do not count.
    ///
    /// # Errors
    /// When a tag has no value, or the result is too large.
    pub fn execute_strict(&self, value: impl Fn(&str) -> Option<String>) -> Result<String, FillError> {
        let (start, end) = &self.marks;
        self.fill(|tag| value(tag.trim()).ok_or_else(|| FillError::Unknown(format!("{start}{tag}{end}"))))
    }

    fn fill(&self, value: impl Fn(&str) -> Result<String, FillError>) -> Result<String, FillError> {
        let mut out = String::new();
        let mut tags = self.tags.iter();
        for text in self.texts.iter() {
            out.push_str(text);
            if let Some(tag) = tags.next() {
                out.push_str(&value(tag)?);
            }
            if out.len() > MOST_SIZE {
                return Err(FillError::TooLarge);
            }
        }
        Ok(out)
    }
}

#[cfg(test)]
mod tests {
    use super::{FillError, Template};

    #[test]
    fn three_ways_to_fill() {
        let t = Template::parse("{{a}} {{ a }}-{{b{{a}}", "{{", "}}").unwrap();
        let value = |tag: &str| (tag == "a").then(|| "A".to_owned());
        assert_eq!(t.execute(value).unwrap(), "A -");
        assert_eq!(t.execute_keeping(value).unwrap(), "A {{ a }}-{{b{{a}}");
        assert_eq!(t.execute_strict(value), Err(FillError::Unknown("{{b{{a}}".into())));
        assert!(Template::parse("{{a", "{{", "}}").is_err() && Template::parse("a", "", "}}").is_err());
        assert_eq!(Template::parse_lenient("x{{a", "{{", "}}").unwrap().execute(value).unwrap(), "x{{a");
    }
}
