//! Capitals, words and their joints: goutils and huandu/xstrings.

use super::Entry;
use super::args::text;
use super::strings::entry;

pub(super) const TABLE: &[Entry] = &[
    entry("title", "s", |_, a| Ok(title(text(a, 0)).into())),
    entry("untitle", "s", |_, a| Ok(untitle(text(a, 0)).into())),
    entry("swapcase", "s", |_, a| Ok(swap(text(a, 0)).into())),
    entry("initials", "s", |_, a| Ok(text(a, 0).split_whitespace().filter_map(|w| w.chars().next()).collect::<String>().into())),
    entry("snakecase", "s", |_, a| Ok(lower_words(text(a, 0), '_').into())),
    entry("kebabcase", "s", |_, a| Ok(lower_words(text(a, 0), '-').into())),
    entry("camelcase", "s", |_, a| Ok(pascal(text(a, 0)).into())),
];

fn title(s: &str) -> String {
    let mut inside = false;
    s.chars()
        .flat_map(|c| {
            let word = c == '_' || c.is_alphanumeric() || (!c.is_ascii() && !c.is_whitespace());
            let first = !inside;
            inside = word;
            if first { c.to_uppercase().collect::<Vec<_>>() } else { vec![c] }
        })
        .collect()
}

fn untitle(s: &str) -> String {
    let mut inside = false;
    s.chars()
        .flat_map(|c| {
            let first = !inside;
            inside = !c.is_whitespace();
            if first { c.to_lowercase().collect::<Vec<_>>() } else { vec![c] }
        })
        .collect()
}

fn swap(s: &str) -> String {
    s.chars().flat_map(|c| if c.is_uppercase() { c.to_lowercase().collect::<Vec<_>>() } else { c.to_uppercase().collect() }).collect()
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Word {
    Upper,
    Lower,
    Number,
    Connector,
    Punctuation,
    Other,
    End,
}

fn connector(c: char) -> bool {
    c == '-' || c == '_' || c.is_whitespace()
}

fn punctuation(c: char) -> bool {
    c.is_ascii_punctuation() && !matches!(c, '$' | '+' | '<' | '=' | '>' | '^' | '`' | '|' | '~')
}

/// The next word of a text, and what follows.
fn next_word(s: &str) -> (Word, &str, &str) {
    let lower = |c: char| c.is_lowercase();
    let while_true = |f: &dyn Fn(char) -> bool| s.find(|c| !f(c)).unwrap_or(s.len());
    let Some(first) = s.chars().next() else { return (Word::End, "", "") };
    let (kind, length) = if connector(first) {
        (Word::Connector, while_true(&connector))
    } else if punctuation(first) {
        (Word::Punctuation, while_true(&punctuation))
    } else if first.is_uppercase() {
        let upper = while_true(&char::is_uppercase);
        let rest = s.get(upper..).unwrap_or_default();
        let starts_word = rest.starts_with(lower);
        if upper == first.len_utf8() {
            (Word::Upper, upper + rest.find(|c| !lower(c)).unwrap_or(rest.len()))
        } else if starts_word {
            // `HTTPServer`: the last capital begins the next word.
            let last = s.get(..upper).and_then(|u| u.chars().last()).map_or(0, char::len_utf8);
            (Word::Upper, upper - last)
        } else {
            (Word::Upper, upper)
        }
    } else if lower(first) {
        (Word::Lower, while_true(&lower))
    } else if first.is_numeric() {
        (Word::Number, while_true(&char::is_numeric))
    } else {
        (Word::Other, first.len_utf8())
    };
    let (word, rest) = s.split_at(length);
    (kind, word, rest)
}

fn push_lower(out: &mut String, kind: Word, word: &str, joint: char) {
    if !matches!(kind, Word::Upper | Word::Connector) {
        out.push_str(word);
        return;
    }
    for c in word.chars() {
        if connector(c) { out.push(joint) } else { out.extend(c.to_lowercase()) }
    }
}

fn joins(kind: Word) -> bool {
    !matches!(kind, Word::Connector | Word::Punctuation | Word::End)
}

/// Takes small letters and numbers as they follow each other, then a joint if another word comes.
fn take_small<'a>(out: &mut String, mut at: (Word, &'a str, &'a str), joint: char) -> (Word, &'a str, &'a str) {
    while matches!(at.0, Word::Lower | Word::Number) {
        push_lower(out, at.0, at.1, joint);
        at = next_word(at.2);
    }
    if joins(at.0) {
        out.push(joint);
    }
    at
}

fn lower_words(s: &str, joint: char) -> String {
    use Word as W;
    let mut out = String::new();
    let (mut kind, mut word, mut rest) = next_word(s);
    while !rest.is_empty() {
        if kind != W::Connector {
            push_lower(&mut out, kind, word, joint);
        }
        let (before, last) = (kind, word);
        (kind, word, rest) = next_word(rest);
        match before {
            W::Number => {
                (kind, word, rest) = take_small(&mut out, (kind, word, rest), joint);
            }
            W::Connector => push_lower(&mut out, before, last, joint),
            W::Punctuation => {}
            _ if kind != W::Number => {
                if joins(kind) {
                    out.push(joint);
                }
            }
            _ if rest.is_empty() => {}
            _ => {
                let number = word;
                (kind, word, rest) = next_word(rest);
                if kind == W::Lower {
                    // Small letters after a number make both a word of their own.
                    out.push(joint);
                    push_lower(&mut out, W::Number, number, joint);
                    (kind, word, rest) = take_small(&mut out, (kind, word, rest), joint);
                } else {
                    push_lower(&mut out, W::Number, number, joint);
                    if joins(kind) {
                        out.push(joint);
                    }
                }
            }
        }
    }
    push_lower(&mut out, kind, word, joint);
    out
}

fn pascal(s: &str) -> String {
    let mut out = String::new();
    let mut chars = s.chars();
    let mut before = loop {
        match chars.next() {
            Some(c) if connector(c) => out.push(c),
            Some(c) => break c.to_uppercase().next().unwrap_or(c),
            None => return out,
        }
    };
    for c in chars {
        if connector(c) && connector(before) {
            out.push(before);
            continue;
        }
        if connector(before) {
            before = c.to_uppercase().next().unwrap_or(c);
            continue;
        }
        out.push(before);
        before = c;
    }
    out.push(before);
    out
}

#[cfg(test)]
mod tests {
    use super::{lower_words, pascal, swap, title, untitle};

    #[test]
    fn words() {
        for (s, expected) in [
            ("FirstName", "first_name"),
            ("HTTPServer", "http_server"),
            ("NoHTTPS", "no_https"),
            ("GO_PATH", "go_path"),
            ("GO PATH", "go_path"),
            ("http2xx", "http_2xx"),
            ("HTTP20xOK", "http_20x_ok"),
            ("Duration2m3s", "duration_2m3s"),
            ("Bld4Floor3rd", "bld4_floor_3rd"),
            ("", ""),
        ] {
            assert_eq!(lower_words(s, '_'), expected, "{s}");
        }
        assert_eq!((pascal("no_https"), pascal("_complex__case_")), ("NoHttps".into(), "_Complex_Case_".into()));
        assert_eq!((title("a-b c_d"), untitle("A Bc"), swap("aB")), ("A-B C_d".into(), "a bc".into(), "Ab".into()));
    }
}
