//! Wildcards: `*` is any text, `?` one character, a backslash takes the next one as it is.

/// Whether a text fits a pattern; gives up (false) beyond a bounded amount of work.
pub(crate) fn matches(text: &[u8], pattern: &[u8]) -> bool {
    let text: Vec<char> = String::from_utf8_lossy(text).chars().collect();
    let mut glob = Vec::new();
    let pattern = String::from_utf8_lossy(pattern);
    let mut chars = pattern.chars();
    while let Some(c) = chars.next() {
        glob.push(match c {
            '*' => Piece::Many,
            '?' => Piece::One,
            '\\' => match chars.next() {
                Some(c) => Piece::Exactly(c),
                None => return false,
            },
            c => Piece::Exactly(c),
        });
    }
    // The last `*` and where it began: what follows is tried one character later each time.
    let (mut t, mut p, mut star) = (0_usize, 0_usize, None);
    let mut steps = 0_usize;
    while t < text.len() {
        steps += 1;
        if steps > 5_000_000 {
            return false;
        }
        match (glob.get(p), text.get(t)) {
            (Some(Piece::Many), _) => {
                star = Some((p, t));
                p += 1;
                continue;
            }
            (Some(Piece::One), _) => {
                (t, p) = (t + 1, p + 1);
                continue;
            }
            (Some(Piece::Exactly(c)), Some(d)) if c == d => {
                (t, p) = (t + 1, p + 1);
                continue;
            }
            _ => {}
        }
        let Some((star_p, star_t)) = star else { return false };
        star = Some((star_p, star_t + 1));
        (t, p) = (star_t + 1, star_p + 1);
    }
    glob.iter().skip(p).all(|piece| *piece == Piece::Many)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Piece {
    Many,
    One,
    Exactly(char),
}
