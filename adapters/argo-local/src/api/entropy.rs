//! Unique ids, generated names and keys, all from one seed: SHA-256 over the seed and a counter.

use sha2::{Digest, Sha256};

/// Letters of generated names; no vowels and nothing that looks like another, as upstream.
const LETTERS: &[u8; 27] = b"bcdfghjklmnpqrstvwxz2456789";

#[derive(Debug)]
pub(crate) struct Entropy {
    seed: [u8; 32],
    counter: u64,
}

impl Entropy {
    pub(crate) fn new(seed: [u8; 32]) -> Self {
        Self { seed, counter: 0 }
    }

    /// The next 32 bytes.
    pub(crate) fn bytes(&mut self) -> [u8; 32] {
        self.counter = self.counter.wrapping_add(1);
        let mut hash = Sha256::new();
        hash.update(self.seed);
        hash.update(self.counter.to_le_bytes());
        hash.finalize().into()
    }

    /// A version 4 UUID.
    pub(crate) fn uid(&mut self) -> String {
        let bytes = self.bytes();
        let mut out = String::with_capacity(36);
        for (index, byte) in bytes.iter().take(16).enumerate() {
            if matches!(index, 4 | 6 | 8 | 10) {
                out.push('-');
            }
            let byte = match index {
                6 => (byte & 0x0f) | 0x40,
                8 => (byte & 0x3f) | 0x80,
                _ => *byte,
            };
            for half in [byte >> 4, byte & 15] {
                out.push(char::from_digit(u32::from(half), 16).unwrap_or('0'));
            }
        }
        out
    }

    /// The five characters after a `generateName`.
    pub(crate) fn suffix(&mut self) -> String {
        let letter = |b: &u8| char::from(LETTERS.get(usize::from(*b) % LETTERS.len()).copied().unwrap_or(b'x'));
        self.bytes().iter().take(5).map(letter).collect()
    }

    /// A number below `bound`.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        let mut first = [0; 8];
        first.copy_from_slice(self.bytes().first_chunk::<8>().unwrap_or(&[0; 8]));
        u64::from_le_bytes(first) % bound.max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_have_their_form_and_differ() {
        let mut entropy = Entropy::new([1; 32]);
        let (a, b) = (entropy.uid(), entropy.uid());
        assert_ne!(a, b);
        assert_eq!((a.len(), &a[14..15]), (36, "4"));
        assert_eq!(entropy.suffix().len(), 5);
        assert!(entropy.below(3) < 3);
    }
}
