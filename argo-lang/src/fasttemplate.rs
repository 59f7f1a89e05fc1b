//! Texts with tags between two marks, as valyala/fasttemplate reads them. [`crate::tags`] is what manifests of workflows use; this is the bare
//! engine, for `{{ }}` of ApplicationSets without Go templates and of data that is not JSON.
//!
//! ```
//! use argo_lang::{Budget, fasttemplate::Template};
//! let template = Template::parse("hello {{name}}{{x}}", "{{", "}}").unwrap();
//! let filled = template.execute(|tag| (tag == "name").then(|| "you".to_owned()), &Budget::default()).unwrap();
//! assert_eq!(filled, "hello you");
//! ```

use std::fmt;
use std::sync::Arc;

use crate::{Budget, Cause, Limit, ParseError, RunError, Span};

/// A text with tags; cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    /// Texts around the tags: always one more than tags.
    texts: Arc<[String]>,
    tags: Arc<[(String, Span)]>,
    marks: (Arc<str>, Arc<str>),
}

/// As it was written.
impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (start, end) = &self.marks;
        let mut tags = self.tags.iter();
        for text in self.texts.iter() {
            f.write_str(text)?;
            tags.next().map_or(Ok(()), |(tag, _)| write!(f, "{start}{tag}{end}"))?;
        }
        Ok(())
    }
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
                    return Err(ParseError::new(message, Span::new(at, text.len())).expecting(format!("{end:?}")));
                }
                break;
            };
            texts.push(before.to_owned());
            let start_at = text.len().saturating_sub(after.len());
            tags.push((tag.to_owned(), Span::new(start_at, start_at.saturating_add(tag.len()))));
            rest = tail;
        }
        texts.push(rest.to_owned());
        Ok(Self { texts: texts.into(), tags: tags.into(), marks: (start.into(), end.into()) })
    }

    /// The tags in order, as they are written.
    pub fn tags(&self) -> impl Iterator<Item = &str> {
        self.tags.iter().map(|(tag, _)| tag.as_str())
    }

    /// Fills in values; a tag without one becomes nothing.
    ///
    /// # Errors
    /// When the result is too large.
    pub fn execute(&self, value: impl Fn(&str) -> Option<String>, budget: &Budget) -> Result<String, RunError> {
        self.fill(|tag, _| Ok(value(tag).unwrap_or_default()), budget)
    }

    /// Fills in values; a tag without one stays as it is written.
    ///
    /// # Errors
    /// When the result is too large.
    pub fn execute_keeping(&self, value: impl Fn(&str) -> Option<String>, budget: &Budget) -> Result<String, RunError> {
        let (start, end) = &self.marks;
        self.fill(|tag, _| Ok(value(tag).unwrap_or_else(|| format!("{start}{tag}{end}"))), budget)
    }

    /// Fills in values; a tag without one is an error. Blanks around a tag do not count.
    ///
    /// # Errors
    /// When a tag has no value, or the result is too large.
    pub fn execute_strict(&self, value: impl Fn(&str) -> Option<String>, budget: &Budget) -> Result<String, RunError> {
        let (start, end) = &self.marks;
        let unknown = |tag: &str, span| {
            let name = tag.trim().to_owned();
            RunError::new(format!("failed to resolve {start}{tag}{end}"), span).because(Cause::Unknown(name)).expecting("a known name")
        };
        self.fill(|tag, span| value(tag.trim()).ok_or_else(|| unknown(tag, span)), budget)
    }

    fn fill(&self, value: impl Fn(&str, Span) -> Result<String, RunError>, budget: &Budget) -> Result<String, RunError> {
        let mut out = String::new();
        let mut tags = self.tags.iter();
        for text in self.texts.iter() {
            out.push_str(text);
            let tag = tags.next();
            if let Some((tag, span)) = tag {
                out.push_str(&value(tag, *span)?);
            }
            if out.len() > budget.bytes {
                return Err(RunError::limit(Limit::Memory, tag.map_or(Span::default(), |(_, span)| *span)));
            }
        }
        Ok(out)
    }
}

#[cfg(test)]
mod tests {
    use super::Template;
    use crate::{Budget, Span};

    #[test]
    fn three_ways_to_fill() {
        let t = Template::parse("{{a}} {{ a }}-{{b{{a}}", "{{", "}}").unwrap();
        let value = |tag: &str| (tag == "a").then(|| "A".to_owned());
        let budget = Budget::default();
        assert_eq!(t.execute(value, &budget).unwrap(), "A -");
        assert_eq!(t.execute_keeping(value, &budget).unwrap(), "A {{ a }}-{{b{{a}}");
        let error = t.execute_strict(value, &budget).unwrap_err();
        assert_eq!((error.unknown(), error.span), (Some("b{{a"), Span::new(16, 20)));
        assert!(t.execute(value, &Budget { bytes: 2, ..budget }).is_err());
        assert!(Template::parse("{{a", "{{", "}}").is_err() && Template::parse("a", "", "}}").is_err());
        assert_eq!(Template::parse_lenient("x{{a", "{{", "}}").unwrap().execute(value, &budget).unwrap(), "x{{a");
    }
}
