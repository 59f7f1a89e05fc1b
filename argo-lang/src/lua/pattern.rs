//! Lua's patterns.

/// Steps that one match may take.
const MOST_STEPS: usize = 2_000_000;
const MOST_DEPTH: usize = 150;

/// Why a match ended without an answer.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    Malformed(&'static str),
    TooMuch,
}

/// Start and end of a capture; an open one has no end, a place has the end of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Capture {
    Open(usize),
    Closed(usize, usize),
    Place(usize),
}

pub(super) struct Matcher<'a> {
    text: &'a [u8],
    pattern: &'a [u8],
    pub(super) captures: Vec<Capture>,
    steps: usize,
    depth: usize,
}

type Found = Result<Option<usize>, Trouble>;

impl<'a> Matcher<'a> {
    pub(super) fn new(text: &'a [u8], pattern: &'a [u8]) -> Self {
        Self { text, pattern, captures: Vec::new(), steps: 0, depth: 0 }
    }

    /// The end of a match that begins at a place.
    pub(super) fn at(&mut self, start: usize) -> Found {
        self.captures.clear();
        self.run(start, usize::from(self.pattern.first() == Some(&b'^')))
    }

    pub(super) fn anchored(&self) -> bool {
        self.pattern.first() == Some(&b'^')
    }

    fn step(&mut self) -> Result<(), Trouble> {
        self.steps += 1;
        if self.steps > MOST_STEPS { Err(Trouble::TooMuch) } else { Ok(()) }
    }

    fn run(&mut self, s: usize, p: usize) -> Found {
        self.depth += 1;
        if self.depth > MOST_DEPTH {
            return Err(Trouble::TooMuch);
        }
        let found = self.run_inner(s, p);
        self.depth -= 1;
        found
    }

    fn run_inner(&mut self, mut s: usize, mut p: usize) -> Found {
        loop {
            self.step()?;
            let Some(c) = self.pattern.get(p).copied() else { return Ok(Some(s)) };
            match c {
                b'(' => {
                    let place = self.pattern.get(p + 1) == Some(&b')');
                    self.captures.push(if place { Capture::Place(s) } else { Capture::Open(s) });
                    let found = self.run(s, p + if place { 2 } else { 1 })?;
                    if found.is_none() {
                        self.captures.pop();
                    }
                    return Ok(found);
                }
                b')' => {
                    let Some(open) = self.captures.iter().rposition(|c| matches!(c, Capture::Open(_))) else {
                        return Err(Trouble::Malformed("invalid ')'"));
                    };
                    let Some(Capture::Open(start)) = self.captures.get(open).copied() else { return Ok(None) };
                    if let Some(slot) = self.captures.get_mut(open) {
                        *slot = Capture::Closed(start, s);
                    }
                    let found = self.run(s, p + 1)?;
                    if found.is_none()
                        && let Some(slot) = self.captures.get_mut(open)
                    {
                        *slot = Capture::Open(start);
                    }
                    return Ok(found);
                }
                b'$' if p + 1 == self.pattern.len() => return Ok((s == self.text.len()).then_some(s)),
                b'%' if self.pattern.get(p + 1) == Some(&b'b') => match self.balance(s, p + 2)? {
                    Some(end) => {
                        s = end;
                        p += 4;
                        continue;
                    }
                    None => return Ok(None),
                },
                b'%' if self.pattern.get(p + 1).is_some_and(u8::is_ascii_digit) => {
                    let index = usize::from(self.pattern.get(p + 1).copied().unwrap_or(b'0') - b'0');
                    let Some(Capture::Closed(from, to)) = index.checked_sub(1).and_then(|i| self.captures.get(i)).copied() else {
                        return Err(Trouble::Malformed("invalid capture index"));
                    };
                    let wanted = self.text.get(from..to).unwrap_or_default();
                    if self.text.get(s..).is_some_and(|t| t.starts_with(wanted)) {
                        s += wanted.len();
                        p += 2;
                        continue;
                    }
                    return Ok(None);
                }
                _ => {}
            }
            let end = self.single_end(p)?;
            match self.pattern.get(end) {
                Some(b'?') => {
                    if self.fits(s, p, end)?
                        && let Some(found) = self.run(s + 1, end + 1)?
                    {
                        return Ok(Some(found));
                    }
                    p = end + 1;
                }
                Some(b'*') => return self.most(s, p, end, 0),
                Some(b'+') => return self.most(s, p, end, 1),
                Some(b'-') => loop {
                    self.step()?;
                    if let Some(found) = self.run(s, end + 1)? {
                        return Ok(Some(found));
                    }
                    if !self.fits(s, p, end)? {
                        return Ok(None);
                    }
                    s += 1;
                },
                _ => {
                    if !self.fits(s, p, end)? {
                        return Ok(None);
                    }
                    s += 1;
                    p = end;
                }
            }
        }
    }

    fn most(&mut self, s: usize, p: usize, end: usize, least: usize) -> Found {
        let mut count = 0_usize;
        while self.fits(s + count, p, end)? {
            self.step()?;
            count += 1;
        }
        loop {
            if count < least {
                return Ok(None);
            }
            if let Some(found) = self.run(s + count, end + 1)? {
                return Ok(Some(found));
            }
            match count.checked_sub(1) {
                Some(less) => count = less,
                None => return Ok(None),
            }
        }
    }

    fn balance(&mut self, s: usize, p: usize) -> Found {
        let (Some(open), Some(close)) = (self.pattern.get(p).copied(), self.pattern.get(p + 1).copied()) else {
            return Err(Trouble::Malformed("unbalanced pattern"));
        };
        if self.text.get(s) != Some(&open) {
            return Ok(None);
        }
        let mut depth = 1_usize;
        let mut at = s + 1;
        while let Some(c) = self.text.get(at).copied() {
            self.step()?;
            if c == close {
                depth -= 1;
                if depth == 0 {
                    return Ok(Some(at + 1));
                }
            } else if c == open {
                depth += 1;
            }
            at += 1;
        }
        Ok(None)
    }

    /// The end of what stands for one character at `p`.
    fn single_end(&self, p: usize) -> Result<usize, Trouble> {
        match self.pattern.get(p) {
            Some(b'%') => {
                if p + 1 < self.pattern.len() {
                    Ok(p + 2)
                } else {
                    Err(Trouble::Malformed("malformed pattern (ends with '%')"))
                }
            }
            Some(b'[') => {
                let mut at = p + 1;
                if self.pattern.get(at) == Some(&b'^') {
                    at += 1;
                }
                loop {
                    let Some(c) = self.pattern.get(at) else { return Err(Trouble::Malformed("malformed pattern (missing ']')")) };
                    at += if *c == b'%' { 2 } else { 1 };
                    if self.pattern.get(at) == Some(&b']') {
                        return Ok(at + 1);
                    }
                }
            }
            _ => Ok(p + 1),
        }
    }

    fn fits(&mut self, s: usize, p: usize, end: usize) -> Result<bool, Trouble> {
        let Some(c) = self.text.get(s).copied() else { return Ok(false) };
        Ok(match self.pattern.get(p).copied() {
            Some(b'.') => true,
            Some(b'%') => class(c, self.pattern.get(p + 1).copied().unwrap_or(b'%')),
            Some(b'[') => self.set(c, p, end - 1),
            Some(wanted) => wanted == c,
            None => false,
        })
    }

    fn set(&self, c: u8, p: usize, close: usize) -> bool {
        let mut at = p + 1;
        let negated = self.pattern.get(at) == Some(&b'^');
        at += usize::from(negated);
        while at < close {
            let first = self.pattern.get(at).copied().unwrap_or(0);
            if first == b'%' {
                if class(c, self.pattern.get(at + 1).copied().unwrap_or(0)) {
                    return !negated;
                }
                at += 2;
            } else if self.pattern.get(at + 1) == Some(&b'-') && at + 2 < close {
                if (first..=self.pattern.get(at + 2).copied().unwrap_or(0)).contains(&c) {
                    return !negated;
                }
                at += 3;
            } else {
                if first == c {
                    return !negated;
                }
                at += 1;
            }
        }
        negated
    }
}

fn class(c: u8, class: u8) -> bool {
    let found = match class.to_ascii_lowercase() {
        b'a' => c.is_ascii_alphabetic(),
        b'c' => c.is_ascii_control(),
        b'd' => c.is_ascii_digit(),
        b'l' => c.is_ascii_lowercase(),
        b'p' => c.is_ascii_punctuation(),
        b's' => c.is_ascii_whitespace() || c == 0x0b,
        b'u' => c.is_ascii_uppercase(),
        b'w' => c.is_ascii_alphanumeric(),
        b'x' => c.is_ascii_hexdigit(),
        b'z' => c == 0,
        _ => return class == c,
    };
    found != class.is_ascii_uppercase()
}
